"""What befalls topics: one is missing, one is made anew, articles are deleted before they are read."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import time
from collections.abc import Mapping

from load import Load
from plan import Plan
from results import Result
from stage import Ground, Stage
from topics import create_topic, delete_records, delete_topic, move_offsets

_ALERT_S = 60.0
"""Seconds after which an alert that has not come will not come."""
_EXIT_S = 15.0
"""Seconds after the alarm after which a worker that still runs goes on."""


def events_missing(ground: Ground) -> Result:
    """The events topic is missing at the start: exit 2 with its name; the worker works once it is made."""
    with ground.stage("events-missing", Plan(events_topic_missing=True)) as stage:
        stage.load.start()
        stage.crew.add()
        stage.wait(lambda: bool(stage.crew.exits), "the worker did not exit without an events topic")
        first = stage.crew.exits[0]
        if first.code != 2 or stage.settings.events_topic not in first.last_words:
            stage.result.problems.append(f"exit {first.code}, expected 2 with the topic's name: {first.last_words}")
        stage.create_events_topic()
        stage.watcher.start()
        return stage.finish()


def retention(ground: Ground) -> Result:
    """Retention passes the group's committed offsets while no worker runs: the lost range is named."""
    with ground.stage("retention", Plan(rate=600)) as stage:
        slot = stage.crew.add()
        stage.begin()
        stage.crew.stop(slot)
        sent = len(stage.load.ledger.entries)
        stage.load.wait_for(sent + 2_000)
        committed = stage.committed()
        lost = {p: (at, min(at + 200, stage.load.ledger.ends()[p] - 50)) for p, at in committed.items()}
        _delete(stage, lost)
        stage.crew.start_again(slot)
        _expect_alarm(stage, lost)
        _go_on_behind(stage, slot, {p: end for p, (_, end) in lost.items()})
        return stage.finish()


def retention_live(ground: Ground) -> Result:
    """Retention passes a running worker that was asleep for five seconds, less than its session time."""
    with ground.stage("retention-live", Plan(rate=600)) as stage:
        slot = stage.crew.add()
        stage.begin()
        stage.crew.signal(slot, signal.SIGSTOP)
        time.sleep(5)
        ends = stage.load.ledger.ends()
        delete_records(stage.address, stage.settings.articles_topic, {p: end - 20 for p, end in ends.items()})
        stage.crew.signal(slot, signal.SIGCONT)
        where = {p: end - 20 for p, end in ends.items()}
        told = _alarmed(stage, where)
        stage.gone = _unread_below(stage, where)
        if told is None:
            stage.result.problems.append(f"{len(stage.gone):,} articles were deleted unread, and nothing told so")
        else:
            stage.result.notes.append(f"{len(stage.gone):,} articles gone, told: {told[:200]}")
        _go_on_behind(stage, slot, where)
        stage.gone = _unread_below(stage, where)
        return stage.finish()


def recreated(ground: Ground) -> Result:
    """The articles topic is deleted and made anew under a running worker that has not read all of the old one."""
    with ground.stage("recreated", Plan(backlog=ground.options.articles, rate=100)) as stage:
        slot = stage.crew.add()
        stage.begin()
        stage.load.finish()
        committed = stage.committed()
        new = _make_anew(stage, stage.options.partitions * 20)
        told = _alarmed(stage, {})
        stage.gone = _unread_from(stage, committed)
        if told is None:
            stage.result.problems.append(f"{len(stage.gone):,} articles were gone with their topic; nothing told so")
        else:
            stage.result.notes.append(f"{len(stage.gone):,} articles gone, told: {told[:200]}")
        _go_on_behind(stage, slot, dict.fromkeys(range(stage.options.partitions), 0))
        return _finish_with(stage, new)


def recreated_idle(ground: Ground) -> Result:
    """The same while no worker runs, and the new topic is the longer one: none of its articles may be skipped.

    Kafka deletes a group's offsets together with the topic, so that nobody can tell afterwards what was unread.
    """
    with ground.stage("recreated-idle", Plan(backlog=ground.options.articles, rate=100)) as stage:
        slot = stage.crew.add()
        stage.begin()
        stage.crew.stop(slot)
        stage.load.finish()
        stage.gone = _unread_from(stage, stage.committed())
        new = _make_anew(stage, 2 * len(stage.load.ledger.entries))
        stage.crew.start_again(slot)
        _go_on_behind(stage, slot, dict.fromkeys(range(stage.options.partitions), 0))
        stage.result.notes.append(f"{len(stage.gone):,} articles of the old topic gone, their offsets too")
        return _finish_with(stage, new)


def _make_anew(stage: Stage, articles: int) -> Load:
    delete_topic(stage.address, stage.settings.articles_topic)
    create_topic(stage.address, stage.settings.articles_topic, partitions=stage.options.partitions, replication=1)
    return _load_of_new_topic(stage, articles)


