"""The count at the end, by an independent read_committed consumer: what came out against what must have."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from articles import KEYS, NUMBER, expected_of, number_of
from load import Entry

_STUCK_S = 60.0
"""Seconds without a record or a step after which a topic counts as unreadable to its end."""

Given = tuple[int, str]
"""(number, type of event or reason of dead letter)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One record of the output, as the consumer saw it, in order per partition."""

    topic: str
    partition: int
    given: Given
    identity: str
    """`ce_id`, or the coordinates in a dead letter."""


@dataclass(slots=True, kw_only=True)
class Count:
    """What is wrong with the output, by number of articles or records; all zero but `dead` and `expected_dead`."""

    articles: int = 0
    outputs: int = 0
    lost: list[Given] = field(default_factory=list)
    duplicated: list[Given] = field(default_factory=list)
    disordered: list[Given] = field(default_factory=list)
    strange: list[Given] = field(default_factory=list)
    """Output that nothing acknowledged gives: of an aborted article, or of the wrong type or reason."""
    dead: int = 0
    expected_dead: int = 0
    repeats: int = 0
    """Equal `ce_id`s that were dropped before judging; only under at_least_once."""

    @property
    def clean(self) -> bool:
        """Whether nothing is lost, doubled, out of order or strange."""
        return not (self.lost or self.duplicated or self.disordered or self.strange)


def read_committed(address: str, topics: Iterable[str], partitions: int, seen: Callable[[Any], Seen]) -> list[Seen]:
    """What `seen` makes of every committed record of these topics, in order per partition."""
    parts = [TopicPartition(topic, partition) for topic in topics for partition in range(partitions)]
    return asyncio.run(_read_committed(address, parts, seen))


async def _read_committed(address: str, parts: list[Any], seen: Callable[[Any], Seen]) -> list[Seen]:
    ends = await _ends(address, parts)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=address,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        check_crcs=True,
    )
    await consumer.start()
    found: list[Seen] = []
    try:
        consumer.assign(parts)
        await consumer.seek_to_beginning(*parts)
        until = time.monotonic() + _STUCK_S
        while time.monotonic() < until:
            batches = await consumer.getmany(timeout_ms=300)
            if batches:
                until = time.monotonic() + _STUCK_S
            for records in batches.values():
                found += map(seen, records)
            if not batches and all([await consumer.position(part) >= ends[part] for part in parts]):
                return found
    finally:
        await consumer.stop()
    raise TimeoutError("a read_committed consumer cannot reach the end: a transaction was left open")


async def _ends(address: str, parts: list[Any]) -> dict[Any, int]:
    """Where each partition ends, open transactions included."""
    plain = AIOKafkaConsumer(bootstrap_servers=address, isolation_level="read_uncommitted", enable_auto_commit=False)
    await plain.start()
    try:
        return dict(await plain.end_offsets(parts))
    finally:
        await plain.stop()


def committed_offsets(address: str, group: str, topic: str) -> dict[int, int]:
    """The group's committed offsets by partition; those without one are left out."""
    return asyncio.run(_committed_offsets(address, group, topic))


async def _committed_offsets(address: str, group: str, topic: str) -> dict[int, int]:
    admin = AIOKafkaAdminClient(bootstrap_servers=address, request_timeout_ms=5_000)
    await admin.start()
    try:
        found = await admin.list_consumer_group_offsets(group)
    finally:
        await admin.close()
    return {part.partition: at.offset for part, at in found.items() if part.topic == topic and at.offset >= 0}


def seen_of(record: Any, dead_topic: str, numbers: Mapping[tuple[int, int], int]) -> Seen:
    """What a record says of itself.

    A dead letter tells the number in the article's own header; where that is not carried, `numbers` names the article
    by the partition and offset that the dead letter tells.
    """
    headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
    if record.topic == dead_topic:
        at = int(headers["__connect.errors.partition"]), int(headers["__connect.errors.offset"])
        number = int(headers[NUMBER]) if NUMBER in headers else numbers.get(at, -1)
        given, identity = (number, headers["tocsin_reason"]), f"{number}@{at[0]}@{at[1]}"
    else:
        given = (number_of(headers["ce_subject"]), headers["ce_type"].removeprefix("tocsin.").partition(".")[0])
        identity = headers["ce_id"]
    return Seen(topic=record.topic, partition=record.partition, given=given, identity=identity)


def count(
    entries: Collection[Entry],
    seen: Iterable[Seen],
    *,
    bugs_raise: bool,
    drop_repeats: bool,
    gone: Collection[int] = (),
    may_be_bugs: int = 0,
) -> Count:
    """Compares. Articles in `gone` were deleted before they could be read: nothing is expected of them.

    Up to `may_be_bugs` articles may have a dead letter `bug` in the place of their events.
    """
    result = Count(articles=len(entries))
    wanted = {entry.number: expected_of(entry.kind, bugs_raise=bugs_raise) for entry in entries}
    kept = _without_repeats(seen, result) if drop_repeats else list(seen)
    result.outputs = len(kept)
    copies = Counter(each.given for each in kept)
    excused = _excused(copies, may_be_bugs)
    due: set[Given] = set()
    for number, expected in wanted.items():
        due |= {(number, name) for name in ([expected.reason] if expected.reason else expected.types)}
    due = {(n, name) for n, name in due if n not in excused} | {(n, "bug") for n in excused}
    result.expected_dead = sum(1 for n, expected in wanted.items() if expected.reason and n not in gone) + len(excused)
    result.dead = sum(1 for each in kept if "@" in each.identity)
    result.lost = sorted(given for given in due if given[0] not in gone and not copies[given])
    result.duplicated = sorted(given for given, number in copies.items() if number > 1)
    result.strange = sorted(given for given in copies if given not in due)
    result.disordered = _disordered(kept)
    return result


def _excused(copies: Counter[Given], at_most: int) -> set[int]:
    return {number for number, name in sorted(copies) if name == "bug"} if at_most >= _bugs(copies) > 0 else set()


def _bugs(copies: Counter[Given]) -> int:
    return sum(1 for _, name in copies if name == "bug")


def _without_repeats(seen: Iterable[Seen], result: Count) -> list[Seen]:
    """The first of each identity, as a subscriber that drops repeated `ce_id`s sees it."""
    kept: dict[str, Seen] = {}
    for each in seen:
        if each.identity in kept:
            result.repeats += 1
        kept.setdefault(each.identity, each)
    return list(kept.values())


def _disordered(seen: Iterable[Seen]) -> list[Given]:
    """Output that stands behind output of a later article of its key, per output topic; a key is sent in order."""
    highest: dict[tuple[str, int], int] = defaultdict(lambda: -1)
    wrong: list[Given] = []
    for each in seen:
        number = each.given[0]
        place = (each.topic, number % KEYS)
        if 0 <= number < highest[place]:
            wrong.append(each.given)
        highest[place] = max(highest[place], number)
    return wrong
