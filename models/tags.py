"""What a classifier says of one article, and the protocol of classifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.article import Article
from schemas.event import Evidence, ModelRef
from schemas.event_type import EventType


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """The reading of one article.

    `scores` has the calibrated probability in [0, 1] of every type; `labels` those at or above their thresholds, in
    the order of EventType; `evidence` at least one sentence for every label, best first. `foreign` is True where the
    article is in a language that is not read: then all scores are 0 and there are no labels.
    """

    scores: Mapping[EventType, float]
    labels: tuple[EventType, ...]
    evidence: Mapping[EventType, tuple[Evidence, ...]]
    foreign: bool = False


class Classifier(Protocol):
    """Tags articles; knows which model it is."""

    @property
    def model(self) -> ModelRef:
        """The model that decides, as every event names it."""
        ...

    def tag(self, articles: Sequence[Article]) -> list[Tags]:
        """One Tags per article, in their order; the same article always gives the same Tags, whatever its batch."""
        ...
