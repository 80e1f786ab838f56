"""The consumer group's offsets: where to read on, and committing what was dealt with."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from aiokafka.errors import (
    CommitFailedError,
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError as PlainKafkaError

from consumers.intake import Partition, Positions
from consumers.kafka.admin import topic_id
from consumers.kafka.connection import REQUEST_TIMEOUT_S, broker_errors, connection
from consumers.settings import Settings
from schemas.errors import AccessError, StartupError, TocsinError, TransientError

FETCH_NOWHERE = NoOffsetForPartitionError
"""What aiokafka raises for a partition of which it was not told where to begin."""

FETCH_GONE = OffsetOutOfRangeError
"""What aiokafka raises for offsets that the broker does not have; its argument names them."""


class LostArticlesError(TocsinError):
    """Articles that the group has not read are gone from the broker: nobody but a person can decide to go on."""


class GroupOffsets:
    """The committed offsets of the group, as a kafka-python consumer that is no member of it sees them.

    It reads `require_stable` (KIP-447): while a transaction that commits an offset is open, Kafka makes it wait until
    that is committed or aborted. aiokafka 0.14, and so Faust, cannot, and would start before such an offset.
    """

    def __init__(self, settings: Settings) -> None:
        """Raises StartupError where no broker answers."""
        self._settings = settings
        self._topic = settings.articles_topic
        self._timeout_ms = int(settings.delivery_timeout_s * 1000)
        with broker_errors(settings):
            self._consumer = KafkaConsumer(
                **connection(settings),
                group_id=settings.group,
                enable_auto_commit=False,
                isolation_level="read_committed",
                session_timeout_ms=int(REQUEST_TIMEOUT_S * 1000 / 2),
                heartbeat_interval_ms=int(REQUEST_TIMEOUT_S * 1000 / 10),
                request_timeout_ms=int(REQUEST_TIMEOUT_S * 1000),
                allow_auto_create_topics=False,
            )
        self._one_at_a_time = threading.Lock()
        self._topic_id = topic_id(settings, self._topic)
        self._written: dict[Partition, int] = {}

    def starts(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Where to read on: the committed offset, or the beginning where none is committed.

        Raises LostArticlesError where the topic was deleted, or made anew, since this process began (Kafka deletes
        the group's offsets with it), TransientError where the broker does not say.
        """
        if self._present_id() != self._topic_id:
            told = ", ".join(f"{topic}[{p}] from offset {o} on" for (topic, p), o in sorted(self._written.items()))
            raise LostArticlesError(
                f"topic {self._topic!r} was deleted while the worker ran: what it had not read is gone"
                f"{': ' if told else ''}{told}. A new start reads what a topic of that name holds then, from its "
                "beginning"
            )
        with self._asking():
            found = {tp: self._committed(tp) for tp in (TopicPartition(*at) for at in partitions)}
            new = [tp for tp, committed in found.items() if committed is None]
            beginnings = self._consumer.beginning_offsets(new) if new else {}
        starts = {(tp.topic, tp.partition): beginnings.get(tp, committed) for tp, committed in found.items()}
        self._written |= starts
        return starts

    def written(self, positions: Positions) -> None:
        """Notes how far the group has come, to be told where that matters."""
        self._written |= positions

    def reached(self, positions: Positions) -> bool:
        """Whether all of these offsets are committed. Raises TransientError where the broker does not say."""
        with self._asking():
            found = {at: self._committed(TopicPartition(*at)) for at in positions}
        return all(found[at] is not None and found[at] >= offset for at, offset in positions.items())

    def lost(self, places: Mapping[Partition, int]) -> LostArticlesError:
        """The error for offsets that the broker no longer has, with the range that is gone."""
        told = []
        for at, offset in places.items():
            tp = TopicPartition(*at)
            first, end = None, None
            with contextlib.suppress(TransientError), self._asking():
                first = self._consumer.beginning_offsets([tp])[tp]
                end = self._consumer.end_offsets([tp])[tp]
            if first is not None and first > offset:
                told.append(f"{at[0]}[{at[1]}]: offsets {offset} to {first - 1} are gone (deleted or past retention)")
            else:
                told.append(
                    f"{at[0]}[{at[1]}]: offset {offset} is not there, the partition ends at {end}: the topic was made "
                    "anew, or lost its end"
                )
        return LostArticlesError(f"articles are lost: {'; '.join(told)}. {_how_to_go_on(self._settings)}")

    def close(self) -> None:
        """Releases its sockets."""
        self._consumer.close()

    def _present_id(self) -> str:
        try:
            return topic_id(self._settings, self._topic)
        except AccessError:
            raise
        except StartupError as error:
            raise TransientError(f"the articles topic could not be looked up: {error}") from error

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            with self._one_at_a_time:
                yield
        except PlainKafkaError as error:
            raise TransientError(f"the group's offsets could not be read: {error}") from error

    def _committed(self, tp: Any) -> Any:
        return self._consumer.committed(tp, timeout_ms=self._timeout_ms)


def _how_to_go_on(settings: Settings) -> str:
    return (
        f"To go on with what is there: kafka-consumer-groups.sh --bootstrap-server … --group {settings.group} "
        f"--topic {settings.articles_topic} --reset-offsets --to-earliest --execute"
    )


async def commit_offsets(consumer: Any, positions: Positions) -> bool:
    """Commits as the member of the group that this aiokafka consumer is: Kafka refuses it from a replaced worker.

    False where partitions have meanwhile gone to another worker: that one reads on from the last commit and doubles
    what was just sent. aiokafka itself retries what can be retried. Raises TransientError for the rest.
    """
    mine = {(tp.topic, tp.partition): tp for tp in consumer.assignment()}
    if not set(positions) <= set(mine):
        return False
    try:
        await consumer.commit({mine[at]: offset for at, offset in positions.items()})
    except (CommitFailedError, IllegalStateError):
        return False
    except KafkaError as error:
        raise TransientError(f"offsets could not be committed: {error!r}") from error
    return True
