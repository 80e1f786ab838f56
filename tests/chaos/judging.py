"""What a count, the committed offsets and the ends of workers mean for a scenario's result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from counting import Count
from crew import Exit
from load import Ledger
from results import Result

_WORDS = 160
"""Characters of a worker's last words that the table shows; its log has the rest."""


def judge_count(result: Result, counted: Count, ledger: Ledger) -> None:
    """Writes the figures down, and a problem for each that is not nought."""
    result.articles, result.outputs = counted.articles, counted.outputs
    result.lost, result.duplicated = len(counted.lost), len(counted.duplicated)
    result.disordered, result.repeats_dropped = len(counted.disordered), counted.repeats
    result.dead, result.expected_dead = counted.dead, counted.expected_dead
    for what, found in (
        ("lost", counted.lost),
        ("twice", counted.duplicated),
        ("out of order", counted.disordered),
        ("that nothing gives", counted.strange),
    ):
        if found:
            some = ", ".join(f"{number} {name}" for number, name in found[:3])
            result.problems.append(f"{len(found):,} {what}, e.g. {some}")
    if ledger.waiting or ledger.failed:
        result.problems.append(f"load: {ledger.waiting} unknown, {len(ledger.failed)} refused")
    if counted.repeats:
        result.notes.append(f"{counted.repeats:,} repeats dropped")


def judge_offsets(result: Result, committed: Mapping[int, int], ends: Mapping[int, int], *, exact: bool) -> None:
    """Committed is consumed: right behind the last article; where not `exact`, behind what an abort left there, too."""
    wrong = {
        partition: (committed.get(partition), end)
        for partition, end in ends.items()
        if committed.get(partition, 0) < end or (exact and committed[partition] != end)
    }
    result.offsets = "wrong" if wrong else "ok"
    if wrong:
        some = dict(list(wrong.items())[:4])
        result.problems.append(f"offsets {{partition: (committed, consumed)}}: {some}")


def note_exits(result: Result, exits: Sequence[Exit]) -> None:
    """Notes how workers ended that were not asked to."""
    unwanted = [each for each in exits if not each.wanted]
    result.exits = [f"{each.slot}: {each.code} {each.last_words}" for each in unwanted]
    for (code, words), times in Counter((each.code, each.last_words) for each in unwanted).items():
        result.notes.append(f"{times}x exit {code}: {words[:_WORDS]}")
