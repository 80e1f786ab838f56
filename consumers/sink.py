"""Where outcomes go: events, dead letters and the consumed offsets, in that order.

The seam of delivery: a Sink promises that when `write` returns, everything it was given is on the broker and the
offsets are committed; when it raises, the offsets are not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, assert_never

from consumers.outcome import Ignored, Outcome, Published, Rejected
from schemas.dead_letter import DeadLetter, encode_coordinates, encode_dead_letter
from schemas.errors import Reason
from schemas.message import Message, Record

Positions = Mapping[tuple[str, int], int]
"""(topic, partition) → the offset to go on from, that is the last read one plus one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One message for one topic; `smaller` is sent in its stead where the broker finds it too large."""

    topic: str
    message: Message
    smaller: Outgoing | None = None


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


class Sink(Protocol):
    """Writes a batch; see the module's promise."""

    async def write(self, outgoing: Sequence[Outgoing], positions: Positions) -> None:
        """Everything on the broker, then the offsets. Raises TransientError or StartupError, and nothing else."""
        ...


class AtLeastOnceSink:
    """Awaits every delivery, then commits.

    A worker that dies in between reads that batch again: its events are doubled, and their equal `ce_id` tells
    subscribers so.
    """

    def __init__(self, producer: Producer, commit: Callable[[Positions], Awaitable[None]]) -> None:
        self._producer = producer
        self._commit = commit

    async def write(self, outgoing: Sequence[Outgoing], positions: Positions) -> None:
        """See Sink. The delivery runs in a thread, so that heartbeats go on."""
        if outgoing:
            await asyncio.to_thread(self._producer.deliver, outgoing)
        await self._commit(positions)


def outgoing_of(
    records: Sequence[Record], outcomes: Sequence[Outcome], *, events_topic: str, dead_topic: str
) -> list[Outgoing]:
    """What a batch sends, in the order of its records."""
    sent: list[Outgoing] = []
    for record, outcome in zip(records, outcomes, strict=True):
        match outcome:
            case Published():
                unsent = Outgoing(topic=dead_topic, message=encode_coordinates(_event_too_large(record)))
                sent += [Outgoing(topic=events_topic, message=event, smaller=unsent) for event in outcome.events]
            case Rejected(dead_letter=dead):
                small = Outgoing(topic=dead_topic, message=encode_coordinates(dead))
                sent.append(Outgoing(topic=dead_topic, message=encode_dead_letter(dead), smaller=small))
            case Ignored():
                pass
            case _:
                assert_never(outcome)
    return sent


def positions_after(records: Sequence[Record]) -> dict[tuple[str, int], int]:
    """The offsets to commit once these records, in order per partition, are dealt with."""
    return {(record.topic, record.partition): record.offset + 1 for record in records}


def _event_too_large(record: Record) -> DeadLetter:
    return DeadLetter(
        record=record,
        reason=Reason.TOO_LARGE,
        stage="KAFKA_PRODUCE",
        error_class="schemas.errors.ContractError",
        error_message=(
            f"{record.topic}[{record.partition}]@{record.offset}: its event with the article's key is larger than the "
            "events topic takes"
        ),
    )
