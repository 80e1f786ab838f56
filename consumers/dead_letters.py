"""Dead letters as their readers see them: what a letter says, and which are asked for.

Pure but for the reader that it is given. `dead_views` shows them, `dead_replay` chooses what goes back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from consumers.subscriber import EMPTY_POLLS, Reader
from schemas.dead_letter import attempts_of, is_whole
from schemas.errors import TransientError
from schemas.message import Headers, Record, header
from schemas.times import parsed_time

_CONNECT = "__connect.errors."
_POLL_S = 0.2
_IDLE_POLLS = 150
"""Polls in a row that bring nothing, where something should come, before a broker counts as silent: 30 seconds."""

_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_AGE = re.compile(r"([0-9]{1,6})([smhdw])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A record of the dead-letter topic and what its headers say; what they do not say is None.

    `died` is when it was put there, `first_seen` when its article first came. `size_bytes` is that of the article's
    value, also where `whole` is False and the letter has only its digest.
    """

    record: Record
    reason: str | None
    topic: str | None
    partition: int | None
    offset: int | None
    first_seen: datetime | None
    attempts: int
    whole: bool
    size_bytes: int
    error_class: str
    error: str

    @property
    def place(self) -> str:
        """Where it stands on the dead-letter topic: `partition@offset`."""
        return f"{self.record.partition}@{self.record.offset}"

    @property
    def died(self) -> datetime:
        """When it was put on the dead-letter topic."""
        return self.record.timestamp

    @property
    def is_ours(self) -> bool:
        """Whether Tocsin wrote it: anybody may write to a topic."""
        return None not in {self.reason, self.topic, self.partition, self.offset}


def letter_of(record: Record) -> Letter:
    """What the headers of a dead letter say."""
    headers = record.headers
    whole = is_whole(headers)
    return Letter(
        record=record,
        reason=header(headers, "tocsin_reason"),
        topic=header(headers, _CONNECT + "topic"),
        partition=_whole_number(headers, _CONNECT + "partition"),
        offset=_whole_number(headers, _CONNECT + "offset"),
        first_seen=parsed_time(header(headers, "tocsin_first_seen") or ""),
        attempts=attempts_of(headers),
        whole=whole,
        size_bytes=len(record.value or b"") if whole else _whole_number(headers, "tocsin_value_bytes") or 0,
        error_class=header(headers, _CONNECT + "exception.class.name") or "",
        error=header(headers, _CONNECT + "exception.message") or "",
    )


def _whole_number(headers: Headers, name: str) -> int | None:
    text = header(headers, name) or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which dead letters are asked for: of these reasons (none means all), that died from `since` to before `until`."""

    reasons: frozenset[str] = frozenset()
    since: datetime | None = None
    until: datetime | None = None

    def wants(self, letter: Letter) -> bool:
        """Whether the letter passes."""
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (self.since is None or letter.died >= self.since)
            and (self.until is None or letter.died < self.until)
        )


def parsed_moment(text: str, now: datetime) -> datetime:
    """The time that an RFC 3339 text names, or an age such as `90s`, `2h` or `7d` before `now`.

    Raises ValueError where it is neither.
    """
    age = _AGE.fullmatch(text)
    if age:
        return now - timedelta(seconds=int(age[1]) * _UNIT_SECONDS[age[2]])
    moment = parsed_time(text)
    if moment is None:
        raise ValueError(text)
    return moment


def parsed_place(text: str) -> tuple[int, int]:
    """Partition and offset that `PARTITION@OFFSET` names; raises ValueError where it names none."""
    if not re.fullmatch(r"[0-9]{1,9}@[0-9]{1,18}", text):
        raise ValueError(text)
    partition, _, offset = text.partition("@")
    return int(partition), int(offset)


def records_until(reader: Reader, until: Mapping[tuple[str, int], int], began: datetime) -> Iterator[Record]:
    """The records of these partitions up to these offsets, and those behind them that were there before `began`.

    The embedded broker names too early an end for batched input, hence the second. It ends although ever more come:
    what is newer than `began` is not read. Raises TransientError where the broker falls silent before the offsets.
    """
    empty = 0
    while True:
        records = reader.poll(_POLL_S)
        empty = 0 if records else empty + 1
        for record in records:
            end = until.get((record.topic, record.partition))
            if end is not None and (record.offset < end or record.timestamp < began):
                yield record
        over = empty >= EMPTY_POLLS or (records and all(record.timestamp >= began for record in records))
        if over and all(reader.position(*at) >= end for at, end in until.items()):
            return
        if empty >= _IDLE_POLLS:
            raise TransientError(f"the broker has sent nothing for {_IDLE_POLLS * _POLL_S:g} s; there should be more")


def record_at(reader: Reader, topic: str, partition: int, offset: int, *, is_there: bool) -> Record | None:
    """The record at this offset, to which the reader has been sent; None where none stands there.

    `is_there` says that the topic's named end lies behind it, and that a broker that sends nothing is only slow.
    """
    for _ in range(_IDLE_POLLS if is_there else 5 * EMPTY_POLLS):
        for record in reader.poll(_POLL_S):
            if record.partition == partition:
                return record if record.offset == offset else None
        if reader.position(topic, partition) > offset:
            return None
    return None
