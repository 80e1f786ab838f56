"""Where outcomes go: events, dead letters and the consumed offsets.

The seam of delivery: when `write` returns True, everything it was given is on the broker and the offsets are
committed; when it returns False or raises, the offsets are not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, assert_never

from consumers.intake import Arrived, Member, Positions
from consumers.outcome import Ignored, Outcome, Published, Rejected
from consumers.threads import Lane
from schemas.dead_letter import DeadLetter, encode_coordinates, encode_dead_letter
from schemas.errors import Reason
from schemas.message import Message, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One message for one topic; `smaller` makes what is sent in its stead where the broker finds it too large."""

    topic: str
    message: Message
    smaller: Callable[[], Outgoing] | None = None


class Producer(Protocol):
    """Sends messages and waits for every acknowledgement."""

    def deliver(self, outgoing: Sequence[Outgoing]) -> None:
        """Returns when the broker has acknowledged all of them; order per key is kept.

        Raises TransientError when that did not come about in time, StartupError when it never can.
        """
        ...

    def close(self) -> None:
        """Releases sockets and threads; nothing is in flight between calls of `deliver`."""
        ...


class Transactions(Protocol):
    """Writes messages and offsets in one transaction."""

    def write(self, outgoing: Sequence[Outgoing], positions: Positions, member: Member) -> bool:
        """All or nothing; False where the member's generation has passed. Raises as Producer.deliver does."""
        ...

    def close(self) -> None:
        """Releases sockets and threads."""
        ...


class Sink(Protocol):
    """Writes a batch; see the module's promise."""

    async def write(self, outgoing: Sequence[Outgoing], positions: Positions, member: Member) -> bool:
        """Everything on the broker, and the offsets. Raises TransientError or StartupError, and nothing else."""
        ...

    def close(self) -> None:
        """Releases what it holds."""
        ...


class ExactlyOnceSink:
    """All of a batch in one transaction: a reader of committed records sees each event once, or not at all yet."""

    def __init__(self, transactions: Transactions, timeout_s: float) -> None:
        self._transactions = transactions
        self._timeout_s = timeout_s
        self._lane = Lane("writing")

    async def write(self, outgoing: Sequence[Outgoing], positions: Positions, member: Member) -> bool:
        """See Sink. The transaction runs in a thread, so that heartbeats go on."""
        return await self._lane.call(
            lambda: self._transactions.write(outgoing, positions, member),
            timeout_s=self._timeout_s,
            what="the transaction of a batch",
        )

    def close(self) -> None:
        """See Sink."""
        self._lane.close()
        self._transactions.close()


class AtLeastOnceSink:
    """Awaits every delivery, then commits.

    A worker that dies in between reads that batch again: its events are doubled, and their equal `ce_id` tells
    subscribers so.
    """

    def __init__(self, producer: Producer, commit: Callable[[Positions], Awaitable[bool]], timeout_s: float) -> None:
        self._producer = producer
        self._commit = commit
        self._timeout_s = timeout_s
        self._lane = Lane("writing")

    async def write(self, outgoing: Sequence[Outgoing], positions: Positions, member: Member) -> bool:
        """See Sink. The delivery runs in a thread, so that heartbeats go on."""
        del member  # the group's own consumer commits, and says itself who it is
        if outgoing:
            await self._lane.call(
                lambda: self._producer.deliver(outgoing), timeout_s=self._timeout_s, what="the delivery of a batch"
            )
        return await self._commit(positions)

    def close(self) -> None:
        """See Sink."""
        self._lane.close()
        self._producer.close()


def outgoing_of(each: Arrived, outcome: Outcome, *, events_topic: str, dead_topic: str) -> list[Outgoing]:
    """What one record sends."""
    match outcome:
        case Published():
            unsent = partial(_event_too_large, each.record, dead_topic)
            return [Outgoing(topic=events_topic, message=event, smaller=unsent) for event in outcome.events]
        case Rejected(dead_letter=dead):
            small = partial(_coordinates, dead, dead_topic)
            if each.undecodable:
                return [small()]
            return [Outgoing(topic=dead_topic, message=encode_dead_letter(dead), smaller=small)]
        case Ignored():
            return []
        case _:
            assert_never(outcome)


def portions(sizes_bytes: Iterable[int], most_bytes: int) -> list[int]:
    """Cuts a batch where it would exceed so many bytes: how many records each portion has, at least one."""
    counts, held = [0], 0
    for size_bytes in sizes_bytes:
        if counts[-1] and held + size_bytes > most_bytes:
            counts, held = [*counts, 0], 0
        counts[-1] += 1
        held += size_bytes
    return counts


def _coordinates(dead: DeadLetter, dead_topic: str) -> Outgoing:
    """The dead letter without the bytes of its record."""
    return Outgoing(topic=dead_topic, message=encode_coordinates(dead))


def _event_too_large(record: Record, dead_topic: str) -> Outgoing:
    """The dead letter of a record whose event cannot be sent."""
    dead = DeadLetter(
        record=record,
        reason=Reason.TOO_LARGE,
        stage="KAFKA_PRODUCE",
        error_class="schemas.errors.ContractError",
        error_message=(
            f"{record.topic}[{record.partition}]@{record.offset}: its event with the article's key is larger than the "
            "events topic takes"
        ),
    )
    return _coordinates(dead, dead_topic)
