"""Two models on the same articles: what the other one decided, and what changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.evaluate import Evaluation, LabelledArticle, evaluation, ordered
from models.tags import Tags
from schemas.event import ModelRef
from schemas.event_type import EventType


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An article that two models decide differently: its labels, those the other model gives, and those given now."""

    id: str
    expected: tuple[EventType, ...]
    other: tuple[EventType, ...]
    now: tuple[EventType, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What another model makes of the same articles, and every article that it decides differently.

    `changed_decisions` counts labels, so that an article can have up to three.
    """

    model: ModelRef
    evaluation: Evaluation
    changed_decisions: int
    changes: tuple[Change, ...]


def comparison(
    items: Sequence[LabelledArticle], now: Sequence[Tags], other: Sequence[Tags], other_model: ModelRef
) -> Comparison:
    """What changed from the other model's tags of the same articles to those of now."""
    changes = tuple(
        Change(id=item.article.id, expected=ordered(item.labels), other=before.labels, now=after.labels)
        for item, before, after in zip(items, other, now, strict=True)
        if before.labels != after.labels
    )
    return Comparison(
        model=other_model,
        evaluation=evaluation(items, other),
        changed_decisions=sum(len(set(change.now) ^ set(change.other)) for change in changes),
        changes=changes,
    )
