"""`tocsin replay`: files in, a progress bar, and with `--expect` the comparison of what came."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from consumers.console import data, harmless, progress_bar, talk
from consumers.expectations import Expectation, differences, load_expectations
from consumers.files import FileProblem, article_files
from consumers.kafka.access import expecting_access, replay_access, require
from consumers.kafka.client import KafkaReader, KafkaSender
from consumers.replay import Pace, Sent, new_run_id, plan, replay, replayed_articles
from consumers.settings import Settings
from consumers.verification import gather, wait_until_dealt_with
from schemas.errors import CheckFailed
from schemas.message import Record

if TYPE_CHECKING:
    from rich.console import Console


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
    count = 0

    def note(problem: FileProblem) -> None:
        problems.append(problem)
        _tell(console, problem)

    sender = KafkaSender(settings)
    try:
        with progress_bar(console) as bar:
            task = bar.add_task("articles sent", total=limit)
            for item in replay(
                replayed_articles(files, limit=limit, loop=loop),
                sender,
                topic=settings.articles_topic,
                run_id=run_id,
                fields=settings.article_fields,
                on_problem=note,
                pace=pace,
            ):
                count += 1
                bar.advance(task)
                if expect:
                    sent.append(item)
    finally:
        sender.close()
    console.print(f"{count:,} articles sent to {settings.articles_topic!r}, run {run_id}")
    if expect:
        _compare(sent, before, run_id, settings, console, expected=expected)
    skipped = sum(problem.skipped for problem in problems)
    if skipped:
        raise CheckFailed(f"{skipped} file(s) or line(s) could not be read; they are named above")


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
