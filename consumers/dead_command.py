"""`tocsin dead`: the dead letters on stdout, and their articles back to the articles topic."""

from __future__ import annotations

import heapq
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from consumers.console import data, progress_bar, talk
from consumers.dead_letters import Letter, Wanted, letter_of, record_at, records_until
from consumers.dead_replay import (
    NOTE_CHARACTERS,
    Plan,
    Progress,
    Rules,
    decode_note,
    encode_note,
    plan_replay,
    progress_after,
    send_back,
)
from consumers.dead_views import letter_document, letter_lines, table_lines, visible, whole_document
from consumers.kafka.access import dead_access, dead_replay_access, require
from consumers.kafka.client import KafkaReader, KafkaSender
from consumers.kafka.notes import GroupNotes
from consumers.kafka.reading import reading_errors
from consumers.settings import Settings
from schemas.errors import CheckFailed, StartupError
from schemas.message import Record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def list_letters(settings: Settings, wanted: Wanted, *, partitions: Collection[int], limit: int, as_json: bool) -> None:
    """Shows the oldest `limit` dead letters that are wanted, oldest first: one line each."""
    require(settings, dead_access(settings))
    with closing(KafkaReader(settings)) as reader, reading_errors(settings.dead_topic):
        found = _Counted(filter(wanted.wants, map(letter_of, _all_records(reader, settings, partitions))))
        letters = heapq.nsmallest(
            limit, found, key=lambda letter: (letter.died, letter.record.partition, letter.record.offset)
        )
    if as_json or not sys.stdout.isatty():
        for letter in letters:
            _json(letter_document(letter))
    elif letters:
        _print(table_lines(letters, shutil.get_terminal_size().columns))
    more = f"; --limit shows more than {limit:,}" if found.count > limit else ""
    talk().print(f"{found.count:,} dead letter(s) on {settings.dead_topic!r}{more}", markup=False)


class _Counted:
    """Counts what passes."""

    def __init__(self, letters: Iterable[Letter]) -> None:
        self._letters = letters
        self.count = 0

    def __iter__(self) -> Iterator[Letter]:
        for letter in self._letters:
            self.count += 1
            yield letter


def show_letter(settings: Settings, place: tuple[int, int], *, as_json: bool, raw: bool) -> None:
    """Shows everything of one letter, or with `raw` writes the article's bytes to stdout.

    Raises CheckFailed where there is no such letter, or no bytes in it.
    """
    if raw and sys.stdout.isatty():
        raise StartupError(
            "--raw writes the bytes as they are, and they are no friend's: send them to a file or a pipe"
        )
    require(settings, dead_access(settings))
    letter = letter_of(_record_at(settings, *place))
    if raw:
        if not letter.whole:
            raise CheckFailed(f"dead letter {letter.place} has no bytes: the article was too large for its topic")
        sys.stdout.buffer.write(letter.record.value or b"")
        sys.stdout.buffer.flush()
    elif as_json or not sys.stdout.isatty():
        _json(whole_document(letter))
    else:
        _print(letter_lines(letter))


def replay_letters(
    settings: Settings,
    wanted: Wanted,
    *,
    partitions: Collection[int],
    limit: int,
    max_attempts: int,
    again: bool,
    sends: bool,
) -> None:
    """Sends the oldest `limit` articles of the dead letters back, or says what it would send."""
    group = f"{settings.group}.dead-replay"
    require(settings, dead_replay_access(settings, group))
    with (
        closing(KafkaReader(settings)) as reader,
        closing(GroupNotes(settings, group, settings.dead_topic)) as notes,
        closing(KafkaSender(settings)) as sender,
    ):
        topic = settings.articles_topic
        rules = Rules(
            wanted=wanted,
            topic=topic,
            limit=limit,
            max_attempts=max_attempts,
            again=again,
            fits=lambda message: sender.fits(topic, message),
        )
        known = notes.read(reader.partitions(settings.dead_topic))
        before = {p: decode_note(offset, note, notes.topic_id) for p, (offset, note) in known.items()}
        with reading_errors(settings.dead_topic):
            plan = plan_replay(_all_records(reader, settings, partitions), rules, before)
        if sends:
            _send(reader, sender, plan, _Memory(notes, plan, before), settings)
    _tell(plan, settings, limit=limit, sent=sends)


