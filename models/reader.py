"""The reader: whole articles in, the probability of each event type out, with a score for every sentence.

Words → gate → sentence model per type → article model per type. Arrays have one row per article or sentence, one column
per EventType in its order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

from models.article_model import SIGNS, SignedLogisticRegression, article_features, background
from models.features import topics
from models.gate import passes
from models.sentence_model import SILENT, Read, SentenceModel
from models.words import Words, density, words_of
from schemas.event_type import EventType

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

TYPES = tuple(EventType)

FOLDS = 5
"""Parts that a corpus is cut into, so that every text is read by a model that has not seen its group."""
_PASSAGE_WEIGHT = 0.5
"""A passage is half an example of an article: it has the event, but not what else an article is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One labelled text to learn from.

    sentences: clean, title first; has_title: whether the first is one; marks: (n_sentences, n_types) of 0 and 1;
    group: the story or writer, whose texts are kept together when scores are to be of unseen text; whole: False for a
    passage.
    """

    sentences: Sequence[str]
    has_title: bool
    marks: Ints
    group: str
    whole: bool


@dataclass(frozen=True, slots=True)
class _Document:
    """An article as words, with which gates each sentence passes, (n_sentences, n_types), and its topics."""

    sentences: list[Words]
    gated: Bools
    topics: Sequence[str]

    def read(self, row: int) -> Read:
        return self.sentences[row], self.topics

    def rows(self, column: int) -> list[int]:
        """The sentences that pass the gate of a type."""
        found: list[int] = np.flatnonzero(self.gated[:, column]).tolist()
        return found


class ArticleReader(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Reads articles given as lists of clean sentences, the title first.

    `sentence_c` and `article_c` are inverse regularisation strengths; `negatives` is the weight of an article without
    the event against one with it: a third to a fifth of our plain articles have a type, and probabilities are meant for
    news of which a sixth to a tenth has; `cuts` is how many parts of each article are
    learned from beside the whole, because articles come short and long, with and without title.
    """

    def __init__(
        self, *, sentence_c: float = 1.0, article_c: float = 1.0, negatives: float = 2.0, cuts: int = 4
    ) -> None:
        self.sentence_c = sentence_c
        self.article_c = article_c
        self.negatives = negatives
        self.cuts = cuts

    def fit(self, examples: Sequence[Example], y: object = None) -> ArticleReader:
        """Learns from texts whose event sentences are marked; the marks are the labels, `y` is not looked at."""
        del y
        documents = [_document(example.sentences) for example in examples]
        folds = folds_of([example.group for example in examples])
        self.sentence_models_: list[SentenceModel] = []
        self.calibrations_: list[LogisticRegression] = []
        self.article_models_: list[SignedLogisticRegression] = []
        for column, event_type in enumerate(TYPES):
            marks = [example.marks[:, column] for example in examples]
            scores = self._fit_sentences(event_type, column, documents, marks, folds)
            self._fit_articles(examples, documents, marks, scores)
        return self

    def predict_proba(self, articles: Sequence[Sequence[str]]) -> Floats:
        """(n_articles, n_types): the probability that the article reports an event of the type."""
        return self.read(articles)[0]

    def read(self, articles: Sequence[Sequence[str]]) -> tuple[Floats, list[Floats]]:
        """`predict_proba`, and per article (n_sentences, n_types): the probability that the sentence states one."""
        documents = [_document(sentences) for sentences in articles]
        backgrounds = [background(document.sentences) for document in documents]
        probabilities = np.zeros((len(documents), len(TYPES)))
        sentence_probabilities = [np.zeros(document.gated.shape) for document in documents]
        for column in range(len(TYPES)):
            scores = self._scores(column, documents)
            features = np.stack([article_features(*pair) for pair in zip(scores, backgrounds, strict=True)])
            probabilities[:, column] = self.article_models_[column].predict_proba(features)[:, 1]
            calibrated = self.calibrations_[column].predict_proba(np.concatenate(scores)[:, None])[:, 1]
            ends = np.cumsum([len(found) for found in scores])
            for index, found in enumerate(np.split(calibrated, ends[:-1])):
                sentence_probabilities[index][:, column] = found
        return probabilities, sentence_probabilities

    def _fit_sentences(
        self,
        event_type: EventType,
        column: int,
        documents: Sequence[_Document],
        marks: Sequence[Ints],
        folds: Ints,
    ) -> list[Floats]:
        """Fits the sentence model and its calibration; gives every sentence a score by a model that has not seen it."""
        places = _places(column, documents)
        sentences = [documents[d].read(row) for d, row in places]
        y = np.array([marks[d][row] for d, row in places])
        fold = np.array([folds[d] for d, _ in places])
        unseen = np.zeros(len(places))
        for held in range(FOLDS):
            inside, outside = np.flatnonzero(fold == held), np.flatnonzero(fold != held)
            model = SentenceModel(event_type.value, c=self.sentence_c).fit([sentences[i] for i in outside], y[outside])
            unseen[inside] = model.decision_function([sentences[i] for i in inside])
        self.sentence_models_.append(SentenceModel(event_type.value, c=self.sentence_c).fit(sentences, y))
        self.calibrations_.append(LogisticRegression().fit(unseen[:, None], y))
        return _spread(unseen, places, documents)

    def _fit_articles(
        self,
        examples: Sequence[Example],
        documents: Sequence[_Document],
        marks: Sequence[Ints],
        scores: Sequence[Floats],
    ) -> None:
        """Fits the article model on whole articles, parts of them, and passages.

        Left out: a text whose events are all told in sentences that pass no gate, which is neither example nor
        counter-example, and a passage in which nothing passes.
        """
        random = np.random.RandomState(len(self.article_models_))
        features, labels, weights = [], [], []
        for example, document, marked, scored in zip(examples, documents, marks, scores, strict=True):
            parts = self._parts(example, random)
            for part in parts:
                told = scored[part] > SILENT
                event = bool(marked[part].any())
                if (event and not marked[part][told].any()) or not (example.whole or told.any()):
                    continue
                around = background([document.sentences[row] for row in part])
                features.append(article_features(scored[part], around))
                labels.append(int(event))
                weight = 1 / len(parts) if example.whole else _PASSAGE_WEIGHT
                weights.append(weight if event else weight * self.negatives)
        model = SignedLogisticRegression(signs=SIGNS.tolist(), C=self.article_c)
        self.article_models_.append(model.fit(np.stack(features), np.array(labels), np.array(weights)))

    def _parts(self, example: Example, random: np.random.RandomState) -> list[Ints]:
        """The rows of the whole text, of it without its title, and of some stretches of it."""
        whole = np.arange(len(example.sentences))
        if not example.whole or not self.cuts:
            return [whole]
        body = whole[1:] if example.has_title else whole
        parts = [whole, body]
        for _ in range(self.cuts - 1):
            length = random.randint(3, max(4, len(body)))
            start = 0 if random.rand() < 0.5 else random.randint(0, max(1, len(body) - length + 1))
            stretch = body[start : start + length]
            titled = start == 0 and example.has_title and random.rand() < 0.5
            parts.append(np.concatenate([whole[:1], stretch]) if titled else stretch)
        return [part for part in parts if len(part)]

    def _scores(self, column: int, documents: Sequence[_Document]) -> list[Floats]:
        """Per article (n_sentences,): the log-odds of each sentence, `SILENT` where it passes no gate."""
        places = _places(column, documents)
        found = self.sentence_models_[column].decision_function([documents[d].read(row) for d, row in places])
        return _spread(found, places, documents)


