"""What a bench run found, as one document, and the figures taken from it: medians, spread, ratios, lines. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The median of some rounds, and the least and the most."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        if self.least == self.most:
            return f"{self.median:,.0f}"
        return f"{self.median:,.0f} ({self.least:,.0f} to {self.most:,.0f})"


def spread(values: Iterable[float]) -> Spread | None:
    """None where there are no values."""
    known = sorted(values)
    return Spread(median=statistics.median(known), least=known[0], most=known[-1]) if known else None


def of_contestant(document: Document, name: str, what: str) -> Spread | None:
    """A figure of one contestant over the rounds that went as they must."""
    runs = document.get("throughput", ())
    return spread(run[what] for run in runs if run["contestant"] == name and not run["problems"])


def paired(
    document: Document, one: str, other: str, what: str, compared: Callable[[float, float], float]
) -> Spread | None:
    """A figure of one contestant compared with another's of the same round: a machine is not the same all day long."""
    ours, theirs = (_by_round(document, name, what) for name in (one, other))
    return spread(compared(ours[number], theirs[number]) for number in ours.keys() & theirs.keys())


def _by_round(document: Document, name: str, what: str) -> dict[int, float]:
    runs = document.get("throughput", ())
    return {run["round"]: run[what] for run in runs if run["contestant"] == name and not run["problems"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A straight line through points, and how much of their variance it explains."""

    slope: float
    at_zero: float
    r_squared: float


def line_through(points: Sequence[tuple[float, float]]) -> Line | None:
    """The line of least squares; None for fewer than three points."""
    if len(points) < 3:
        return None
    xs, ys = [x for x, _ in points], [y for _, y in points]
    slope, at_zero = statistics.linear_regression(xs, ys)
    return Line(slope=slope, at_zero=at_zero, r_squared=statistics.correlation(xs, ys) ** 2)


def length_points(document: Document, whose: str) -> list[tuple[float, float]]:
    """Thousand bytes of an article, and CPU microseconds that it cost the `worker`, or the classifier `alone`."""
    points = [
        (found["kilobytes"], found["run"]["cpu_us"] if whose == "worker" else found["alone_cpu_us"])
        for found in document.get("lengths", ())
    ]
    return [point for point in points if point[1]]
