"""An evaluation as a few lines of text for a terminal. Holds ids and genres as the files have them: clean the lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from models.comparison import Comparison
from models.evaluate import Evaluation, FalseAlerts, Figures, Genre
from models.figures import Scores
from schemas.event import ModelRef
from schemas.event_type import EventType

MOST_GENRES = 20
MOST_KINDS = 40
"""Kinds of hard negatives shown: all of models.corpus.HardNegative and a few of a user's own."""

MOST_IDS = 20
_NAME_CHARACTERS = 32
_SHA_CHARACTERS = 12


def summary(found: Evaluation) -> list[str]:
    """Per selection a macro line and one per label; then false alerts, genres and kinds of hard negatives."""
    lines = [line for name, figures in _told(found.selections).items() for line in _selection(name, figures)]
    if found.false_alerts:
        lines.append(_false_alerts(found.false_alerts))
    if len(found.genres) > 1:
        lines += _genres(found.genres)
    if found.kinds:
        lines += _kinds(found.kinds)
    return lines or ["no labelled articles"]


def comparison_summary(now: Evaluation, found: Comparison) -> list[str]:
    """The other model, macro-F1 or false alerts of both, how many decisions changed, and up to 20 ids."""
    lines = [f"against {model_name(found.model)}"]
    for name, figures in _told(now.selections).items():
        other = found.evaluation.selections[name]
        lines.append(f"  {name}: macro-F1 {other.macro_f1:.3f} there, {figures.macro_f1:.3f} here")
    if now.false_alerts and found.evaluation.false_alerts:
        alerts = found.evaluation.false_alerts.per_1000, now.false_alerts.per_1000
        lines.append(f"  false alerts in 1,000: {alerts[0]:.1f} there, {alerts[1]:.1f} here")
    lines.append(f"  {found.changed_decisions} decision(s) changed in {len(found.changes)} article(s)")
    lines += [f"    {change.id}" for change in found.changes[:MOST_IDS]]
    return lines + _more(len(found.changes) - MOST_IDS)


def model_name(model: ModelRef) -> str:
    """A model as people tell it from others."""
    return f"{model.name} {model.version} ({model.sha256[:_SHA_CHARACTERS]})"


def _told(selections: Mapping[str, Figures]) -> dict[str, Figures]:
    """The selections without those that are the whole file again."""
    return {
        name: found
        for name, found in selections.items()
        if found.articles < selections["all"].articles or name == "all"
    }


def _selection(name: str, figures: Figures) -> Iterator[str]:
    macro = figures.macro
    yield f"{name} ({figures.articles:,} articles): macro-F1 {macro.f1:.3f} {_interval(macro)}{_rest(macro)}"
    for label, scores in figures.labels.items():
        yield (
            f"  {label.value:<18} F1 {scores.f1:.3f} {_interval(scores)}  precision {scores.precision:.3f}  "
            f"recall {scores.recall:.3f}{_rest(scores)} of {scores.calibration_decisions}  "
            f"({scores.positives} positives)"
        )


def _interval(scores: Scores) -> str:
    return f"[{scores.f1_interval.low:.2f}, {scores.f1_interval.high:.2f}]"


def _rest(scores: Scores) -> str:
    ece = f"ECE {scores.calibration_error:.3f} (by chance {scores.calibration_by_chance:.3f})"
    return f"  AP {scores.average_precision:.3f}  Brier {scores.brier:.3f}  {ece}"


def _false_alerts(alerts: FalseAlerts) -> str:
    return (
        f"false alerts: {alerts.per_1000:.1f} in 1,000, of {alerts.articles:,} articles without event "
        f"({_by_label(alerts.labels_per_1000)})"
    )


def _by_label(values: Mapping[EventType, float]) -> str:
    return ", ".join(f"{label.value} {value:.1f}" for label, value in values.items())


def _genres(genres: Mapping[str, Genre]) -> list[str]:
    lines = [f"{'genre':<{_NAME_CHARACTERS}}  articles  positives  micro-F1  false alerts in 1,000"]
    for name, genre in list(genres.items())[:MOST_GENRES]:
        f1 = f"{genre.figures.micro.f1:.3f}" if genre.figures else "-"
        positives = genre.figures.micro.positives if genre.figures else 0
        alerts = f"{genre.false_alerts.per_1000:.1f} of {genre.false_alerts.articles:,}" if genre.false_alerts else "-"
        lines.append(f"  {_cut(name):<{_NAME_CHARACTERS - 2}}  {genre.articles:>8,}  {positives:>9}  {f1:>8}  {alerts}")
    return lines + _more(len(genres) - MOST_GENRES)


def _kinds(kinds: Mapping[str, FalseAlerts]) -> list[str]:
    lines = [f"{'hard negatives':<{_NAME_CHARACTERS}}  articles  false alerts in 1,000"]
    for name, alerts in list(kinds.items())[:MOST_KINDS]:
        lines.append(f"  {_cut(name):<{_NAME_CHARACTERS - 2}}  {alerts.articles:>8,}  {alerts.per_1000:.1f}")
    return lines + _more(len(kinds) - MOST_KINDS)


def _cut(name: str) -> str:
    longest = _NAME_CHARACTERS - 2
    return name if len(name) <= longest else name[: longest - 1] + "…"


def _more(count: int) -> list[str]:
    return [f"    and {count:,} more"] if count > 0 else []
