"""`tocsin evaluate`: files and progress around `models.evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from rich.console import Console

from consumers.console import data, harmless, progress_bar, talk
from consumers.files import FileArticle, FileProblem, read_articles, refuse_unknown
from consumers.settings import Settings
from models.classifier import load_classifier
from models.evaluate import LabelledArticle, report
from models.tags import Classifier
from schemas.codec import decode_article
from schemas.errors import CheckFailed, ContractError
from schemas.event_type import EventType

_BATCH = 256


def evaluate(files: list[Path], settings: Settings, *, without: tuple[str, ...], as_json: bool) -> None:
    """Prints the figures of the classifier on each labelled file.

    Raises CheckFailed where a line is no labelled article; it is named, and the figures are of the others.
    """
    for path in files:
        refuse_unknown(path)
    classifier = load_classifier(settings.model)
    console = talk()
    reports: dict[str, Any] = {}
    bad = 0
    for path in files:
        read = [_labelled(item, settings) for item in read_articles(path)]
        problems = [item for item in read if isinstance(item, FileProblem)]
        for problem in problems:
            console.print(f"tocsin: {harmless(str(problem))}", markup=False)
        bad += len(problems)
        items = [item for item in read if isinstance(item, LabelledArticle) and item.category not in without]
        reports[str(path)] = report(items, _decided(items, classifier, console, path.name))
    if as_json:
        data(orjson.dumps(reports, option=orjson.OPT_INDENT_2))
    else:
        for name, document in reports.items():
            for line in _lines(name, document):
                data(line.encode())
    if bad:
        raise CheckFailed(f"{bad} line(s) are no labelled articles; they are named above")


def _decided(
    items: list[LabelledArticle], classifier: Classifier, console: Console, name: str
) -> list[tuple[EventType, ...]]:
    """The labels that the classifier gives each article, with a progress bar."""
    decided: list[tuple[EventType, ...]] = []
    with progress_bar(console) as bar:
        task = bar.add_task(name, total=len(items))
        for start in range(0, len(items), _BATCH):
            batch = items[start : start + _BATCH]
            decided += [tags.labels for tags in classifier.tag([item.article for item in batch])]
            bar.advance(task, len(batch))
    return decided


def _labelled(item: FileArticle | FileProblem, settings: Settings) -> LabelledArticle | FileProblem:
    """The labelled article, or the FileProblem that says why the line is none."""
    if isinstance(item, FileProblem):
        return item
    try:
        article = decode_article(item.value, item.content_type, settings.article_fields)
    except ContractError as error:
        return FileProblem(place=item.place, problem=str(error))
    document = orjson.loads(item.value) if item.content_type is None else {}
    labels = document.get("labels")
    if not isinstance(labels, list) or any(label not in list(EventType) for label in labels):
        return FileProblem(place=item.place, problem=f'"labels": expected a list of {", ".join(EventType)}')
    return LabelledArticle(
        article=article,
        labels=frozenset(EventType(label) for label in labels),
        agreed=document.get("agreed") is True,
        doubtful=document.get("doubtful") is True,
        category=str(document.get("category") or ""),
    )


def _lines(name: str, document: dict[str, Any]) -> list[str]:
    lines = [name]
    for chosen in ("agreed", "clear", "all"):
        found = document.get(chosen)
        if not found:
            continue
        lines.append(f"  {chosen} ({found['articles']} articles): macro-F1 {found['macro_f1']:.3f}")
        for label, figures in found["labels"].items():
            lines.append(
                f"    {label:<18} precision {figures['precision']:.3f}  recall {figures['recall']:.3f}  "
                f"F1 {figures['f1']:.3f}  ({figures['positives']} positives)"
            )
    alerts = document.get("false_alerts")
    if alerts:
        by_label = ", ".join(f"{label} {value:.1f}" for label, value in alerts["labels_per_1000"].items())
        lines.append(
            f"  false alerts: {alerts['per_1000']:.1f} in 1,000, of {alerts['articles']} articles without event "
            f"({by_label})"
        )
    return lines
