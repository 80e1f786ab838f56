"""Measuring: labelled articles and what a classifier says of them, as figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.reader import TYPES
from schemas.article import Article
from schemas.event_type import EventType

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledArticle:
    """An article with the labels that readers gave it.

    `agreed`: two readers give the same labels without doubt; `doubtful`: careful readers could differ; `category`:
    what the file says it is, or empty.
    """

    article: Article
    labels: frozenset[EventType]
    agreed: bool = False
    doubtful: bool = False
    category: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFigures:
    """Precision, recall and F1 in [0, 1] of one label over `positives` articles that have it."""

    precision: float
    recall: float
    f1: float
    positives: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured on one selection of articles."""

    articles: int
    labels: Mapping[EventType, LabelFigures]
    macro_f1: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseAlerts:
    """Of articles without any event, how many in 1,000 rang, at all and per label."""

    articles: int
    per_1000: float
    labels_per_1000: Mapping[EventType, float]


def figures(items: Sequence[LabelledArticle], decided: Sequence[Iterable[EventType]]) -> Figures:
    """Precision, recall and F1 per label, and their macro mean over all three."""
    truth, said = _matrix([item.labels for item in items]), _matrix(decided)
    labels = {event_type: _label_figures(truth[:, k], said[:, k]) for k, event_type in enumerate(TYPES)}
    macro = sum(found.f1 for found in labels.values()) / len(labels)
    return Figures(articles=len(items), labels=labels, macro_f1=macro)


def false_alerts(decided: Sequence[Iterable[EventType]]) -> FalseAlerts:
    """Alerts on articles that report no event."""
    said = _matrix(decided)
    return FalseAlerts(
        articles=len(said),
        per_1000=1000 * float(said.any(axis=1).mean()) if len(said) else 0.0,
        labels_per_1000={t: 1000 * float(said[:, k].mean()) if len(said) else 0.0 for k, t in enumerate(TYPES)},
    )


def f1_of(truth: Bools, said: Bools) -> float:
    """F1 in [0, 1]; 0 where nothing is true and nothing was said."""
    hits = int((truth & said).sum())
    return 2 * hits / max(int(truth.sum()) + int(said.sum()), 1)


def report(items: Sequence[LabelledArticle], decided: Sequence[Sequence[EventType]]) -> dict[str, Any]:
    """All figures as plain values: on all, clear and agreed items with labels, and false alerts on those without."""
    chosen = {
        "all": [True] * len(items),
        "clear": [not item.doubtful for item in items],
        "agreed": [item.agreed for item in items],
    }
    document: dict[str, Any] = {}
    for name, wanted in chosen.items():
        rows = [row for row, is_wanted in enumerate(wanted) if is_wanted]
        if any(items[row].labels for row in rows):
            document[name] = _figures_document(figures([items[r] for r in rows], [decided[r] for r in rows]))
    empty = [row for row, item in enumerate(items) if not item.labels]
    if empty:
        found = false_alerts([decided[row] for row in empty])
        document["false_alerts"] = {
            "articles": found.articles,
            "per_1000": round(found.per_1000, 1),
            "labels_per_1000": {t.value: round(value, 1) for t, value in found.labels_per_1000.items()},
        }
    return document


def _figures_document(found: Figures) -> dict[str, Any]:
    return {
        "articles": found.articles,
        "macro_f1": round(found.macro_f1, 4),
        "labels": {
            t.value: {
                "precision": round(label.precision, 4),
                "recall": round(label.recall, 4),
                "f1": round(label.f1, 4),
                "positives": label.positives,
            }
            for t, label in found.labels.items()
        },
    }


def _label_figures(truth: Bools, said: Bools) -> LabelFigures:
    hits = int((truth & said).sum())
    return LabelFigures(
        precision=hits / max(int(said.sum()), 1),
        recall=hits / max(int(truth.sum()), 1),
        f1=f1_of(truth, said),
        positives=int(truth.sum()),
    )


def _matrix(labels: Iterable[Iterable[EventType]]) -> Bools:
    rows = [[event_type in set(row) for event_type in TYPES] for row in labels]
    return np.array(rows, dtype=np.bool_).reshape(len(rows), len(TYPES))
