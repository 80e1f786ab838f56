"""kafka-python behind typed functions: producers and consumers built from Settings, its errors turned into ours.

What kafka-python leaves untyped ends here and in `admin`.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import (
    KafkaError,
    KafkaTimeoutError,
    RebalanceInProgressError,
    UnknownTopicOrPartitionError,
)
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.serializer import Serializer
from kafka.structs import OffsetAndMetadata

from consumers.kafka.admin import max_message_bytes
from consumers.kafka.connection import REQUEST_TIMEOUT_S, broker_errors, connection
from consumers.kafka.records import record_of
from consumers.settings import Settings
from consumers.sink import Outgoing
from consumers.subscriber import EMPTY_POLLS
from schemas.errors import StartupError, TransientError
from schemas.message import NULL_HEADERS, Headers, Message, Record

_BATCH_BYTES = 262_144
"""Bytes of a producer's batch: with 256 KB kafka-python sends ten times as fast as with its 16 KB (measured)."""

_MAX_REQUEST_BYTES = 1_073_741_824
"""The client sets no limit of its own: the topic's `max.message.bytes` is the one that counts."""


class _AsGiven(Serializer):  # type: ignore[misc]  # kafka-python has no types
    """Gives the value of a Message, null too.

    kafka-python 3.0.12 refuses a record with neither key nor value at the door of `send`, though Kafka has them;
    serializers run after that check. Remove this when `send` lets them through.
    """

    def serialize(self, topic: str, headers: list[tuple[str, bytes]], data: Message) -> bytes | None:
        """The value of the message."""
        del topic, headers
        return data.value


def _sendable(headers: Headers) -> list[tuple[str, bytes]]:
    """Headers without null values, which kafka-python 3.0.12 cannot write: empty in their stead, and a header more
    that counts, from 0, which ones were null.
    """
    given = [(name, value) for name, value in headers if value is not None]
    if len(given) == len(headers):
        return given
    null = [str(place) for place, (_, value) in enumerate(headers) if value is None]
    told = (NULL_HEADERS, ",".join(null).encode())
    return [*((name, value or b"") for name, value in headers), told]


