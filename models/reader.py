"""The reader: whole articles in, the probability of each event type out, with a score for every sentence.

Words → gate → sentence model per type → article model per type. Arrays have one row per article or sentence, one column
per EventType in its order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

from models.article_model import SIGNS, SignedLogisticRegression, article_features, background
from models.features import topics
from models.gate import passes
from models.glance import promising
from models.sentence_model import SILENT, Read, SentenceModel
from models.skim import skimmed
from models.words import Tally, Words, tally, words_of
from schemas.event_type import EventType

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TYPES = tuple(EventType)

FOLDS = 5
"""Parts that a corpus is cut into, so that every text is read by a model that has not seen its group."""
_PASSAGE_WEIGHT = 0.5
"""A passage is half an example of an article: it has the event, but not what else an article is about."""

_MOST_SILENT = 0.05
"""The most that an article can score of which no sentence passes: without a sentence to show nothing may ring, not even
where a user trains on a few texts whose events are all told in other words than ours. Of our own it is 0.02 to 0.04."""


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
    """An article of so many sentences.

    words: the sentences that are read, by row; rows: by type, those that pass its gate; topics: only where any passes.
    """

    n_sentences: int
    words: Mapping[int, Words]
    rows: Sequence[Sequence[int]]
    tally: Tally
    topics: Sequence[str]

    def read(self, row: int) -> Read:
        return self.words[row], self.topics


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read in some articles.

    probabilities: (n_articles, n_types), that the article reports an event of the type; n_sentences: of each article;
    `_told` has by article the (row, column, probability) of its sentences that pass a gate, and `_silent` by type that
    of all the others.
    """

    probabilities: Floats
    n_sentences: Sequence[int]
    _told: Mapping[int, Sequence[tuple[int, int, float]]]
    _silent: Sequence[float]

    def sentences(self, article: int) -> Floats:
        """(n_sentences, n_types): the probability that the sentence states an event of the type."""
        found = np.tile(np.array(self._silent), (self.n_sentences[article], 1))
        for row, column, probability in self._told.get(article, ()):
            found[row, column] = probability
        return found


