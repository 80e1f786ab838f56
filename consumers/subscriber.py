"""Reads the events topic as a subscriber should: committed records only, each event once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from schemas.codec import decode_event
from schemas.errors import ContractError
from schemas.event import Event
from schemas.event_type import EventType
from schemas.message import Record, header
from schemas.times import parsed_time

_REMEMBERED = 100_000
"""Event ids kept to drop repeats: with 64 hex digits each about 12 MB. At-least-once repeats come close together."""

EMPTY_POLLS = 3
"""Polls in a row that bring nothing before a topic counts as read to its end; a guess, 0.6 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """An event as it came: decoded, with its record and its `ce_id`."""

    event: Event
    id: str
    record: Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A record on the events topic that is not an event of ours."""

    record: Record
    problem: str


class Once:
    """Tells whether an event id is new; remembers the last `_REMEMBERED` of them."""

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._remembered = remembered

    def is_new(self, event_id: str) -> bool:
        """True the first time, False for a repeat."""
        if event_id in self._seen:
            self._seen.move_to_end(event_id)
            return False
        self._seen[event_id] = None
        if len(self._seen) > self._remembered:
            self._seen.popitem(last=False)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which events a subscriber wants; empty `types` means all."""

    types: frozenset[EventType] = frozenset()
    min_confidence: float = 0.0

    def wants(self, event: Event) -> bool:
        """Whether the event passes."""
        return (not self.types or event.type in self.types) and event.confidence >= self.min_confidence


def received(record: Record) -> Received | Unreadable:
    """The event that a record of the events topic holds."""
    event_id = header(record.headers, "ce_id")
    try:
        event = decode_event(record.value)
    except ContractError as error:
        return Unreadable(record=record, problem=str(error))
    if event_id is None:
        return Unreadable(record=record, problem="header ce_id is missing")
    return Received(event=event, id=event_id, record=record)


class Reader(Protocol):
    """What a subscriber needs of a consumer."""

    def poll(self, timeout_s: float) -> list[Record]:
        """Records, or none after the timeout."""
        ...

    def position(self, topic: str, partition: int) -> int:
        """The offset read next."""
        ...


def new_events(
    reader: Reader, wanted: Filter, *, until: dict[tuple[str, int], int] | None = None, now: datetime
) -> Iterator[Received | Unreadable | None]:
    """Events as they come, repeats dropped; None whenever a moment passed without any.

    With `until` it ends when every partition has been read up to its offset there, and nothing older than `now`
    comes any more (the embedded broker names too early an end). Positions count, not records, because transactions
    leave offsets that hold none.
    """
    once = Once()
    empty = 0
    while True:
        records = reader.poll(0.2)
        empty = 0 if records else empty + 1
        for record in records:
            item = received(record)
            if isinstance(item, Unreadable) or (wanted.wants(item.event) and once.is_new(item.id)):
                yield item
        over = empty >= EMPTY_POLLS or (records and all(record.timestamp >= now for record in records))
        if until is not None and over and _is_past(reader, until):
            return
        if not records:
            yield None


def _is_past(reader: Reader, until: dict[tuple[str, int], int]) -> bool:
    return all(reader.position(*at) >= end for at, end in until.items())


def start_positions(
    text: str,
    beginnings: dict[tuple[str, int], int],
    ends: dict[tuple[str, int], int],
    from_time: dict[tuple[str, int], int] | None,
) -> dict[tuple[str, int], int]:
    """Where `--from beginning|end|N|TIME` starts, per partition; N counts back from the end of each partition."""
    if text == "beginning":
        return beginnings
    if text == "end":
        return ends
    if from_time is not None:
        return from_time
    return {at: max(beginnings[at], end - int(text)) for at, end in ends.items()}


def parsed_start(text: str) -> datetime | None:
    """The time that `--from` names, or None where it names a place; raises ValueError where it names neither."""
    if text in {"beginning", "end"} or (text.isascii() and text.isdigit()):
        return None
    moment = parsed_time(text)
    if moment is None:
        raise ValueError(text)
    return moment