def _at_most_bytes(message: Message) -> int:
    """A bound on the size of a message that is quick to tell, for most are far smaller than their topic allows.

    Kafka's overhead is less than 100 bytes a record and 10 a header; a character of a name has at most 4 bytes.
    """
    headers = sum(4 * len(name) + len(value or b"") + 20 for name, value in message.headers)
    return 200 + len(message.key or b"") + len(message.value or b"") + headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a message was put: partition and offset."""

    partition: int
    offset: int


class Pending:
    """A message on its way; `wait` tells where the broker put it."""

    def __init__(self, future: Any, topic: str, timeout_s: float) -> None:
        self._future, self._topic, self._timeout_s = future, topic, timeout_s

    @property
    def done(self) -> bool:
        """Whether the broker has answered, or it is known that it will not."""
        return bool(self._future.is_done)

    def wait(self) -> Place:
        """Waits for the acknowledgement. Raises StartupError where it can never come, TransientError otherwise."""
        try:
            put = self._future.get(timeout=self._timeout_s)
        except UnknownTopicOrPartitionError as error:
            raise _no_such_topic(self._topic) from error
        except KafkaError as error:
            raise TransientError(
                f"a message to topic {self._topic!r} was not acknowledged within {self._timeout_s:g} s: {error}"
            ) from error
        return Place(partition=put.partition, offset=put.offset)


class KafkaSender:
    """An idempotent kafka-python producer that awaits acknowledgements; safe to use from one thread at a time.

    It looks up the size limit of each topic once, and never sends what is larger: kafka-python's idempotent producer
    does not survive the broker's refusal.
    """

    def __init__(self, settings: Settings, **options: object) -> None:
        """`options`: arguments of kafka-python's producer that go before ours. Raises StartupError without a broker."""
        self._timeout_s = settings.delivery_timeout_s
        self._limits = max_message_bytes(settings)
        with broker_errors(settings):
            self.producer = KafkaProducer(
                **connection(settings)
                | {
                    "value_serializer": _AsGiven(),
                    "acks": "all",
                    "enable_idempotence": True,
                    "linger_ms": 5,
                    "batch_size": min([_BATCH_BYTES, *self._limits.values()]),
                    "max_request_size": _MAX_REQUEST_BYTES,
                    "delivery_timeout_ms": int(self._timeout_s * 1000),
                    "request_timeout_ms": int(min(self._timeout_s / 2, REQUEST_TIMEOUT_S) * 1000),
                    "max_block_ms": int(self._timeout_s * 1000),
                    "allow_auto_create_topics": False,
                    "metrics_enabled": False,  # nobody reads them; a tenth of the sending thread's time (py-spy)
                }
                | options
            )

    def fits(self, topic: str, message: Message) -> bool:
        """Whether the topic takes a message of this size, as far as its limit is known."""
        limit = self._limits.get(topic)
        if limit is None or _at_most_bytes(message) <= limit:
            return True
        size_bytes: int = DefaultRecordBatchBuilder.estimate_size_in_bytes(
            message.key, message.value, _sendable(message.headers)
        )
        return size_bytes <= limit

    def send(self, topic: str, message: Message) -> Pending:
        """Queues one message. Raises StartupError where the topic is not there."""
        try:
            future = self.producer.send(topic, key=message.key, value=message, headers=_sendable(message.headers))
        except KafkaTimeoutError as error:
            raise _no_such_topic(topic) from error
        return Pending(future, topic, self._timeout_s + 5)

    def deliver(self, outgoing: Sequence[Outgoing]) -> None:
        """See consumers.sink.Producer. kafka-python retries by itself, in order, until the delivery timeout."""
        try:
            pending = self.queue(outgoing)
            self.producer.flush(timeout=self._timeout_s + 5)
        except KafkaError as error:
            raise TransientError(f"a batch could not be sent within {self._timeout_s:g} s: {error!r}") from error
        for each in pending:
            each.wait()

    def queue(self, outgoing: Sequence[Outgoing]) -> list[Pending]:
        """Queues messages, or the smaller ones in their stead."""
        return [self.send(item.topic, item.message) for item in map(self._fitting, outgoing)]

    def _fitting(self, item: Outgoing) -> Outgoing:
        """The message itself, or the smaller one in its stead; raises StartupError where neither fits."""
        while not self.fits(item.topic, item.message):
            if item.smaller is None:
                raise StartupError(
                    f"topic {item.topic!r} takes no message of {len(item.message.value or b''):,} bytes: raise its "
                    "max.message.bytes"
                )
            item = item.smaller()
        return item

    def flush(self) -> None:
        """Waits until nothing is queued."""
        self.producer.flush()

    def close(self) -> None:
        """See consumers.sink.Producer; drops what could not be sent within five seconds."""
        with contextlib.suppress(KafkaError):
            self.producer.close(timeout=5)
            return
        self.producer._sender.force_close()  # noqa: SLF001 - `close` has raised before it came to that


def _no_such_topic(topic: str) -> StartupError:
    return StartupError(f"topic {topic!r} is not there: `tocsin topics create` makes it")


