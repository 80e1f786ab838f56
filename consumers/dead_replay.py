"""Which dead letters go back to the articles topic, and what is remembered of that: pure but for the sending.

It cannot go round for ever: the letters are chosen before the first is sent, each is sent once unless asked again, and
one that was refused too often stays where it is.
"""

from __future__ import annotations

import base64
import binascii
import heapq
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from consumers.dead_letters import Letter, Wanted, letter_of
from consumers.replay import Sender
from schemas.dead_letter import sent_back
from schemas.message import Message, Record

NOTE_CHARACTERS = 4_096
"""Longest note beside a committed offset: Kafka's default of `offset.metadata.max.bytes`."""

_NOTE_BYTES = 16_777_216
"""Largest bitmap that is unpacked from a note: a bound against nonsense, not a figure that is reached."""

_IN_FLIGHT = 500
_IN_FLIGHT_BYTES = 16_777_216
"""Letters, and bytes of them, sent before their acknowledgements are awaited and the progress is committed: guesses."""


class LeftOut(StrEnum):
    """Why a letter that was asked for is not sent back."""

    NOT_OURS = "no dead letter(s) of Tocsin"
    OTHER_TOPIC = "from another articles topic"
    GONE = "without the article's bytes"
    REPLAYED = "sent back before (--again sends them too)"
    ATTEMPTS = "refused too often (--max-attempts)"
    UNFIT = "larger than the articles topic takes"


_NEVER = frozenset({LeftOut.NOT_OURS, LeftOut.OTHER_TOPIC, LeftOut.GONE, LeftOut.REPLAYED})
"""Those that progress may pass: no later run will send them unless it is told `--again`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What of one partition has been dealt with: everything before `offset`, and the offsets in `beyond`."""

    offset: int = 0
    beyond: frozenset[int] = frozenset()

    def has(self, offset: int) -> bool:
        """Whether the letter there has been sent back, or never will be."""
        return offset < self.offset or offset in self.beyond


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a run sends back: at most `limit` letters of `topic`'s articles, refused fewer than `max_attempts` times."""

    wanted: Wanted
    topic: str
    limit: int
    max_attempts: int
    again: bool
    fits: Callable[[Message], bool]


@dataclass(slots=True, kw_only=True)
class Plan:
    """What a run will send: offsets per partition, ascending; and of what it will not, how many and why.

    `holes` has, per partition, the first letter that a later run may have to send; `ends` where the reading stopped.
    """

    offsets: dict[int, list[int]] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    size_bytes: int = 0
    remaining: int = 0
    left_out: Counter[LeftOut] = field(default_factory=Counter)
    holes: dict[int, int] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)

    @property
    def letters(self) -> int:
        """How many it sends."""
        return sum(map(len, self.offsets.values()))


def plan_replay(records: Iterable[Record], rules: Rules, progress: Mapping[int, Progress]) -> Plan:
    """Chooses the oldest letters that the rules let pass; no record is kept, so that any number may come."""
    plan = Plan()
    chosen: list[tuple[float, int, int, int, str]] = []
    for letter in map(letter_of, records):
        partition, offset = letter.record.partition, letter.record.offset
        plan.ends[partition] = max(offset + 1, plan.ends.get(partition, 0))
        why = left_out(letter, rules, progress.get(partition, Progress()))
        if not rules.wanted.wants(letter):
            if why not in _NEVER:
                _leave_hole(plan, partition, offset)
        elif why is not None:
            plan.left_out[why] += 1
            if why not in _NEVER:
                _leave_hole(plan, partition, offset)
        else:
            entry = (-letter.died.timestamp(), -partition, -offset, letter.size_bytes, letter.reason or "")
            if len(chosen) < rules.limit:
                heapq.heappush(chosen, entry)
            else:
                _, partition, offset, _, _ = heapq.heappushpop(chosen, entry)
                plan.remaining += 1
                _leave_hole(plan, -partition, -offset)
    for _, partition, offset, size_bytes, reason in chosen:
        plan.offsets.setdefault(-partition, []).append(-offset)
        plan.size_bytes += size_bytes
        plan.reasons[reason] += 1
    for offsets in plan.offsets.values():
        offsets.sort()
    return plan


def left_out(letter: Letter, rules: Rules, progress: Progress) -> LeftOut | None:  # noqa: PLR0911 - one per reason
    """Why the rules do not let this letter pass, or None where they do."""
    if not letter.is_ours:
        return LeftOut.NOT_OURS
    if letter.topic != rules.topic:
        return LeftOut.OTHER_TOPIC
    if not letter.whole:
        return LeftOut.GONE
    if progress.has(letter.record.offset) and not rules.again:
        return LeftOut.REPLAYED
    if letter.attempts >= rules.max_attempts:
        return LeftOut.ATTEMPTS
    if not rules.fits(sent_back(letter.record)):
        return LeftOut.UNFIT
    return None


def _leave_hole(plan: Plan, partition: int, offset: int) -> None:
    plan.holes[partition] = min(offset, plan.holes.get(partition, offset))


def progress_after(before: Progress, plan: Plan, partition: int, sent: set[int]) -> Progress:
    """The progress of a partition once these letters of the plan have been acknowledged."""
    stops = [plan.ends[partition], *(offset for offset in plan.offsets.get(partition, []) if offset not in sent)]
    if partition in plan.holes:
        stops.append(plan.holes[partition])
    until = max(before.offset, min(stops))
    return Progress(offset=until, beyond=frozenset(offset for offset in before.beyond | sent if offset >= until))


def send_back(letters: Iterable[Record], sender: Sender, topic: str) -> Iterator[list[Record]]:
    """Sends the letters' articles in their order, and yields them batch by batch once the broker has them.

    Raises TransientError or StartupError where the broker does not take them.
    """
    for batch in _batches(letters):
        pending = [sender.send(topic, sent_back(letter)) for letter in batch]
        for each in pending:
            each.wait()
        yield batch


def _batches(letters: Iterable[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    size_bytes = 0
    for letter in letters:
        batch.append(letter)
        size_bytes += len(letter.value or b"")
        if len(batch) >= _IN_FLIGHT or size_bytes >= _IN_FLIGHT_BYTES:
            yield batch
            batch, size_bytes = [], 0
    if batch:
        yield batch


def encode_note(progress: Progress, topic_id: str) -> str:
    """What stands beside the committed offset: the id of the topic, and `beyond` as a packed bitmap."""
    bits = bytearray(max(progress.beyond, default=progress.offset) // 8 - progress.offset // 8 + 1)
    for offset in progress.beyond:
        bits[offset // 8 - progress.offset // 8] |= 1 << offset % 8
    packed = base64.b85encode(zlib.compress(bytes(bits), 9)).decode() if progress.beyond else ""
    return f"{topic_id} {packed}"


def decode_note(offset: int, note: str, topic_id: str) -> Progress:
    """The progress that a committed offset and its note tell.

    With the id of another topic it tells nothing: a topic that was deleted and made anew counts its offsets from 0.
    Without a note (the embedded broker keeps none; somebody moved the offset by hand) the offset alone holds.
    """
    noted_id, _, packed = note.partition(" ")
    if note and noted_id != topic_id:
        return Progress()
    try:
        bits = zlib.decompressobj().decompress(base64.b85decode(packed), _NOTE_BYTES) if packed else b""
    except (ValueError, binascii.Error, zlib.error):
        bits = b""
    first = offset // 8 * 8
    beyond = (first + 8 * index + bit for index, byte in enumerate(bits) if byte for bit in range(8) if byte >> bit & 1)
    return Progress(offset=offset, beyond=frozenset(at for at in beyond if at >= offset))
