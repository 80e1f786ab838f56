"""`tocsin train`: files and progress around `models.train`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from consumers.console import harmless, talk
from consumers.files import FileProblem, read_articles, refuse_unknown
from models.artefact import save_artefact, shipped_artefact
from models.classifier import TrainedClassifier, load_classifier
from models.corpus import LabelledText, corpus_sha256, own_corpus_sha256, shipped_corpus
from models.figures import f1_of
from models.own_corpus import OwnCorpus, OwnLine, own_corpus, silent, too_few
from models.reader import TYPES
from models.train import Trained, train_unmeasured
from models.train import train as run_train
from schemas.article import Article, content_hash
from schemas.errors import StartupError
from schemas.event import ModelRef
from schemas.event_type import EventType
from schemas.version import __version__

OWN_FOLDER = Path("tocsin-model")
"""Where a model with a user's own lines goes unless told otherwise."""

Labels = Sequence[EventType]


def train(out: Path | None) -> None:
    """Trains on the shipped corpus and writes the artefact; prints where it is and its hash."""
    console = talk()
    trained = _trained(shipped_corpus(), console)
    _save(out or shipped_artefact(), trained, corpus_sha256(), console)


def train_own(files: Sequence[Path], out: Path | None, *, only: bool, force: bool) -> None:
    """Trains on a user's lines, beside our corpus or `only` on them; prints what changed against the shipped model.

    Raises StartupError, before any training, with everything that is wrong with the lines, or where the folder is that
    of the shipped artefact and `force` is not set.
    """
    console = talk()
    folder = out or OWN_FOLDER
    _refuse_shipped(folder, force=force)
    own = load_own_corpus(files, only=only)
    _tell_silent(own, console)
    trained = _trained_alone(own, console) if only else _trained([*shipped_corpus(), *own], console)
    _save(folder, trained, own_corpus_sha256([path.read_bytes() for path in files], only=only), console)
    for line in changes(trained, own):
        console.print(line, markup=False)
    console.print(f"use it with TOCSIN_MODEL={folder}", markup=False)


def load_own_corpus(files: Sequence[Path], *, only: bool) -> list[LabelledText]:
    """The lines of a user's files. Raises StartupError naming everything that is wrong with them, by file and line."""
    lines: list[OwnLine] = []
    problems: list[str] = []
    for path in files:
        refuse_unknown(path)
        for item in read_articles(path):
            if isinstance(item, FileProblem):
                problems.append(str(item))
            else:
                lines.append(OwnLine(place=item.place, value=item.value))
    found: OwnCorpus = own_corpus(lines)
    problems += found.problems
    problems += _unusable(found.texts, only=only)
    if problems:
        listed = "\n".join(f"  {harmless(problem)}" for problem in problems)
        raise StartupError(f"{len(problems)} problem(s) with your lines, nothing was trained:\n{listed}")
    return list(found.texts)


def changes(trained: Trained, own: Sequence[LabelledText]) -> list[str]:
    """What a new model does differently from the shipped one, in words: on the user's lines and on our articles."""
    old, new = load_classifier(), _classifier(trained)
    if trained.unseen:
        said = [_decided(trained, text) for text in own]
        how = "each read by a model that had not seen it"
    else:
        said, how = _labels(new, own), "the lines it was trained on, so the true figure is lower"
    before, after = _macro_f1(own, _labels(old, own)), _macro_f1(own, said)
    ours = [text for text in shipped_corpus() if text.form == "article"]
    changed = sum(a != b for a, b in zip(_labels(old, ours), _labels(new, ours), strict=True))
    return [
        f"macro-F1 on your {len(own):,} lines: shipped model {before:.3f}, new model {after:.3f} ({how})",
        f"labels of {changed:,} of the project's own {len(ours):,} articles change",
    ]


def _unusable(texts: Sequence[LabelledText], *, only: bool) -> list[str]:
    if only:
        return too_few(texts)
    return [] if texts else ["there is no usable line"]


def _refuse_shipped(folder: Path, *, force: bool) -> None:
    if folder.resolve() == shipped_artefact().resolve() and not force:
        raise StartupError(
            f"{folder}: holds the shipped artefact; name another folder with --out, or add --force to overwrite it"
        )


def _tell_silent(own: Sequence[LabelledText], console: Console) -> None:
    for event_type, count in silent(own).items():
        if count:
            console.print(
                f"{count:,} line(s) labelled {event_type.value} have no sentence with the words of such an event and "
                "teach nothing of it",
                markup=False,
            )


def _trained(corpus: Sequence[LabelledText], console: Console) -> Trained:
    return run_train(corpus, lambda step: console.print(step, markup=False))


def _trained_alone(corpus: Sequence[LabelledText], console: Console) -> Trained:
    """Measured on unseen lines where there are enough of them; scikit-learn says with a ValueError where not."""
    try:
        return _trained(corpus, console)
    except ValueError:
        console.print("too few lines to measure on unseen ones; training on all of them", markup=False)
    try:
        return train_unmeasured(corpus)
    except ValueError as error:
        raise StartupError(
            "your lines do not hold, for every type, sentences that state it, and lines without the event whose "
            "sentences have such words; add lines, or leave out --only"
        ) from error


def _save(folder: Path, trained: Trained, corpus_hash: str, console: Console) -> None:
    manifest = save_artefact(
        folder,
        trained.reader,
        version=__version__,
        corpus_sha256=corpus_hash,
        thresholds=trained.thresholds,
        metrics=trained.metrics,
    )
    console.print(f"artefact in {folder}, sha256 {manifest.sha256}", markup=False)


def _classifier(trained: Trained) -> TrainedClassifier:
    """The new model as the worker would use it, its name and hash left out: only its labels are looked at."""
    return TrainedClassifier(trained.reader, trained.thresholds, ModelRef(name="new", version="", sha256=""))


def _decided(trained: Trained, text: LabelledText) -> Labels:
    """The labels of a text by a reader that had not seen it."""
    return [t for t, p in zip(TYPES, trained.unseen[text.id], strict=True) if p >= trained.thresholds[t]]


def _labels(classifier: TrainedClassifier, texts: Sequence[LabelledText]) -> list[Labels]:
    articles = [
        Article(text=text.text, title=text.title, id=text.id, content_hash=content_hash(text.title, text.text))
        for text in texts
    ]
    return [tags.labels for tags in classifier.tag(articles)]


def _macro_f1(texts: Sequence[LabelledText], said: Sequence[Labels]) -> float:
    """The mean F1 of the types that the texts have at all; 0 where they have none."""
    used = [event_type for event_type in TYPES if any(event_type in text.labels for text in texts)]
    scores = [
        f1_of(np.array([t in text.labels for text in texts]), np.array([t in labels for labels in said])) for t in used
    ]
    return float(np.mean(scores)) if scores else 0.0