class KafkaReader:
    """A plain consumer without a group: it looks, and never moves anybody's offsets."""

    def __init__(self, settings: Settings, *, group: str | None = None, reset: str = "earliest") -> None:
        """With `group` it may commit that group's offsets, or be a member of it.

        `reset` says where a member begins that has no committed offset: earliest or latest. Raises StartupError where
        no broker answers.
        """
        self._held: list[Record] = []
        with broker_errors(settings):
            self._consumer = KafkaConsumer(
                **connection(settings),
                group_id=group,
                enable_auto_commit=False,
                auto_offset_reset=reset,
                isolation_level="read_committed",
                session_timeout_ms=int(settings.session_timeout_s * 1000),
                heartbeat_interval_ms=int(settings.session_timeout_s * 1000 / 3),
                fetch_max_wait_ms=100,
                max_partition_fetch_bytes=8_388_608,
                allow_auto_create_topics=False,
            )

    def partitions(self, topic: str) -> list[int]:
        """The partitions of a topic; raises StartupError where it is not there."""
        found = self._consumer.partitions_for_topic(topic)
        if not found:
            raise _no_such_topic(topic)
        return sorted(found)

    def assign(self, topics: Sequence[str]) -> None:
        """Reads all partitions of these topics, from wherever `seek` says."""
        self._consumer.assign([TopicPartition(topic, p) for topic in topics for p in self.partitions(topic)])

    def join(self, topic: str, timeout_s: float = 30.0) -> None:
        """Becomes a member of the group and reads the partitions that it is given, from the committed offsets on.

        Raises TransientError where the group gives it none in `timeout_s` seconds.
        """
        self.partitions(topic)
        self._consumer.subscribe([topic])
        until = time.monotonic() + timeout_s
        while not self._consumer.assignment():
            if time.monotonic() > until:
                raise TransientError(f"topic {topic!r}: no partition was given to this member in {timeout_s:g} s")
            self._held = self.poll(0.1)

    def seek(self, positions: Mapping[tuple[str, int], int]) -> None:
        """Goes on from these offsets."""
        for (topic, partition), offset in positions.items():
            self._consumer.seek(TopicPartition(topic, partition), offset)

    def seek_to_ends(self) -> None:
        """Goes on from where each partition ends now."""
        self._consumer.seek_to_end()

    def beginnings(self) -> dict[tuple[str, int], int]:
        """The first offset of every assigned partition."""
        return _offsets(self._consumer.beginning_offsets(list(self._consumer.assignment())))

    def ends(self) -> dict[tuple[str, int], int]:
        """The offset after the last one that a read_committed reader sees, of every assigned partition."""
        return _offsets(self._consumer.end_offsets(list(self._consumer.assignment())))

    def from_time(self, moment: datetime) -> dict[tuple[str, int], int]:
        """The first offset at or after a time, of every assigned partition; its end where there is none."""
        wanted = {p: int(moment.timestamp() * 1000) for p in self._consumer.assignment()}
        found = self._consumer.offsets_for_times(wanted)
        return self.ends() | {(p.topic, p.partition): at.offset for p, at in found.items() if at is not None}

    def committed(self, topic: str) -> dict[tuple[str, int], int]:
        """The group's committed offsets of a topic; partitions without one are left out."""
        found = {p: self._consumer.committed(TopicPartition(topic, p)) for p in self.partitions(topic)}
        return {(topic, p): offset for p, offset in found.items() if offset is not None}

    def commit(self, positions: Mapping[tuple[str, int], int], timeout_s: float = 10.0) -> None:
        """Commits the group's offsets; a member waits for a rebalance that goes on. Raises TransientError."""
        offsets = {TopicPartition(topic, p): OffsetAndMetadata(at, "", -1) for (topic, p), at in positions.items()}
        until = time.monotonic() + timeout_s
        while True:
            try:
                self._consumer.commit(offsets)
            except RebalanceInProgressError as error:
                if time.monotonic() > until:
                    raise TransientError(f"offsets could not be committed: {error}") from error
                self._held = self.poll(0.1)
            else:
                return

    def poll(self, timeout_s: float) -> list[Record]:
        """The records that came, in order per partition; empty after `timeout_s` seconds without any."""
        held, self._held = self._held, []
        batches = self._consumer.poll(timeout_ms=0 if held else int(timeout_s * 1000))
        return held + [record_of(raw) for batch in batches.values() for raw in batch]

    def drain(self) -> Iterator[Record]:
        """Everything from here to where the topics end now, and what comes close behind it.

        The embedded broker names too early an end for batched input, hence the wait for three empty polls.
        """
        ends = self.ends()
        empty = 0
        while empty < EMPTY_POLLS or any(self.position(*at) < end for at, end in ends.items()):
            records = self.poll(0.2)
            empty = 0 if records else empty + 1
            yield from records

    def position(self, topic: str, partition: int) -> int:
        """The offset that is read next."""
        return int(self._consumer.position(TopicPartition(topic, partition)))

    def positions(self) -> dict[tuple[str, int], int]:
        """The offset that is read next, of every assigned partition."""
        return {(p.topic, p.partition): self.position(p.topic, p.partition) for p in self._consumer.assignment()}

    def close(self) -> None:
        """Releases its sockets."""
        self._consumer.close()


def _offsets(found: Mapping[Any, int]) -> dict[tuple[str, int], int]:
    return {(p.topic, p.partition): offset for p, offset in found.items()}
