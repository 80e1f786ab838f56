"""The goals that a bench run is held to, and what it came to. Pure.

Figures of one round are compared with each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from contestants import ALONE, AT_LEAST_ONCE, CONTESTANTS, EXACTLY_ONCE, Promise, Shape
from results import Document, length_points, line_through, of_contestant, paired, spread

_MOST_ABOVE_US = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One thing that a run is held to, and what it came to."""

    what: str
    wanted: str
    found: str
    met: bool


def goals(document: Document) -> list[Goal]:
    """Those of the goals that the parts of this run can tell."""
    judges = (_classifier, _overhead, _ratios, _latency, _startup, _length, _memory, _backlog, _replay)
    return [goal for judge in judges for goal in judge(document)]


def _overhead(document: Document) -> Iterable[Goal]:
    above = paired(document, EXACTLY_ONCE.name, ALONE, "cpu_us", lambda ours, theirs: ours - theirs)
    if above:
        yield Goal(
            what="CPU an article above the classifier alone",
            wanted=f"≤ {_MOST_ABOVE_US} µs",
            found=f"{above} µs",
            met=above.median <= _MOST_ABOVE_US,
        )


def _ratios(document: Document) -> Iterable[Goal]:
    yield from _by(document, ALONE, "throughput by the classifier alone", 0.85)
    rivals = {
        each.name: figure.median
        for each in CONTESTANTS
        if each.shape is Shape.BATCH and each.promise in {Promise.EXACTLY_ONCE, Promise.NO_FENCING}
        if each is not EXACTLY_ONCE and (figure := of_contestant(document, each.name, "per_second"))
    }
    if rivals:
        best = max(rivals, key=lambda name: rivals[name])
        yield from _by(document, best, f"throughput by the best rival with transactions ({best})", 0.95)


def _by(document: Document, other: str, what: str, wanted: float) -> Iterable[Goal]:
    ratio = paired(document, EXACTLY_ONCE.name, other, "per_second", lambda ours, theirs: ours / theirs)
    if ratio:
        found = f"{ratio.median:.2f} ({ratio.least:.2f} to {ratio.most:.2f})"
        yield Goal(what=what, wanted=f"≥ {wanted:g}", found=found, met=ratio.median >= wanted)


def _classifier(document: Document) -> Iterable[Goal]:
    wanted = {"unrelated": 3_000, "visible": 1_500}
    for found in document.get("classifier", ()):
        if found["corpus"] in wanted:
            rate = round(1e6 / found["cpu_us"])
            yield _at_least(
                f"classifier alone on {found['corpus']}, articles per CPU second", rate, wanted[found["corpus"]]
            )


def _replay(document: Document) -> Iterable[Goal]:
    found = document.get("replay")
    if found:
        yield _at_least("replay, articles a second", found["per_second"], 10_000)
        yield _at_most(f"replay of {found['articles']:,} lines, peak memory", found["peak_mb"], 150, "MB")


def _latency(document: Document) -> Iterable[Goal]:
    for found in document.get("latency", ()):
        if found["contestant"] == EXACTLY_ONCE.name and found["rate"] == 200 and "p99_ms" in found:
            yield _at_most("p99 latency at 200/s", found["p99_ms"], 150, "ms")


def _startup(document: Document) -> Iterable[Goal]:
    for name in (EXACTLY_ONCE.name, AT_LEAST_ONCE.name):
        seconds = spread(
            found["first_event_s"]
            for found in document.get("startup", ())
            if found["contestant"] == name and "first_event_s" in found
        )
        if seconds:
            yield _at_most(f"start to first event, {name}", seconds.median, 6, "s")


def _memory(document: Document) -> Iterable[Goal]:
    run = document.get("backlog")
    if run and not run["problems"]:
        yield _at_most(f"peak memory with a backlog of {run['articles']:,}", run["peak_mb"], 400, "MB")


def _backlog(document: Document) -> Iterable[Goal]:
    run = document.get("backlog")
    if run and run["thirds"]:
        yield _at_least("last third of the backlog by the first", run["thirds"][-1] / run["thirds"][0], 0.95)


def _length(document: Document) -> Iterable[Goal]:
    line = line_through(length_points(document, "worker"))
    if line:
        yield _at_least("cost by length is a line (R²)", line.r_squared, 0.99)


def _at_least(what: str, found: float, wanted: float) -> Goal:
    return Goal(what=what, wanted=f"≥ {wanted:g}", found=_figure(found), met=found >= wanted)


def _at_most(what: str, found: float, wanted: float, unit: str) -> Goal:
    return Goal(what=what, wanted=f"≤ {wanted:g} {unit}", found=f"{found:.4g} {unit}", met=found <= wanted)


def _figure(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.4f}".rstrip("0").rstrip(".")
