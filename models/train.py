"""Training: the corpus in, a reader, thresholds and figures out. The same corpus gives the same reader."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.corpus import LabelledText, training_texts
from models.document import Sentence, sentences_of
from models.features import Floats, Ints
from models.figures import f1_of
from models.reader import FOLDS, TYPES, ArticleReader, Example, folds_of
from models.text import clean
from schemas.event_type import EventType

THRESHOLDS = {EventType.TALKS: 0.55, EventType.SANCTIONS_WARNING: 0.55, EventType.PROGRAM_EXCLUSION: 0.3}
"""The probability from which an event is sent: the lowest, in steps of 0.05, at which 85 of 100 alerts are right.

Counted on the 1,496 articles of `UNSEEN_NEWS_WRITERS`, 849 of them without event and full of its words; a test counts
again. Who wants fewer false alerts keeps the events above a `confidence` of their own: at 0.7 it is 89 of 100.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What training gives.

    unseen: id of each text → (n_types,): its probabilities by a reader that has seen nothing of its story; empty
    where the corpus is too small for that.
    """

    reader: ArticleReader
    thresholds: dict[EventType, float]
    metrics: dict[str, Any]
    unseen: dict[str, Floats]


def train(corpus: Sequence[LabelledText], on_progress: Callable[[str], None] = lambda _: None) -> Trained:
    """Fits the reader on everything but the held-out writers' text; the metrics are of text that it had not seen."""
    texts = training_texts(corpus)
    examples = [example_of(text) for text in texts]
    on_progress(f"{len(examples):,} texts, {sum(len(example.sentences) for example in examples):,} sentences")
    unseen = cross_validated(examples, on_progress)
    on_progress("fitting the reader on all of it")
    whole = [row for row, example in enumerate(examples) if example.whole]
    truth = np.array([[event_type in texts[row].labels for event_type in TYPES] for row in whole])
    return Trained(
        reader=ArticleReader().fit(examples),
        thresholds=dict(THRESHOLDS),
        metrics=_metrics(truth, unseen[whole] >= [THRESHOLDS[event_type] for event_type in TYPES]),
        unseen={text.id: row for text, row in zip(texts, unseen, strict=True)},
    )


def train_unmeasured(corpus: Sequence[LabelledText]) -> Trained:
    """As `train` for a corpus too small to be cut into parts: no figures, nothing unseen.

    Raises ValueError where even the whole does not hold, for every type, sentences that state it, and texts without it
    of which a sentence passes its gate.
    """
    examples = [example_of(text) for text in training_texts(corpus)]
    return Trained(reader=ArticleReader().fit(examples), thresholds=dict(THRESHOLDS), metrics={}, unseen={})


def example_of(text: LabelledText) -> Example:
    """A labelled text as the reader learns from it; its group is its story."""
    sentences = sentences_of(text.title, text.text)
    return Example(
        sentences=[sentence.clean for sentence in sentences],
        marks=marks(text, sentences),
        group=text.story,
        whole=text.form == "article",
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


def cross_validated(examples: Sequence[Example], on_progress: Callable[[str], None]) -> Floats:
    """(n_examples, n_types): the probabilities by readers that have seen nothing of the example's group."""
    fold = folds_of([example.group for example in examples])
    probabilities = np.zeros((len(examples), len(TYPES)))
    for held in range(FOLDS):
        on_progress(f"reading part {held + 1} of {FOLDS} with a reader that has not seen it")
        reader = ArticleReader().fit([example for example, part in zip(examples, fold, strict=True) if part != held])
        inside = [row for row, part in enumerate(fold) if part == held]
        probabilities[inside] = reader.predict_proba([examples[row].sentences for row in inside])
    return probabilities


def _metrics(truth: npt.NDArray[np.bool_], decided: npt.NDArray[np.bool_]) -> dict[str, Any]:
    f1 = {t.value: round(f1_of(truth[:, k], decided[:, k]), 4) for k, t in enumerate(TYPES)}
    silent = ~truth.any(axis=1)
    alerts = 1000 * float(decided[silent].any(axis=1).mean())
    return {"articles": len(truth), "f1_unseen_stories": f1, "false_alerts_per_1000_hard_negatives": round(alerts, 1)}
