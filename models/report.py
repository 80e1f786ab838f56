"""The report in Markdown. Ids, genres, file names and quotes are other people's text: each goes through `harmless`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from models.comparison import Comparison
from models.evaluate import Evaluation, FalseAlerts, Figures, Genre, WrongDecision
from models.figures import BINS, LEAST_PROBABILITY, RESAMPLES, Scores
from schemas.event import ModelRef
from schemas.event_type import EventType

LONGEST_QUOTE = 240
LONGEST_NAME = 120
MOST_CHANGES = 100
"""Bounds on what one article or file can fill the page with; guesses."""

_MARKED_UP = re.compile(r"[^\w\s,.;?'’‘“”–—…%/()-]|(?<![^\W_])_|_(?![^\W_])|(?<=www)\.", re.IGNORECASE)
"""Every character that Markdown or HTML could read as more than itself, underscores within a word excepted, which are
plain; also what makes a bare address a link."""

_DEFINITIONS = f"""\
Intervals are 90 % percentile bootstrap intervals of {RESAMPLES:,} resamples of articles. AP is average precision. ECE
is the expected calibration error over decisions with p ≥ {LEAST_PROBABILITY}, in {BINS} bins of equal width,
`decisions` is how many those are, and `by chance` what perfect probabilities would show of so many. Macro is the mean
over the labels, micro pools all decisions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What the report says of one file; `plots` are names of PNG files beside the report."""

    name: str
    evaluation: Evaluation
    plots: Sequence[str] = ()
    comparison: Comparison | None = None


def report(model: ModelRef, sections: Sequence[Section]) -> str:
    """The whole report."""
    head = ["# Evaluation", _model(model), _DEFINITIONS]
    return "\n\n".join([*head, *(block for section in sections for block in _section(section))]) + "\n"


def harmless(text: str, longest: int) -> str:
    r"""Somebody else's text on one line of at most `longest` characters, none read as markup by Markdown or HTML.

    >>> harmless("<b>|`x`\n\x1b[1m", 80)
    '&#60;b&#62;&#124;&#96;x&#96; &#91;1m'
    """
    visible = "".join(" " if unicodedata.category(char)[0] == "C" else char for char in text[: 8 * longest])
    line = " ".join(visible.split())
    cut = line if len(line) <= longest else line[: longest - 1] + "…"
    return _MARKED_UP.sub(lambda found: f"&#{ord(found[0])};", cut)


def _section(section: Section) -> list[str]:
    found = section.evaluation
    blocks = [f"## {harmless(section.name, LONGEST_NAME)}", f"{found.articles:,} articles."]
    for name, figures in found.selections.items():
        blocks += [f"### Figures: {name} ({figures.articles:,} articles)", _figures(figures)]
    if found.false_alerts:
        blocks += ["### False alerts", _false_alerts({"all": found.false_alerts})]
    if found.genres:
        blocks += ["### By genre", _genres(found.genres)]
    if found.kinds:
        blocks += ["### By kind of hard negative", _false_alerts(found.kinds)]
    blocks += [f"![{harmless(plot, LONGEST_NAME)}]({quote(plot)})" for plot in section.plots]
    if any(found.wrong.values()):
        blocks += ["### Wrong decisions, the most confident first", *_wrong(found.wrong)]
    return blocks + (_comparison(found, section.comparison) if section.comparison else [])


def _model(model: ModelRef) -> str:
    name, version = harmless(model.name, LONGEST_NAME), harmless(model.version, LONGEST_NAME)
    return f"Model {name}, version {version}, sha256 {harmless(model.sha256, LONGEST_NAME)}"


def _figures(figures: Figures) -> str:
    rows = {**{label.value: scores for label, scores in figures.labels.items()}, "macro": figures.macro}
    return _table(
        ["", "F1", "90 %", "precision", "recall", "AP", "Brier", "ECE", "by chance", "decisions", "positives"],
        [[_code(name), *_cells(scores)] for name, scores in {**rows, "micro": figures.micro}.items()],
    )


def _cells(scores: Scores) -> list[str]:
    interval = f"{scores.f1_interval.low:.2f} to {scores.f1_interval.high:.2f}"
    calibration = [scores.calibration_error, scores.calibration_by_chance]
    after = [scores.precision, scores.recall, scores.average_precision, scores.brier, *calibration]
    counts = [f"{scores.calibration_decisions:,}", f"{scores.positives:,}"]
    return [f"{scores.f1:.3f}", interval, *(f"{value:.3f}" for value in after), *counts]


def _false_alerts(rows: Mapping[str, FalseAlerts]) -> str:
    return _table(
        ["articles without event", "how many", "false alerts in 1,000", *EventType],
        [
            [
                harmless(name, LONGEST_NAME),
                f"{alerts.articles:,}",
                f"{alerts.per_1000:.1f}",
                *(f"{value:.1f}" for value in alerts.labels_per_1000.values()),
            ]
            for name, alerts in rows.items()
        ],
    )


def _genres(genres: Mapping[str, Genre]) -> str:
    head = ["genre", "articles", *(f"F1 {t.value} (positives)" for t in EventType), "micro-F1", "false alerts in 1,000"]
    return _table(head, [[harmless(name, LONGEST_NAME), *_genre(genre)] for name, genre in genres.items()])


def _genre(genre: Genre) -> list[str]:
    labels = [genre.figures.labels[t] if genre.figures else None for t in EventType]
    return [
        f"{genre.articles:,}",
        *(f"{scores.f1:.3f} ({scores.positives})" if scores and scores.positives else "" for scores in labels),
        f"{genre.figures.micro.f1:.3f}" if genre.figures else "",
        f"{genre.false_alerts.per_1000:.1f} of {genre.false_alerts.articles:,}" if genre.false_alerts else "",
    ]


def _wrong(wrong: Mapping[EventType, Sequence[WrongDecision]]) -> list[str]:
    head = ["article", "expected", "got", "p", "best evidence"]
    blocks = []
    for label, decisions in wrong.items():
        if decisions:
            blocks += [f"**{_code(label.value)}**", _table(head, [_decision(each) for each in decisions])]
    return blocks


def _decision(wrong: WrongDecision) -> list[str]:
    evidence = harmless(wrong.quote, LONGEST_QUOTE) if wrong.quote is not None else ""
    expected, got = _labels(wrong.expected), _labels(wrong.got)
    return [harmless(wrong.id, LONGEST_NAME), expected, got, f"{wrong.probability:.2f}", evidence]


def _comparison(now: Evaluation, found: Comparison) -> list[str]:
    """The figures of both side by side, and the articles whose labels changed."""
    blocks = ["### Against another model", _model(found.model), _side_by_side(now, found.evaluation)]
    changes = [
        [harmless(each.id, LONGEST_NAME), _labels(each.expected), _labels(each.other), _labels(each.now)]
        for each in found.changes[:MOST_CHANGES]
    ]
    counted = f"{found.changed_decisions} decision(s) changed in {len(found.changes)} article(s)"
    shown = f"; {MOST_CHANGES} are shown" if len(found.changes) > MOST_CHANGES else ""
    return [
        *blocks,
        f"{counted}{shown}.",
        *([_table(["article", "expected", "other", "this"], changes)] if changes else []),
    ]


def _side_by_side(now: Evaluation, other: Evaluation) -> str:
    rows = []
    for name, figures in now.selections.items():
        there = other.selections[name]
        rows.append([f"{name}: macro-F1", f"{there.macro_f1:.3f}", f"{figures.macro_f1:.3f}"])
        rows += [
            [f"{name}: F1 {_code(label.value)}", f"{there.labels[label].f1:.3f}", f"{scores.f1:.3f}"]
            for label, scores in figures.labels.items()
        ]
    if now.false_alerts and other.false_alerts:
        rows.append(["false alerts in 1,000", f"{other.false_alerts.per_1000:.1f}", f"{now.false_alerts.per_1000:.1f}"])
    return _table(["", "other", "this"], rows)


def _labels(labels: Iterable[EventType]) -> str:
    return ", ".join(_code(label.value) for label in labels) or "none"


def _code(name: str) -> str:
    """A name of ours, so that its underscores are no emphasis."""
    return f"`{name}`"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
