"""The figures of a bench run as SVG files; matplotlib ends here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from contestants import ALONE, ALONE_ONE, CONTESTANTS
from matplotlib import rcParams
from matplotlib.figure import Figure
from results import Document, length_points, line_through, of_contestant

_OURS, _THEIRS, _LIMIT = "#b5332e", "#7d8ca3", "#2f4858"


def save_plots(document: Document, folder: Path) -> list[str]:
    """Writes bench-*.svg for the parts that were run; their names."""
    rcParams["svg.hashsalt"] = "bench"  # the same figures give the same file
    drawn: dict[str, Callable[[Document], Figure | None]] = {
        "bench-throughput.svg": lambda document: _bars(document, "per_second", "articles a second"),
        "bench-cpu.svg": lambda document: _bars(document, "cpu_us", "CPU microseconds an article"),
        "bench-latency.svg": _latency,
        "bench-lengths.svg": _lengths,
    }
    written: list[str] = []
    for name, draw in drawn.items():
        figure = draw(document)
        if figure is not None:
            figure.savefig(folder / name, format="svg", metadata={"Date": None})
            written.append(name)
    return written


def _bars(document: Document, what: str, label: str) -> Figure | None:
    names = (ALONE, *(each.name for each in CONTESTANTS), ALONE_ONE)
    found = [(name, spread) for name in names if (spread := of_contestant(document, name, what)) is not None]
    if not found:
        return None
    found.reverse()
    medians = [spread.median for _, spread in found]
    errors = [
        [spread.median - spread.least for _, spread in found],
        [spread.most - spread.median for _, spread in found],
    ]
    figure, axes = _drawing(height=0.6 + 0.32 * len(found))
    axes.barh([name for name, _ in found], medians, xerr=errors, color=[_colour(name) for name, _ in found], capsize=2)
    axes.set_xlabel(f"{label}: median, least and most")
    return figure


def _latency(document: Document) -> Figure | None:
    found = [each for each in document.get("latency", ()) if "p50_ms" in each]
    if not found:
        return None
    figure, axes = _drawing()
    for name, colour in zip(dict.fromkeys(each["contestant"] for each in found), (_OURS, _LIMIT), strict=False):
        mine = [each for each in found if each["contestant"] == name]
        rates = [each["rate"] for each in mine]
        axes.plot(rates, [each["p99_ms"] for each in mine], "o-", color=colour, label=f"{name}, p99")
        axes.plot(rates, [each["p50_ms"] for each in mine], "o--", color=colour, label=f"{name}, p50")
    axes.set_xlabel("articles a second")
    axes.set_ylabel("milliseconds from article to event")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    return figure


def _lengths(document: Document) -> Figure | None:
    if not document.get("lengths"):
        return None
    figure, axes = _drawing()
    for whose, colour in (("worker", _OURS), ("alone", _LIMIT)):
        points = length_points(document, whose)
        axes.plot([x for x, _ in points], [y / 1000 for _, y in points], "o", color=colour, label=whose)
        line = line_through(points)
        if line:
            longest = max(x for x, _ in points)
            axes.plot([0, longest], [line.at_zero / 1000, (line.at_zero + line.slope * longest) / 1000], color=colour)
    axes.set_xlabel("thousand bytes of an article")
    axes.set_ylabel("CPU milliseconds an article")
    axes.legend(frameon=False)
    return figure


def _drawing(*, height: float = 4.0) -> tuple[Figure, Any]:
    figure = Figure(figsize=(8, height), layout="constrained")
    axes: Any = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _colour(name: str) -> str:
    return _LIMIT if name in {ALONE, ALONE_ONE} else _OURS if name.startswith("tocsin") else _THEIRS