class ArticleReader(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Reads articles given as lists of clean sentences, the title first.

    `sentence_c` and `article_c` are inverse regularisation strengths; `negatives` is the weight of an article without
    the event against one with it: a quarter to a sixth of our articles have a type, and probabilities are meant for
    news of which a fifth to a tenth has; `cuts` is how many parts of each article are
    learned from beside the whole, because articles come short and long, with and without title.
    """

    def __init__(
        self, *, sentence_c: float = 1.0, article_c: float = 1.0, negatives: float = 1.5, cuts: int = 4
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
        self.silence_: list[float] = []
        for column, event_type in enumerate(TYPES):
            marks = [example.marks[:, column] for example in examples]
            scores = self._fit_sentences(event_type, column, documents, marks, folds)
            self._fit_articles(examples, documents, marks, scores)
        return self

    def predict_proba(self, articles: Sequence[Sequence[str]]) -> Floats:
        """(n_articles, n_types): the probability that the article reports an event of the type."""
        return self.read(articles).probabilities

    def read(self, articles: Iterable[Sequence[str]]) -> Reading:
        """The probabilities of articles and of their sentences; those of an article without a sentence mean nothing.

        Where no sentence passes the gate of a type, that type has the share of its events among such texts.
        """
        every = list(articles)
        numbers, documents = _glanced(every)
        backgrounds = [background(document.tally) for document in documents]
        probabilities = np.tile(self.silence_, (len(every), 1))
        read: defaultdict[int, list[tuple[int, int, float]]] = defaultdict(list)
        silent = []
        for column in range(len(TYPES)):
            places = _places(column, documents)
            found = self.sentence_models_[column].decision_function([documents[d].read(row) for d, row in places])
            if told := _spread(found, places, documents):
                features = np.stack([article_features(scores, backgrounds[d]) for d, scores in told.items()])
                passing = [numbers[d] for d in told]
                probabilities[passing, column] = self.article_models_[column].predict_proba(features)[:, 1]
            each = self.calibrations_[column].predict_proba(np.append(found, SILENT)[:, None])[:, 1].tolist()
            silent.append(each.pop())
            for (d, row), probability in zip(places, each, strict=True):
                read[numbers[d]].append((row, column, probability))
        return Reading(probabilities, [len(sentences) for sentences in every], read, silent)

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
        scores = _spread(unseen, places, documents)
        return [scores.get(d, np.full(document.n_sentences, SILENT)) for d, document in enumerate(documents)]

    def _fit_articles(
        self,
        examples: Sequence[Example],
        documents: Sequence[_Document],
        marks: Sequence[Ints],
        scores: Sequence[Floats],
    ) -> None:
        """Fits the article model on whole articles, parts of them, and passages.

        Left out: a text whose events are all told in sentences that pass no gate, which is neither example nor
        counter-example, and a passage in which nothing passes. Of whole articles in which nothing passes the share that
        have an event nevertheless is learned as well.
        """
        random = np.random.RandomState(len(self.article_models_))
        features, labels, weights = [], [], []
        silent = np.zeros(2)
        for example, document, marked, scored in zip(examples, documents, marks, scores, strict=True):
            parts = self._parts(example, random)
            for part in parts:
                told = scored[part] > SILENT
                event = bool(marked[part].any())
                weight = 1 / len(parts) if example.whole else _PASSAGE_WEIGHT
                if not event:
                    weight *= self.negatives
                if example.whole and not told.any():
                    silent[int(event)] += weight
                if (event and not marked[part][told].any()) or not (example.whole or told.any()):
                    continue
                around = background(tally(document.words[row] for row in part))
                features.append(article_features(scored[part], around))
                labels.append(int(event))
                weights.append(weight)
        self.silence_.append(silent_share(silent[1], silent[0]))
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


def _document(sentences: Sequence[str]) -> _Document:
    """An article of which every sentence is read, to learn from it and from parts of it."""
    words = dict(enumerate(map(words_of, sentences)))
    passed = {row: passes(sentence) for row, sentence in words.items()}
    return _of_words(len(sentences), words, passed, tally(words.values()))


def _glanced(articles: Sequence[Sequence[str]]) -> tuple[list[int], list[_Document]]:
    """The articles in which a sentence passes a gate, by their places, read as far as a decision depends on it."""
    starts = list(accumulate(map(len, articles), initial=0))
    sentences = list(chain.from_iterable(articles))
    read: defaultdict[int, dict[int, Words]] = defaultdict(dict)
    for place in promising(sentences):
        number = bisect_right(starts, place) - 1
        read[number][place - starts[number]] = words_of(sentences[place])
    numbers, documents = [], []
    for number, words in read.items():
        passed = {row: passes(sentence) for row, sentence in words.items()}
        if any(any(types.values()) for types in passed.values()):
            others = (sentence for row, sentence in enumerate(articles[number]) if row not in words)
            numbers.append(number)
            documents.append(_of_words(len(articles[number]), words, passed, skimmed(words.values(), others)))
    return numbers, documents


def _of_words(
    n_sentences: int, words: Mapping[int, Words], passed: Mapping[int, Mapping[EventType, bool]], found: Tally
) -> _Document:
    rows = [[row for row, passing in passed.items() if passing[event_type]] for event_type in TYPES]
    return _Document(n_sentences, words, rows, found, topics(found) if any(rows) else [])


def silent_share(with_event: float, without: float) -> float:
    """The share of articles with an event, among those in which nothing passes, by weight; `_MOST_SILENT` at most."""
    return float(min(with_event / max(with_event + without, 1), _MOST_SILENT))


def folds_of(groups: Sequence[str]) -> Ints:
    """(n,): the fold, 0 to `FOLDS` - 1, of each text; a group is never on both sides of a split."""
    number = {group: place for place, group in enumerate(sorted(set(groups)))}
    found: Ints = np.array([number[group] % FOLDS for group in groups])
    return found


def _places(column: int, documents: Sequence[_Document]) -> list[tuple[int, int]]:
    """(document, row) of every sentence that passes the gate of a type."""
    return [(d, row) for d, document in enumerate(documents) for row in document.rows[column]]


def _spread(found: Floats, places: Sequence[tuple[int, int]], documents: Sequence[_Document]) -> dict[int, Floats]:
    """By document that has any (n_sentences,): the log-odds found for its places, `SILENT` everywhere else."""
    scores: dict[int, Floats] = {}
    for (d, row), score in zip(places, found, strict=True):
        if d not in scores:
            scores[d] = np.full(documents[d].n_sentences, SILENT)
        scores[d][row] = score
    return scores
