"""Measuring: labelled articles and what a classifier says of them, as figures.

What a figure means stands in models.figures; how it is shown, in models.summary and models.report.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass

import numpy as np

from models.figures import Bools, Floats, Scores, score_table
from models.reader import TYPES
from models.tags import Tags
from schemas.article import Article
from schemas.event_type import EventType

FEWEST_OF_GENRE = 10
FEWEST_OF_KIND = 5
"""Smaller groups are not shown: one article more or less would move their figures by a tenth or more."""

MOST_WRONG = 10
"""Wrong decisions shown per label: what a person reads in one go; a guess."""

_DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledArticle:
    """An article with the labels that readers gave it.

    `agreed`: two readers give the same labels without doubt; `doubtful`: careful readers could differ; `category`:
    what the file says it is; `genre`: which group of articles it is counted with; `kind`: which trap an article
    without labels sets. The last three may be empty.
    """

    article: Article
    labels: frozenset[EventType]
    agreed: bool = False
    doubtful: bool = False
    category: str = ""
    genre: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured on one selection of articles; macro: the means over all three labels; micro: all in one."""

    articles: int
    macro: Scores
    micro: Scores
    labels: Mapping[EventType, Scores]

    @property
    def macro_f1(self) -> float:
        """The mean F1 over all three labels, in [0, 1]; a label that no article has counts as 0."""
        return self.macro.f1


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseAlerts:
    """Of articles without any event, how many in 1,000 rang, at all and per label."""

    articles: int
    per_1000: float
    labels_per_1000: Mapping[EventType, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Genre:
    """What was measured on one genre; None where no article of it has a label, or none is without."""

    articles: int
    figures: Figures | None
    false_alerts: FalseAlerts | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongDecision:
    """A label given or withheld wrongly: the article's id, its labels, those that were given, the label's probability.

    `quote` is the best evidence of a label that was given, None of one that was withheld.
    """

    id: str
    expected: tuple[EventType, ...]
    got: tuple[EventType, ...]
    probability: float
    quote: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Everything that was measured on one file.

    `agreed`, `clear`, `all`: None where no article of that selection has a label; `genres` of 10 articles or more and
    `kinds` of hard negatives of 5 or more, the largest first; `wrong`: up to 10 decisions per label, the most
    confident first.
    """

    articles: int
    agreed: Figures | None
    clear: Figures | None
    all: Figures | None
    false_alerts: FalseAlerts | None
    genres: Mapping[str, Genre]
    kinds: Mapping[str, FalseAlerts]
    wrong: Mapping[EventType, tuple[WrongDecision, ...]]

    @property
    def selections(self) -> dict[str, Figures]:
        """The selections that have figures, by name."""
        named = {"agreed": self.agreed, "clear": self.clear, "all": self.all}
        return {name: found for name, found in named.items() if found}


def figures(items: Sequence[LabelledArticle], tags: Sequence[Tags]) -> Figures:
    """All figures per label, their macro means and the micro figures, with intervals of F1."""
    table = score_table(truth_of(items), _matrix(each.labels for each in tags), probabilities_of(tags))
    labels = dict(zip(TYPES, table.labels, strict=True))
    return Figures(articles=len(items), macro=table.macro, micro=table.micro, labels=labels)


def false_alerts(tags: Sequence[Tags]) -> FalseAlerts:
    """Alerts on articles that report no event."""
    said = _matrix(each.labels for each in tags)
    return FalseAlerts(
        articles=len(said),
        per_1000=1000 * float(said.any(axis=1).mean()) if len(said) else 0.0,
        labels_per_1000={t: 1000 * float(said[:, k].mean()) if len(said) else 0.0 for k, t in enumerate(TYPES)},
    )


def evaluation(items: Sequence[LabelledArticle], tags: Sequence[Tags]) -> Evaluation:
    """All figures of one file; `tags` are of `items`, in their order."""
    everything = range(len(items))
    return Evaluation(
        articles=len(items),
        agreed=_figures_at([row for row in everything if items[row].agreed], items, tags),
        clear=_figures_at([row for row in everything if not items[row].doubtful], items, tags),
        all=_figures_at(everything, items, tags),
        false_alerts=_false_alerts_at(everything, items, tags),
        genres=_genres(items, tags),
        kinds=_kinds(items, tags),
        wrong={event_type: _wrong(event_type, items, tags) for event_type in TYPES},
    )


def truth_of(items: Sequence[LabelledArticle]) -> Bools:
    """(n_articles, n_types): whether readers gave the article the label."""
    return _matrix(item.labels for item in items)


def probabilities_of(tags: Sequence[Tags]) -> Floats:
    """(n_articles, n_types): the calibrated probability of each label."""
    rows = [[each.scores[event_type] for event_type in TYPES] for each in tags]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(TYPES))


def plain(value: object) -> object:
    """A result as JSON has it: objects, lists, and numbers of at most 4 decimals."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    match value:
        case Mapping():
            return {str(key): plain(each) for key, each in value.items()}
        case tuple():
            return [plain(each) for each in value]
        case float():
            return round(value, _DIGITS)
        case _:
            return value


def ordered(labels: frozenset[EventType]) -> tuple[EventType, ...]:
    """Labels in the order in which they are shown everywhere."""
    return tuple(event_type for event_type in TYPES if event_type in labels)


def _genres(items: Sequence[LabelledArticle], tags: Sequence[Tags]) -> dict[str, Genre]:
    return {
        name: Genre(
            articles=len(rows),
            figures=_figures_at(rows, items, tags),
            false_alerts=_false_alerts_at(rows, items, tags),
        )
        for name, rows in _grouped([item.genre for item in items], FEWEST_OF_GENRE).items()
    }


def _kinds(items: Sequence[LabelledArticle], tags: Sequence[Tags]) -> dict[str, FalseAlerts]:
    traps = _grouped(["" if item.labels else item.kind for item in items], FEWEST_OF_KIND)
    return {name: false_alerts([tags[row] for row in rows]) for name, rows in traps.items()}


def _grouped(names: Sequence[str], fewest: int) -> dict[str, list[int]]:
    """The rows of each name that is not empty and has enough of them, the largest group first."""
    groups: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        groups.setdefault(name, []).append(row)
    large = [(name, rows) for name, rows in groups.items() if name and len(rows) >= fewest]
    return dict(sorted(large, key=lambda group: (-len(group[1]), group[0])))


def _figures_at(rows: Sequence[int], items: Sequence[LabelledArticle], tags: Sequence[Tags]) -> Figures | None:
    """The figures of some articles, or None where none of them has a label."""
    chosen = [items[row] for row in rows]
    return figures(chosen, [tags[row] for row in rows]) if any(item.labels for item in chosen) else None


def _false_alerts_at(rows: Sequence[int], items: Sequence[LabelledArticle], tags: Sequence[Tags]) -> FalseAlerts | None:
    """The false alerts among some articles, or None where all of them have a label."""
    without = [tags[row] for row in rows if not items[row].labels]
    return false_alerts(without) if without else None


def _wrong(event_type: EventType, items: Sequence[LabelledArticle], tags: Sequence[Tags]) -> tuple[WrongDecision, ...]:
    """The wrong decisions on one label of which the classifier was most sure."""
    found = [
        _wrong_decision(event_type, item, each)
        for item, each in zip(items, tags, strict=True)
        if (event_type in item.labels) != (event_type in each.labels)
    ]
    return tuple(sorted(found, key=lambda one: (-_sureness(event_type, one), one.id))[:MOST_WRONG])


def _wrong_decision(event_type: EventType, item: LabelledArticle, tags: Tags) -> WrongDecision:
    evidence = tags.evidence.get(event_type, ())
    return WrongDecision(
        id=item.article.id,
        expected=ordered(item.labels),
        got=tags.labels,
        probability=tags.scores[event_type],
        quote=evidence[0].quote if evidence else None,
    )


def _sureness(event_type: EventType, wrong: WrongDecision) -> float:
    """The probability in [0, 1] that the classifier gave its own decision."""
    return wrong.probability if event_type in wrong.got else 1 - wrong.probability


def _matrix(labels: Iterable[Iterable[EventType]]) -> Bools:
    rows = [[event_type in set(row) for event_type in TYPES] for row in labels]
    return np.array(rows, dtype=np.bool_).reshape(len(rows), len(TYPES))
