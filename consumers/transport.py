"""Faust's Kafka consumer, made to hold what the worker promises. With app.py the only place that imports faust.

What is changed, each measured to be needed with faust-streaming 0.15.3 and tested on a real broker:
committed records only; where to read on is asked from the broker with `require_stable`; an offset that is gone is an
error and not a silent reset; a record that the client cannot decode is stepped over; every record carries the epoch of
its assignment and the offset that it follows, so that nothing stale and nothing after a hole is written; and what one
fetch brings of a partition goes through Faust as one message, because Faust takes more time for a message than the
reading of some articles does (DECISIONS.md).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from faust.transport.drivers.aiokafka import (
    AIOKafkaConsumerThread,
    Consumer,
    ConsumerRebalanceListener,
    Transport,
)
from faust.types import TP

from consumers.intake import Arrived, Member, Partition, Positions
from consumers.kafka.group import FETCH_GONE, FETCH_NOWHERE
from consumers.kafka.lenient import decode_leniently, misnamed
from consumers.kafka.records import record_of
from consumers.threads import in_thread
from consumers.worker import Offsets
from schemas.errors import TocsinError, TransientError

SEEK_S = 18.0
"""Seconds that finding out where to read on may take: a dead worker's transaction may be open for 15 s. Faust itself
gives up for good, and without a word, after its `broker_request_timeout`, which must be longer."""

_SILENT_S = 60.0
"""Seconds without a fetch after which it is not known whether anything waits; an idle consumer fetches every 1.5 s."""


class Group(Offsets, Protocol):
    """What the transport asks and tells."""

    def assigned(self, member: Member, starts: Positions) -> None:
        """An epoch begins; called in the event loop of the worker."""
        ...

    def fail(self, error: Exception) -> None:
        """Something that ends the worker; called in any thread."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The records of aiokafka that one fetch brought of a partition, at least one, and the marks of that fetch."""

    records: Sequence[Any]
    epoch: int
    follows: int


class _Listener(ConsumerRebalanceListener):
    """Counts assignments: the number stands in for Faust's generation, which may repeat or come back."""

    def on_partitions_revoked(self, revoked: Any) -> Awaitable[Any]:
        """Nothing that was fetched before is given to the agent any more."""
        thread: Any = self._thread
        thread.end_epoch()
        thread.app.consumer_generation_id = 0
        waiting: Awaitable[Any] = super().on_partitions_revoked(revoked)
        return waiting

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """A new epoch; nothing is fetched in it before `seek_to_committed` has said where to begin."""
        thread: Any = self._thread
        thread.begin_epoch()
        thread.app.consumer_generation_id = thread.epoch
        await thread.on_partitions_assigned({TP(tp.topic, tp.partition) for tp in assigned}, thread.epoch)