def _unread_from(stage: Stage, committed: Mapping[int, int]) -> set[int]:
    """Articles at or behind the committed offsets that gave no output."""
    read = {seen.given[0] for seen in stage.seen()}
    entries = list(stage.load.ledger.entries.values())
    return {e.number for e in entries if e.offset >= committed.get(e.partition, 0) and e.number not in read}


def _load_of_new_topic(stage: Stage, articles: int) -> Load:
    """Articles on the new topic, with numbers of their own."""
    new = Load(
        address=stage.address,
        topic=stage.settings.articles_topic,
        partitions=stage.options.partitions,
        recipe=stage.plan.recipe,
        at_least=articles,
        backlog=articles,
        rate=1,
        first=stage.load.next,
    )
    new.start()
    new.finish()
    return new


def _finish_with(stage: Stage, new: Load) -> Result:
    """Drains the new topic, and counts the articles of both.

    Dead letters of both bear the same coordinates, so that those of the old topic are told by their number.
    """
    old, stage.load = stage.load, new
    stage.drain()
    stage.crew.stop_all()
    stage.earlier = {number: entry for number, entry in old.ledger.entries.items() if number not in stage.gone}
    return stage.finish()


def _delete(stage: Stage, lost: Mapping[int, tuple[int, int]]) -> None:
    delete_records(stage.address, stage.settings.articles_topic, {p: end for p, (_, end) in lost.items()})
    entries = stage.load.ledger.entries.values()
    stage.gone = {e.number for e in list(entries) if e.partition in lost and _within(e.offset, lost[e.partition])}


def _within(offset: int, span: tuple[int, int]) -> bool:
    return span[0] <= offset < span[1]


def _unread_below(stage: Stage, where: Mapping[int, int]) -> set[int]:
    """Articles below these offsets that gave no output: they were deleted before they were read."""
    read = {seen.given[0] for seen in stage.seen()}
    entries = list(stage.load.ledger.entries.values())
    return {e.number for e in entries if e.offset < where.get(e.partition, 0) and e.number not in read}


def _expect_alarm(stage: Stage, lost: Mapping[int, tuple[int, int]]) -> None:
    """An exit or a log line that names topic, partition and both ends of the range, of one of the partitions."""
    told = _alarmed(stage, {p: end for p, (_, end) in lost.items()})
    if told is None:
        stage.result.problems.append(f"{len(stage.gone):,} articles were gone, and nothing told so")
        return
    stage.result.notes.append(f"{len(stage.gone):,} articles gone, told: {told[:200]}")
    numbers = set(re.findall(r"\d+", told))
    if not any(_names(numbers, partition, span) for partition, span in lost.items()):
        stage.result.problems.append(f"the alarm names no lost range of {lost}: {told[:300]}")


def _names(numbers: set[str], partition: int, span: tuple[int, int]) -> bool:
    """Whether all three are named; the end as the last one lost, or as the first one there."""
    ends = {str(span[1]), str(span[1] - 1)}
    return str(partition) in numbers and str(span[0]) in numbers and bool(ends & numbers)


def _alarmed(stage: Stage, where: Mapping[int, int]) -> str | None:
    """The log line that names the articles topic and one of these offsets, or any if none are given; None without."""
    until = time.monotonic() + _ALERT_S
    while time.monotonic() < until:
        for line in stage.crew.said().splitlines():
            if _tells(line, stage.settings.articles_topic, where):
                return _reason_in(line)
        time.sleep(0.5)
    return None


def _reason_in(line: str) -> str:
    """What a log line says of itself, without time and places."""
    with contextlib.suppress(json.JSONDecodeError):
        return str(json.loads(line).get("reason", line))
    return line


def _tells(line: str, topic: str, where: Mapping[int, int]) -> bool:
    try:
        said = json.loads(line)
    except json.JSONDecodeError:
        return topic in line and any(str(at) in line for at in where.values())
    if said.get("level") not in {"error", "warning"}:
        return False
    text = json.dumps({name: value for name, value in said.items() if name != "time"})
    if not where:
        return bool(re.search(rf"{topic}\[\d+\].*offset", text))
    offsets = {str(at) for at in where.values()} | {str(at - 1) for at in where.values()}
    return topic in text and bool(offsets & set(re.findall(r"\d+", text)))


def _go_on_behind(stage: Stage, slot: int, offsets: Mapping[int, int]) -> None:
    """What an operator does after the alarm: moves the group behind what is gone, if the worker has exited."""
    until = time.monotonic() + _EXIT_S
    while all(each.wanted for each in stage.crew.exits):
        if time.monotonic() > until:
            return
        time.sleep(0.1)
    stage.crew.stop(slot)
    committed = stage.committed()
    move = {p: at for p, at in offsets.items() if at == 0 or committed.get(p, 0) < at}
    move_offsets(stage.address, stage.settings.group, stage.settings.articles_topic, move)
    stage.crew.start_again(slot)
