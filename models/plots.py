"""Plots of an evaluation as PNG files. The only module that knows Matplotlib, which comes with the extra `report`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from models.figures import BINS, LEAST_PROBABILITY, Bools, Floats, precision_recall, reliability
from models.reader import TYPES
from schemas.errors import StartupError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANEL_INCHES = 3.6
_DOTS_PER_INCH = 110


def refuse_without_matplotlib() -> None:
    """Raises StartupError where the extra is not installed, before any work is done."""
    if find_spec("matplotlib") is None:
        raise StartupError("a report needs Matplotlib, which is not installed: pip install 'tocsin[report]'")


def save_plots(truth: Bools, p: Floats, folder: Path, stem: str) -> tuple[str, str]:
    """Writes a precision-recall and a reliability plot, one panel per label; gives their file names.

    truth, p: (n_articles, n_types). Raises OSError where the folder cannot be written to, StartupError without
    Matplotlib.
    """
    names = (f"{stem}-precision-recall.png", f"{stem}-reliability.png")
    for name, draw in zip(names, (_draw_precision_recall, _draw_reliability), strict=True):
        figure, panels = _panels()
        for k, (panel, event_type) in enumerate(zip(panels, TYPES, strict=True)):
            panel.set_title(event_type.value)
            draw(panel, truth[:, k], p[:, k])
        figure.savefig(folder / name, dpi=_DOTS_PER_INCH, metadata={"Software": None})
    return names


def _panels() -> tuple[Figure, list[Axes]]:
    """A figure without pyplot, which would keep it alive and look for a screen."""
    refuse_without_matplotlib()
    from matplotlib.figure import Figure  # noqa: PLC0415 - an optional extra

    figure = Figure(figsize=(_PANEL_INCHES * len(TYPES), _PANEL_INCHES), layout="constrained")
    panels = [figure.add_subplot(1, len(TYPES), number + 1) for number in range(len(TYPES))]
    for panel in panels:
        panel.set(xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal")
        panel.grid(visible=True, alpha=0.3)
    return figure, panels


def _draw_precision_recall(panel: Axes, truth: Bools, p: Floats) -> None:
    precision, recall = precision_recall(truth, p)
    panel.step([0.0, *recall], [precision[0], *precision], where="pre")
    panel.set(xlabel=f"recall ({int(truth.sum())} positives)", ylabel="precision")


def _draw_reliability(panel: Axes, truth: Bools, p: Floats) -> None:
    """The share that is true over the mean probability of each bin; the area of a point is its number of decisions."""
    bins = reliability(truth, p)
    decisions = sum(each.decisions for each in bins)
    areas = [20 + 400 * each.decisions / decisions for each in bins]
    panel.plot([0, 1], [0, 1], linestyle=":", color="grey")
    panel.plot([each.probability for each in bins], [each.share for each in bins])
    panel.scatter([each.probability for each in bins], [each.share for each in bins], s=areas, clip_on=False)
    panel.set(xlabel=f"probability, {BINS} bins ({decisions} decisions ≥ {LEAST_PROBABILITY})", ylabel="share true")