class _Memory:
    """Remembers what has been sent back, in the offsets of a group and their notes."""

    def __init__(self, notes: GroupNotes, plan: Plan, before: Mapping[int, Progress]) -> None:
        """Raises StartupError where what is planned could not be remembered, before anything is sent."""
        self._notes, self._plan, self._before = notes, plan, before
        self._sent: dict[int, set[int]] = {p: set() for p in plan.ends}
        planned = self._notes_of({p: set(plan.offsets.get(p, [])) for p in plan.ends})
        forgotten = sorted(set(plan.ends) - set(planned))
        if forgotten:
            raise StartupError(
                f"partition(s) {', '.join(map(str, forgotten))}: these dead letters lie too scattered for Kafka to "
                "remember which were sent back: choose fewer with --limit or --until, or begin with those between them"
            )

    def keep(self, letters: Iterable[Record]) -> None:
        """Commits that these, too, have been acknowledged."""
        for letter in letters:
            self._sent[letter.partition].add(letter.offset)
        self._notes.write(self._notes_of(self._sent))

    def _notes_of(self, sent: Mapping[int, set[int]]) -> dict[int, tuple[int, str]]:
        """The offsets to commit with their notes; one that is too long waits until the gaps in it are filled."""
        after = {
            p: progress_after(self._before.get(p, Progress()), self._plan, p, offsets) for p, offsets in sent.items()
        }
        notes = {p: (progress.offset, encode_note(progress, self._notes.topic_id)) for p, progress in after.items()}
        return {p: (offset, note) for p, (offset, note) in notes.items() if len(note) <= NOTE_CHARACTERS}


def _send(reader: KafkaReader, sender: KafkaSender, plan: Plan, memory: _Memory, settings: Settings) -> None:
    """Sends what was planned; after every acknowledged batch the progress is committed."""
    chosen = {p: set(offsets) for p, offsets in plan.offsets.items()}
    with progress_bar(talk()) as bar:
        task = bar.add_task("articles sent back", total=plan.letters)
        for batch in send_back(_chosen_records(reader, settings, chosen), sender, settings.articles_topic):
            memory.keep(batch)
            bar.advance(task, len(batch))
    memory.keep([])


def _tell(plan: Plan, settings: Settings, *, limit: int, sent: bool) -> None:
    """Says what was sent or would be, what was left out and why, and what remains."""
    console = talk()
    kinds = ", ".join(f"{count:,} {reason}" for reason, count in sorted(plan.reasons.items()))
    console.print(
        f"{'sent' if sent else 'would send'} {plan.letters:,} dead letter(s) back to {settings.articles_topic!r}, "
        f"{plan.size_bytes:,} bytes" + (f": {visible(kinds)}" if kinds else ""),
        markup=False,
    )
    for why, count in sorted(plan.left_out.items()):
        console.print(f"left out: {count:,} {why.value}", markup=False)
    if plan.remaining:
        console.print(f"remaining: {plan.remaining:,} more than --limit {limit:,}", markup=False)
    if plan.letters and not sent:
        console.print("nothing was sent; --yes sends them", markup=False)


def _all_records(reader: KafkaReader, settings: Settings, partitions: Collection[int]) -> Iterator[Record]:
    """The dead-letter topic as it stands now, or these partitions of it."""
    began = datetime.now(UTC)
    topic = settings.dead_topic
    reader.assign([topic])
    there = reader.partitions(topic)
    unknown = sorted(set(partitions) - set(there))
    if unknown:
        raise StartupError(f"--partition {unknown[0]}: topic {topic!r} has partitions {there[0]} to {there[-1]}")
    ends, beginnings = reader.ends(), reader.beginnings()
    asked = {at for at in ends if not partitions or at[1] in partitions}
    reader.seek({at: beginnings[at] if at in asked else end for at, end in ends.items()})
    return records_until(reader, {at: ends[at] for at in asked}, began)


def _chosen_records(reader: KafkaReader, settings: Settings, chosen: dict[int, set[int]]) -> Iterator[Record]:
    """These records again, in order per partition."""
    topic = settings.dead_topic
    reader.seek(reader.ends() | {(topic, p): min(offsets) for p, offsets in chosen.items()})
    until = {(topic, p): max(offsets) + 1 for p, offsets in chosen.items()}
    return (r for r in records_until(reader, until, _LONG_AGO) if r.offset in chosen[r.partition])


def _record_at(settings: Settings, partition: int, offset: int) -> Record:
    """One record of the dead-letter topic; raises CheckFailed where none stands there."""
    topic = settings.dead_topic
    with closing(KafkaReader(settings)) as reader, reading_errors(topic):
        reader.assign([topic])
        beginnings, ends = reader.beginnings(), reader.ends()
        at = (topic, partition)
        if beginnings.get(at, offset + 1) <= offset:
            reader.seek(ends | {at: offset})
            record = record_at(reader, *at, offset, is_there=offset < ends[at])
            if record is not None:
                return record
    raise CheckFailed(f"{topic}: no dead letter at {partition}@{offset}; `tocsin dead list` shows where they stand")


def _json(document: dict[str, object]) -> None:
    """A line in ASCII alone: what is hostile in it stays JSON's escape, on a terminal too."""
    data(json.dumps(document).encode("ascii"))


def _print(lines: Iterable[str]) -> None:
    data("\n".join(lines).encode(errors="backslashreplace"))