def _document(sentences: Sequence[str]) -> _Document:
    words = [words_of(sentence) for sentence in sentences]
    gated = np.array([[passed[event_type] for event_type in TYPES] for passed in map(passes, words)])
    n_words = sum(len(sentence.words) for sentence in words)
    return _Document(words, gated.reshape(len(words), len(TYPES)), topics(density(words), n_words))


def folds_of(groups: Sequence[str]) -> Ints:
    """(n,): the fold, 0 to `FOLDS` - 1, of each text; a group is never on both sides of a split."""
    number = {group: place for place, group in enumerate(sorted(set(groups)))}
    found: Ints = np.array([number[group] % FOLDS for group in groups])
    return found


def _places(column: int, documents: Sequence[_Document]) -> list[tuple[int, int]]:
    """(document, row) of every sentence that passes the gate of a type."""
    return [(d, row) for d, document in enumerate(documents) for row in document.rows(column)]


def _spread(found: Floats, places: Sequence[tuple[int, int]], documents: Sequence[_Document]) -> list[Floats]:
    """Per document (n_sentences,): the log-odds found for its places, `SILENT` everywhere else."""
    scores = [np.full(len(document.sentences), SILENT) for document in documents]
    for (d, row), score in zip(places, found, strict=True):
        scores[d][row] = score
    return scores
