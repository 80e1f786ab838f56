"""`tocsin evaluate`: files, progress and output around `models.evaluate`."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import orjson
from rich.console import Console

from consumers.console import data, harmless, progress_bar, talk
from consumers.files import FileArticle, FileProblem, read_articles, refuse_unknown
from consumers.settings import Settings
from models.classifier import TrainedClassifier, load_classifier
from models.comparison import Comparison, comparison
from models.evaluate import Evaluation, LabelledArticle, evaluation, plain, probabilities_of, truth_of
from models.plots import refuse_without_matplotlib, save_plots
from models.report import Section, report
from models.summary import comparison_summary, summary
from models.tags import Classifier, Tags
from schemas.codec import decode_article
from schemas.errors import CheckFailed, ContractError, StartupError
from schemas.event import ModelRef
from schemas.event_type import EventType

_BATCH = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """One file: its articles, what the classifier says of them, and the figures."""

    path: Path
    items: Sequence[LabelledArticle]
    tags: Sequence[Tags]
    evaluation: Evaluation
    comparison: Comparison | None


def evaluate(
    files: list[Path],
    settings: Settings,
    *,
    without: tuple[str, ...],
    as_json: bool,
    report_file: Path | None = None,
    against: Path | None = None,
) -> None:
    """Prints the figures of the classifier on each labelled file; also writes a report, or compares two artefacts.

    Raises CheckFailed where a line is no labelled article; it is named, and the figures are of the others. Raises
    StartupError where a file, the artefact or the report's place is not what it should be.
    """
    _refuse_unknown(files, report_file)
    classifier = load_classifier(settings.model)
    other = load_classifier(against) if against else None
    console = talk()
    measured, bad = [], 0
    for path in files:
        items, problems = _labelled_articles(path, settings, without)
        for problem in problems:
            console.print(f"tocsin: {harmless(str(problem))}", markup=False)
        bad += len(problems)
        measured.append(_measured(path, items, classifier, other, console))
    data(_json(classifier.model, measured) if as_json else _text(measured))
    if report_file:
        _save_report(report_file, classifier.model, measured)
        console.print(f"report in {harmless(str(report_file))}", markup=False)
    if bad:
        raise CheckFailed(f"{bad} line(s) are no labelled articles; they are named above")


def _measured(
    path: Path,
    items: Sequence[LabelledArticle],
    classifier: TrainedClassifier,
    other: TrainedClassifier | None,
    console: Console,
) -> _Measured:
    tags = _tagged(items, classifier, console, path.name)
    compared = None
    if other:
        compared = comparison(items, tags, _tagged(items, other, console, f"{path.name}, other"), other.model)
    return _Measured(path=path, items=items, tags=tags, evaluation=evaluation(items, tags), comparison=compared)


def _tagged(items: Sequence[LabelledArticle], classifier: Classifier, console: Console, name: str) -> list[Tags]:
    """What the classifier says of each article, with a progress bar."""
    tags: list[Tags] = []
    with progress_bar(console) as bar:
        task = bar.add_task(name, total=len(items))
        for start in range(0, len(items), _BATCH):
            batch = items[start : start + _BATCH]
            tags += classifier.tag([item.article for item in batch])
            bar.advance(task, len(batch))
    return tags


def _labelled_articles(
    path: Path, settings: Settings, without: tuple[str, ...]
) -> tuple[list[LabelledArticle], list[FileProblem]]:
    """The labelled articles of a file that are not left out, and what is wrong with the other lines."""
    read = [_labelled(item, settings) for item in read_articles(path)]
    items = [item for item in read if isinstance(item, LabelledArticle) and item.category not in without]
    return items, [item for item in read if isinstance(item, FileProblem)]


def _labelled(item: FileArticle | FileProblem, settings: Settings) -> LabelledArticle | FileProblem:
    """The labelled article, or the FileProblem that says why the line is none."""
    if isinstance(item, FileProblem):
        return item
    try:
        article = decode_article(item.value, item.content_type, settings.article_fields)
    except ContractError as error:
        return FileProblem(place=item.place, problem=str(error))
    document = orjson.loads(item.value.removeprefix(BOM_UTF8)) if item.content_type is None else {}
    labels = document.get("labels")
    if not isinstance(labels, list) or any(label not in list(EventType) for label in labels):
        return FileProblem(place=item.place, problem=f'"labels": expected a list of {", ".join(EventType)}')
    category, genre, style, kind = (str(document.get(field) or "") for field in ("category", "genre", "style", "kind"))
    return LabelledArticle(
        article=article,
        labels=frozenset(EventType(label) for label in labels),
        agreed=document.get("agreed") is True,
        doubtful=document.get("doubtful") is True,
        category=category,
        genre=category or genre or style or _first_word(article.source or ""),
        kind=kind,
    )


def _first_word(source: str) -> str:
    """A source up to its first blank or slash: `reuters` of `reuters/1987/0001.txt`."""
    return " ".join(source.replace("/", " ").split()[:1])


def _json(model: ModelRef, measured: Sequence[_Measured]) -> bytes:
    """One object: per file the model, all figures, and the comparison if there is one."""
    document = {
        harmless(str(one.path)): {
            "model": plain(model),
            **{field.name: plain(getattr(one.evaluation, field.name)) for field in fields(one.evaluation)},
            **({"against": plain(one.comparison)} if one.comparison else {}),
        }
        for one in measured
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)


def _text(measured: Sequence[_Measured]) -> bytes:
    """The short text; what the files say is shown without control characters."""
    lines: list[str] = []
    for one in measured:
        lines += [str(one.path), *(f"  {line}" for line in summary(one.evaluation))]
        if one.comparison:
            lines += [f"  {line}" for line in comparison_summary(one.evaluation, one.comparison)]
    return "\n".join(map(harmless, lines)).encode()


def _refuse_unknown(files: Sequence[Path], report_file: Path | None) -> None:
    """Raises StartupError for a file that cannot be read, or a place where no report can be written."""
    for path in files:
        refuse_unknown(path)
    if report_file:
        _make_room(report_file)


def _make_room(path: Path) -> None:
    """Makes the report's folder. Raises StartupError where that fails, for a wrong name, and without Matplotlib."""
    if path.suffix.lower() != ".md" or path.is_dir():
        raise StartupError(f"{path}: expected a file name ending in .md for the report")
    refuse_without_matplotlib()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartupError(f"{path.parent}: no folder for the report: {error.strerror}") from error


def _save_report(path: Path, model: ModelRef, measured: Sequence[_Measured]) -> None:
    """Writes the report, and the plots of every file that has a label beside it. Raises CheckFailed where it cannot."""
    try:
        sections = [_section(path, number, one) for number, one in enumerate(measured, 1)]
        path.write_text(report(model, sections), encoding="utf-8")
    except OSError as error:
        raise CheckFailed(f"{path}: the report cannot be written: {error.strerror}") from error


def _section(path: Path, number: int, one: _Measured) -> Section:
    plots: tuple[str, ...] = ()
    if one.evaluation.selections:
        plots = save_plots(truth_of(one.items), probabilities_of(one.tags), path.parent, f"{path.stem}-{number}")
    return Section(name=str(one.path), evaluation=one.evaluation, plots=plots, comparison=one.comparison)
