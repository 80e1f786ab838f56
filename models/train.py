"""Training: the corpus in, a reader, thresholds and figures out. The same corpus gives the same reader."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.corpus import LabelledText, training_texts
from models.document import Sentence, sentences_of
from models.evaluate import f1_of
from models.pipeline import TYPES, ArticleReader, Floats, Ints
from models.text import clean
from schemas.event_type import EventType

FALSE_ALERT_SHARE = 0.02
"""Share of our own articles without a label, two thirds of them hard negatives, that may get it: the cost at which
thresholds are set. Everyday news is easier, so that the share there is lower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSet:
    """The corpus as arrays: articles of (sentence, position), labels (n, n_types), marks per sentence, groups."""

    articles: list[list[tuple[str, int]]]
    labels: Ints
    sentence_labels: list[Ints]
    groups: list[str]
    whole: list[bool]

    def rows(self, chosen: Sequence[int]) -> TrainingSet:
        """The same for some of the articles."""
        return TrainingSet(
            articles=[self.articles[row] for row in chosen],
            labels=self.labels[list(chosen)],
            sentence_labels=[self.sentence_labels[row] for row in chosen],
            groups=[self.groups[row] for row in chosen],
            whole=[self.whole[row] for row in chosen],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What training gives."""

    reader: ArticleReader
    thresholds: dict[EventType, float]
    metrics: dict[str, Any]


def train(corpus: Sequence[LabelledText], on_progress: Callable[[str], None] = lambda _: None) -> Trained:
    """Fits the reader on everything but the held-out writer's text, with thresholds from text that it had not seen."""
    data = training_set(training_texts(corpus))
    on_progress(f"{len(data.articles):,} texts, {sum(map(len, data.articles)):,} sentences")
    unseen = cross_validated(data, on_progress)
    whole = np.array(data.whole)
    thresholds = {
        event_type: threshold(data.labels[whole, column], unseen[whole, column])
        for column, event_type in enumerate(TYPES)
    }
    on_progress("fitting the reader on all of it")
    reader = fitted(data)
    return Trained(
        reader=reader, thresholds=thresholds, metrics=_metrics(data.labels[whole], unseen[whole], thresholds)
    )


def fitted(data: TrainingSet) -> ArticleReader:
    """A reader fitted on a training set."""
    return ArticleReader().fit(
        data.articles, data.labels, sentence_labels=data.sentence_labels, groups=data.groups, whole=data.whole
    )


def training_set(texts: Sequence[LabelledText]) -> TrainingSet:
    """The texts as arrays; a group is a writer, so that no story and no voice stands on both sides of a split."""
    split = [sentences_of(text.title, text.text) for text in texts]
    return TrainingSet(
        articles=[[(sentence.clean, sentence.position) for sentence in sentences] for sentences in split],
        labels=np.array([[int(event_type in text.labels) for event_type in TYPES] for text in texts]),
        sentence_labels=[marks(text, sentences) for text, sentences in zip(texts, split, strict=True)],
        groups=[text.writer for text in texts],
        whole=[text.form == "article" for text in texts],
    )


def marks(text: LabelledText, sentences: Sequence[Sentence]) -> Ints:
    """(n_sentences, n_types): 1 where the writer marked that sentence, or a part of it, as stating that type."""
    found: Ints = np.zeros((len(sentences), len(TYPES)), dtype=np.int64)
    for event in text.events:
        if event.type not in text.labels:
            continue
        quote = clean(event.quote).strip()
        for row, sentence in enumerate(sentences):
            same_part = sentence.part is event.part
            if same_part and (quote in sentence.clean or sentence.clean in quote):
                found[row, TYPES.index(event.type)] = 1
    return found


def cross_validated(data: TrainingSet, on_progress: Callable[[str], None]) -> Floats:
    """(n_articles, n_types): for every whole article the probabilities by a reader that has seen nothing of its writer.

    Passages keep zeros: they are not judged as articles.
    """
    probabilities = np.zeros(data.labels.shape)
    for group in sorted({name for name, whole in zip(data.groups, data.whole, strict=True) if whole}):
        on_progress(f"reading {group} with a reader that has not seen it")
        inside = [row for row, name in enumerate(data.groups) if name == group and data.whole[row]]
        outside = [row for row, name in enumerate(data.groups) if name != group]
        probabilities[inside] = fitted(data.rows(outside)).predict_proba([data.articles[row] for row in inside])
    return probabilities


def threshold(labels: Ints, probabilities: Floats) -> float:
    """The lowest probability, in steps of 0.01 from 0.30 to 0.95, that at most `FALSE_ALERT_SHARE` of the articles
    without the label reach.
    """
    negatives = probabilities[labels == 0]
    for step in range(30, 96):
        if (negatives >= step / 100).mean() <= FALSE_ALERT_SHARE:
            return step / 100
    return 0.95


def _metrics(labels: Ints, probabilities: Floats, thresholds: dict[EventType, float]) -> dict[str, Any]:
    decided: npt.NDArray[np.bool_] = probabilities >= np.array([thresholds[event_type] for event_type in TYPES])
    f1 = {t.value: round(f1_of(labels[:, k] == 1, decided[:, k]), 4) for k, t in enumerate(TYPES)}
    return {"articles": len(labels), "f1_unseen_writers": f1}
