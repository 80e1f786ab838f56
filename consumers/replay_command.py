"""`tocsin replay`: files in, a progress bar, and with `--expect` the comparison of what came."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from consumers.console import data, harmless, progress_bar, talk
from consumers.expectations import Expectation, differences, load_expectations
from consumers.files import FileProblem, article_files
from consumers.in_flight import InFlight, Sent
from consumers.kafka.access import expecting_access, replay_access, require
from consumers.kafka.client import KafkaReader, KafkaSender
from consumers.replay import Pace, new_run_id, plan, replay, replayed_articles
from consumers.settings import Settings
from consumers.verification import gather, wait_until_dealt_with
from schemas.errors import CheckFailed
from schemas.message import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.progress import Progress, TaskID


_LINGER_MS = 50
"""Milliseconds for which a batch waits to be filled where no pace is wanted: full batches, not early ones. One whose
time is over takes the others of its broker along, so that with 5 ms each holds a dozen articles of 10,000 a second."""

_SHOWN_EVERY_S = 0.1
"""Seconds; rich draws a bar ten times a second."""

_UNSURE = "this and {:,} in all were sent, and the broker has not said that it has them"


def dry_replay(paths: list[Path], settings: Settings, *, limit: int | None, loop: int) -> None:
    """Prints what `live_replay` would send."""
    planned = plan(replayed_articles(article_files(paths), limit=limit, loop=loop))
    console = talk()
    for problem in planned.problems:
        _tell(console, problem)
    console.print(
        f"would send {planned.articles:,} articles, {planned.size_bytes:,} bytes, to topic "
        f"{settings.articles_topic!r} at {', '.join(settings.brokers)}"
    )


def live_replay(
    paths: list[Path],
    settings: Settings,
    *,
    limit: int | None,
    loop: int,
    pace: Pace | None,
    expect: Path | None,
) -> None:
    """Sends the articles; with `expect` raises CheckFailed where what came differs from it."""
    files = article_files(paths)
    expected = load_expectations(expect) if expect else []
    require(settings, expecting_access(settings) if expect else replay_access(settings))
    console = talk()
    before = _ends(settings) if expect else {}
    run_id = new_run_id()
    problems: list[FileProblem] = []
    sent: list[Sent] = []

    def note(problem: FileProblem) -> None:
        problems.append(problem)
        _tell(console, problem)

    options = {"linger_ms": _LINGER_MS} if pace is None else {}
    with _sending(KafkaSender(settings, **options), settings, run_id, limit) as sending:
        for item in replay(
            replayed_articles(files, limit=limit, loop=loop),
            sending.sender,
            topic=settings.articles_topic,
            run_id=run_id,
            fields=settings.article_fields,
            on_problem=note,
            in_flight=sending.in_flight,
            pace=pace,
        ):
            sending.one_more()
            if expect:
                sent.append(item)
    if expect:
        _compare(sent, before, run_id, settings, console, expected=expected)
    skipped = sum(problem.skipped for problem in problems)
    if skipped:
        raise CheckFailed(f"{skipped} file(s) or line(s) could not be read; they are named above")


@dataclass(slots=True, kw_only=True)
class _Sending:
    """A replay that goes on: `count` articles of it are known to be on the broker."""

    sender: KafkaSender
    in_flight: InFlight
    bar: Progress
    task: TaskID
    count: int = 0
    shown_s: float = 0.0

    def one_more(self) -> None:
        """Counts, and moves the bar no oftener than it is drawn."""
        self.count += 1
        now_s = time.monotonic()
        if now_s - self.shown_s > _SHOWN_EVERY_S:
            self.shown_s = now_s
            self.bar.update(self.task, completed=self.count)


@contextmanager
def _sending(sender: KafkaSender, settings: Settings, run_id: str, limit: int | None) -> Iterator[_Sending]:
    """Sends within the block; at its end, whatever ends it, says how many articles the broker has.

    Not promised: where Ctrl-C comes while an article is counted, the count may be one short.
    """
    console = talk()
    with progress_bar(console) as bar:
        task = bar.add_task("articles sent", total=limit)
        sending = _Sending(sender=sender, in_flight=InFlight(), bar=bar, task=task)
        try:
            yield sending
        finally:
            sender.close()
            late, unsure = sending.in_flight.settled()
            console.print(f"{sending.count + late:,} articles sent to {settings.articles_topic!r}, run {run_id}")
            if unsure:
                _tell(console, FileProblem(place=unsure[0].place, problem=_UNSURE.format(len(unsure))))


def _compare(
    sent: list[Sent],
    before: dict[tuple[str, int], int],
    run_id: str,
    settings: Settings,
    console: Console,
    *,
    expected: list[Expectation],
) -> None:
    """Waits for the workers, prints every difference on stdout, and raises CheckFailed where there is one."""
    offsets = KafkaReader(settings, group=settings.group)
    try:
        with progress_bar(console) as bar:
            task = bar.add_task("articles dealt with", total=len(sent))
            wait_until_dealt_with(sent, offsets, settings, lambda passed: bar.update(task, completed=passed))
    finally:
        offsets.close()
    events, dead_letters = _records_since(before, settings)
    came = gather(sent, events, dead_letters, run_id, settings)
    found = differences(expected, came)
    for line in found:
        data(harmless(line).encode())
    if found:
        raise CheckFailed(f"{len(found)} of {len(expected)} expectations do not hold")
    console.print(f"all {len(expected)} expectations hold")


def _ends(settings: Settings) -> dict[tuple[str, int], int]:
    """Where the events and dead-letter topics end now: what this run gives comes after."""
    reader = KafkaReader(settings)
    try:
        reader.assign([settings.events_topic, settings.dead_topic])
        reader.seek_to_ends()
        return reader.positions()
    finally:
        reader.close()


def _records_since(before: dict[tuple[str, int], int], settings: Settings) -> tuple[list[Record], list[Record]]:
    """What has come on the events and dead-letter topics since."""
    reader = KafkaReader(settings)
    try:
        reader.assign([settings.events_topic, settings.dead_topic])
        reader.seek(before)
        records = list(reader.drain())
    finally:
        reader.close()
    events = [record for record in records if record.topic == settings.events_topic]
    return events, [record for record in records if record.topic == settings.dead_topic]


def _tell(console: Console, problem: FileProblem) -> None:
    console.print(f"tocsin: {harmless(str(problem))}", markup=False)
