"""Deals with batches, one after the other: reads them, and writes what came of them. Knows neither Faust nor Kafka."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from typing import Protocol

from consumers.breaker import Breaker
from consumers.detect import undecodable
from consumers.health import Health
from consumers.intake import Arrived, Intake, Member, Partition, Positions, positions_after
from consumers.logs import Log, LogEvent
from consumers.metrics import Metrics
from consumers.outcome import Outcome
from consumers.settings import Settings
from consumers.sink import Outgoing, Sink, outgoing_of, portions
from consumers.threads import Lane, in_thread
from schemas.errors import TocsinError, TransientError
from schemas.message import Record

_REVOKE_WAIT_S = 7.0
"""Seconds that giving partitions back waits for an open transaction: a little longer than Kafka lets one be open."""


class Offsets(Protocol):
    """The committed offsets of the worker's group."""

    def starts(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """Where to read these on. Blocks; raises TocsinError where that cannot be said."""
        ...

    def lost(self, places: Mapping[Partition, int]) -> TocsinError:
        """The error for offsets that the broker no longer has. Blocks."""
        ...


_PORTION_BYTES = 8_388_608
"""Bytes of values that one write holds at most, so that a batch of large dead letters is done within its time."""


class BreakerTripped(TocsinError):
    """Too many of the last articles failed for a fault of ours; nothing of the batch that showed it is committed."""


class StalledError(TocsinError):
    """Articles wait and nothing is written; a fresh process may do better."""


class Worker:
    """One worker's life between assignment and end; the first thing that goes wrong for good ends it.

    `read` is called in two threads, at most once in each at a time.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        read: Callable[[Sequence[Record]], list[Outcome]],
        sink: Sink,
        offsets: Offsets,
        health: Health,
        metrics: Metrics,
        log: Log,
    ) -> None:
        self._settings = settings
        self._read_all = read
        self._sink = sink
        self.starts = offsets.starts
        self.lost = offsets.lost
        self._health = health
        self._metrics = metrics
        self._log = log
        self._breaker = Breaker(window=settings.breaker_window, share=settings.breaker_share)
        self._loop = asyncio.get_running_loop()
        self._reading_lanes = (Lane("reading"), Lane("reading too"))
        self._next_lane = cycle(self._reading_lanes)
        self._read_at = time.perf_counter()
        self._writing = asyncio.Lock()
        self._in_hand: asyncio.Future[None] = asyncio.ensure_future(asyncio.sleep(0))
        self.intake = Intake()
        self.stopping = asyncio.Event()
        self.failure: Exception | None = None

    def assigned(self, member: Member, starts: Positions) -> None:
        """Partitions came: what is fetched from here on may be written."""
        self.intake.assign(member, starts)
        self._health.assigned(at_work=True)
        told = {f"{topic}[{partition}]": offset for (topic, partition), offset in sorted(starts.items())}
        self._log.info(LogEvent.PARTITIONS_ASSIGNED, generation=member.generation, partitions=told)

    async def standing_by(self) -> None:
        """The group has no partitions for this worker; it stands by for those of others, if the topic is there."""
        try:
            await in_thread(lambda: self.starts([]), what="looking for the topic")
        except TocsinError as error:
            self.fail(error)
        self.intake.assign(Member(epoch=0, generation=0, member_id="", instance=None), {})
        self._health.assigned(at_work=True)

    def look(self, ends: Positions) -> None:
        """To be called every second, with how far each partition reaches: notes when there is nothing to do."""
        if self.intake.member is not None and self._in_hand.done() and not self.intake.behind(ends):
            self._health.idle()

    async def revoked(self) -> None:
        """Partitions go: waits, bounded, for the batch that is being written, and writes no other of this epoch."""
        self._health.assigned(at_work=False)
        try:
            async with asyncio.timeout(_REVOKE_WAIT_S), self._writing:
                pass
        except TimeoutError:
            self._log.warning(LogEvent.REVOKED_WHILE_WRITING)  # Kafka refuses that transaction by its generation
        self.intake.revoke()
        self._log.info(LogEvent.PARTITIONS_REVOKED)

    async def handle(self, batch: Sequence[Arrived]) -> None:
        """Begins to read one batch, and returns once the one before it is written.

        So that two batches are in hand: while one is read, the one before it is written, or the one after it lies
        ready. After a batch that is not full it also waits until that is read: the next one grows meanwhile, and
        costs less an article. Never raises: a failure is kept in `failure` and stops the worker.
        """
        if self.stopping.is_set():
            return
        try:
            taken = self.intake.take(batch)
            if taken:
                before, reading = self._in_hand, asyncio.ensure_future(self._outcomes(taken))
                self._in_hand = asyncio.ensure_future(self._deal(taken, reading, before))
                await asyncio.wait([before])
                if len(batch) < self._settings.batch_articles:
                    await asyncio.wait([reading])
        except Exception as error:  # noqa: BLE001 - no exception may leave the loop that calls this
            self.fail(error)

    async def finish(self) -> None:
        """Returns when the batches in hand are dealt with."""
        await asyncio.shield(self._in_hand)
        for lane in self._reading_lanes:
            lane.close()

    def fail(self, error: Exception) -> None:
        """Ends the worker with exit 1; the offsets of the batches in hand stay uncommitted. From any thread."""
        if isinstance(error, MemoryError):
            error = TransientError("the worker ran out of memory; nothing of the batches in hand is committed")
        self.failure = self.failure or error
        self._health.failed()
        self._loop.call_soon_threadsafe(self.stopping.set)

    async def _deal(
        self, taken: Sequence[Arrived], reading: asyncio.Future[list[Outcome]], before: asyncio.Future[None]
    ) -> None:
        """Writes a batch, once read, after the one before it. Never raises: no exception may be lost in a task."""
        try:
            outcomes = await reading
            await before
            if self._breaker.trips(outcomes):
                raise BreakerTripped(
                    f"more than {self._settings.breaker_share:g} of the last {self._settings.breaker_window} articles "
                    "failed for a fault of Tocsin; nothing of this batch is committed. The log's `bug` lines say where"
                )
            await self._write(taken, outcomes)
        except Exception as error:  # noqa: BLE001 - see above
            self.fail(error)

    async def _outcomes(self, taken: Sequence[Arrived]) -> list[Outcome]:
        began = time.perf_counter()
        outcomes = await next(self._next_lane).call(lambda: self._read(taken))
        began, self._read_at = max(began, self._read_at), time.perf_counter()  # till then the batch before it was read
        self._metrics.read_seconds.observe(self._read_at - began)
        return outcomes

    def _read(self, taken: Sequence[Arrived]) -> list[Outcome]:
        readable = iter(self._read_all([each.record for each in taken if not each.undecodable]))
        return [undecodable(each.record) if each.undecodable else next(readable) for each in taken]

    async def _write(self, taken: Sequence[Arrived], outcomes: Sequence[Outcome]) -> None:
        """Writes a batch, unless its partitions have gone to another worker meanwhile."""
        sent = [
            outgoing_of(each, outcome, events_topic=self._settings.events_topic, dead_topic=self._settings.dead_topic)
            for each, outcome in zip(taken, outcomes, strict=True)
        ]
        start = 0
        for count in portions(map(_size_bytes, sent), _PORTION_BYTES):
            part = slice(start, start + count)
            if not await self._written(taken[part], sent[part]):
                self._log.info(LogEvent.BATCH_DROPPED, articles=len(taken) - start)
                return
            self._metrics.count(outcomes[part])
            self._health.progressed()
            start += count

    async def _written(self, taken: Sequence[Arrived], sent: Sequence[Sequence[Outgoing]]) -> bool:
        """Whether it was; if not, nothing more of its epoch is: what follows must not stand before it."""
        began = time.perf_counter()
        async with self._writing:
            member, epoch = self.intake.member, taken[0].epoch
            if self.failure is not None or member is None or member.epoch != epoch:
                return False
            positions = positions_after(taken)
            self._health.writing(now=True)
            try:
                written = await self._sink.write([message for each in sent for message in each], positions, member)
            finally:
                self._health.writing(now=False)
            if written:
                self.intake.written(epoch, positions)
            elif self.intake.member is not None and self.intake.member.epoch == epoch:
                self.intake.revoke()
        seconds = time.perf_counter() - began
        self._metrics.write_seconds.observe(seconds)
        self._log.debug(LogEvent.BATCH_WRITTEN, articles=len(taken), written=written, seconds=seconds)
        return written


def _size_bytes(sent: Sequence[Outgoing]) -> int:
    return sum(len(item.message.value or b"") for item in sent)