class _Thread(AIOKafkaConsumerThread):
    """The thread that owns the aiokafka consumer."""

    group: Group
    room: Callable[[], Awaitable[bool]]
    fetch_bytes: int
    epoch = 0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._handed: dict[Partition, int] = {}
        self._member: Member | None = None

    def begin_epoch(self) -> None:
        """Called in this thread when partitions are assigned: only now are generation and member id those of it."""
        self.epoch += 1
        self._handed = {}
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001 - aiokafka does not show the member otherwise
        self._member = Member(
            epoch=self.epoch,
            generation=coordinator.generation,
            member_id=coordinator.member_id,
            instance=self.app.conf.consumer_group_instance_id,
        )

    def end_epoch(self) -> None:
        """Called in this thread when they are taken: a late `seek_to_committed` must not open the epoch again."""
        self._member = None
        self._handed = {}

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - Faust has no setting for it
        consumer._fetch_max_bytes = self.fetch_bytes  # noqa: SLF001 - nor for this
        return consumer

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Where Faust begins after an assignment; called in the worker's loop."""
        epoch = self.epoch
        partitions = [(tp.topic, tp.partition) for tp in self.assignment()]
        if not partitions:
            return {}
        try:
            starts = await in_thread(
                lambda: self.group.starts(partitions), timeout_s=SEEK_S, what="finding where to read on"
            )
        except TocsinError as error:
            self.group.fail(error)  # Faust logs what is raised here, and would go on
            raise
        member = await self.call_thread(self._begin_at, epoch, starts)
        if member is not None:
            self.group.assigned(member, starts)
        return {TP(*at): offset for at, offset in starts.items()}

    async def _begin_at(self, epoch: int, starts: Positions) -> Member | None:
        consumer = self._ensure_consumer()
        mine = {(tp.topic, tp.partition): tp for tp in consumer.assignment()}
        if self._member is None or epoch != self.epoch or set(starts) != set(mine):
            return None
        for at, offset in starts.items():
            consumer.seek(mine[at], offset)
        self._handed = dict(starts)
        return self._member

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: Any,
        timeout: Any = None,  # noqa: ASYNC109 - Faust's signature
        max_records: Any = None,
    ) -> Any:
        if not await self.room():
            return {}
        try:
            found = await super()._fetch_records(consumer, active_partitions, timeout=timeout, max_records=max_records)
        except FETCH_NOWHERE:
            return {}  # aiokafka was quicker than `seek_to_committed`
        except FETCH_GONE as error:
            if self._handed:
                places = {(tp.topic, tp.partition): offset for tp, offset in error.args[0].items()}
                self.group.fail(await in_thread(lambda: self.group.lost(places), what="what is lost"))
            return {}
        except UnicodeDecodeError as error:
            self._step_back(consumer, error)
            return {}
        return {
            tp: [self._marked(tp, records)]
            for tp, records in found.items()
            if records and (tp.topic, tp.partition) in self._handed
        }

    def _marked(self, tp: Any, records: Sequence[Any]) -> Fetched:
        at = (tp.topic, tp.partition)
        fetched = Fetched(records=records, epoch=self.epoch, follows=self._handed[at])
        self._handed[at] = records[-1].offset + 1
        return fetched

    def _step_back(self, consumer: Any, error: UnicodeDecodeError) -> None:
        """Reads leniently from where records were handed on last: the failed call has lost what it had taken."""
        if not decode_leniently():
            raise TransientError("the Kafka client cannot decode a record") from error
        for tp in consumer.assignment():
            if (tp.topic, tp.partition) in self._handed:
                consumer.seek(tp, self._handed[tp.topic, tp.partition])

    def ends(self) -> dict[Partition, int]:
        """Up to where there are committed records, or were handed on, as far as the last fetch has told."""
        consumer = self._ensure_consumer()
        assignment: Any = consumer._subscription.subscription.assignment  # noqa: SLF001 - not shown otherwise
        ends = {}
        for at, handed in list(self._handed.items()):
            state: Any = assignment.state_value(TP(*at)) if assignment is not None else None
            known = state is not None and state.lso is not None and state.has_valid_position
            ends[at] = state.lso if known and state.position < state.lso else handed
            if known and time.time() - state.timestamp / 1000 > _SILENT_S:
                ends[at] = max(ends[at], handed + 1)  # what came since is not known: not to be taken for an empty topic
        return ends


class _Consumer(Consumer):
    """Faust's consumer on that thread."""

    RebalanceListener = _Listener

    def _new_consumer_thread(self) -> Any:
        transport: Any = self.transport
        thread = _Thread(self, loop=self.loop, beacon=self.beacon)
        thread.group, thread.room, thread.fetch_bytes = transport.group, transport.room, transport.fetch_bytes
        return thread

    def _to_message(self, tp: Any, record: Any) -> Any:
        """One message for all of a fetch: its value is the Fetched, its offset that of the last record."""
        fetched: Fetched = record
        message: Any = super()._to_message(tp, fetched.records[-1])
        message.value, message.key, message.headers = fetched, None, None
        message.generation_id = fetched.epoch
        return message


class GroupTransport(Transport):
    """Faust's Kafka transport with that consumer."""

    Consumer = _Consumer
    group: Group
    room: Callable[[], Awaitable[bool]]
    fetch_bytes: int


def transport_of(app: Any, group: Group, room: Callable[[], Awaitable[bool]], fetch_bytes: int) -> GroupTransport:
    """The transport for a Faust app: fetches at most so many bytes at a time, and only while there is `room`.

    `room` is asked before each, in the consumer's thread.
    """
    transport = GroupTransport(app.conf.broker_consumer, app, loop=app.loop)
    transport.group, transport.room, transport.fetch_bytes = group, room, fetch_bytes
    return transport


def arrived(fetched: Fetched) -> list[Arrived]:
    """The records of a fetch as they go to the worker, each following the one before it."""
    found, follows = [], fetched.follows
    for raw in fetched.records:
        found.append(_arrived(raw, fetched.epoch, follows))
        follows = raw.offset + 1
    return found


def _arrived(raw: Any, epoch: int, follows: int) -> Arrived:
    record = record_of(raw)
    undecodable = misnamed(record.headers)
    if undecodable:
        record = replace(record, key=None, headers=())
    return Arrived(record=record, epoch=epoch, follows=follows, undecodable=undecodable)


def ends_of(app: Any) -> dict[Partition, int]:
    """See _Thread.ends; empty before the consumer runs."""
    thread: Any = getattr(app.consumer, "_thread", None)
    if thread is None or getattr(thread, "_consumer", None) is None:
        return {}
    ends: dict[Partition, int] = thread.ends()
    return ends
