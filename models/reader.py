"""The reader: whole articles in, the probability of each event type out, with a score for every sentence.

Words → gate → sentence model per type → the best sentences pooled to one score per article and type, and calibrated.
Arrays have one row per article or sentence, one column per EventType in its order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from models.features import Floats, Ints
from models.gate import passes
from models.glance import promising
from models.sentence_model import SILENT, SentenceModel
from models.words import Words, words_of
from schemas.event_type import EventType

TYPES = tuple(EventType)

FOLDS = 5
"""Parts that a corpus is cut into, so that every text is read by a model that has not seen its group."""

PRIORS = (0.2, 0.1, 0.05)
"""By type, the share of articles with an event in the news that probabilities are meant for: an international desk's.

Stated, not measured: a fifth tells of talks, fewer of sanctions, few of an exclusion. The corpus has far more of each,
because a type is learned from its events.
"""

_SHARPNESS = 2.0
"""How much the best sentence of an article counts before the others when they are pooled: at 1 their odds add up, and
many doubtful sentences make an event; without bound only the best counts. A guess between: 1 does as well (CARD.md)."""

_MOST_SILENT = 0.05
"""The most that an article can score of which no sentence passes: without a sentence to show nothing may ring, not even
where a user trains on a few texts whose events are all told in other words than ours. Of our own it is 0.02 or less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One labelled text to learn from.

    sentences: clean, title first; marks: (n_sentences, n_types) of 0 and 1; group: the story or writer, whose texts are
    kept together when scores are to be of unseen text; whole: False for a passage.
    """

    sentences: Sequence[str]
    marks: Ints
    group: str
    whole: bool


class Told(NamedTuple):
    """A sentence that passes a gate: row `row` of article number `article`."""

    article: int
    row: int
    words: Words
    types: Mapping[EventType, bool]


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

    `sentence_c` is the inverse strength of the sentence models' regularisation; `priors` are the shares of articles
    with an event, by type in (0, 1), in the news that the probabilities are meant for.
    """

    def __init__(self, *, sentence_c: float = 1.0, priors: Sequence[float] = PRIORS) -> None:
        self.sentence_c = sentence_c
        self.priors = priors

    def fit(self, examples: Sequence[Example], y: object = None) -> ArticleReader:
        """Learns from texts whose event sentences are marked; the marks are the labels, `y` is not looked at."""
        del y
        told = _told([example.sentences for example in examples])
        folds = folds_of([example.group for example in examples])
        self.sentence_models_: list[SentenceModel] = []
        self.calibrations_: list[LogisticRegression] = []
        self.article_models_: list[LogisticRegression] = []
        self.silence_: list[float] = []
        for column, event_type in enumerate(TYPES):
            passing = _passing(told, event_type)
            marked = np.array([examples[each.article].marks[each.row, column] for each in passing])
            unseen = self._fit_sentences(event_type, passing, marked, folds)
            self._fit_articles(column, examples, passing, marked, unseen)
        return self

    def predict_proba(self, articles: Sequence[Sequence[str]]) -> Floats:
        """(n_articles, n_types): the probability that the article reports an event of the type."""
        return self.read(articles).probabilities

    def read(self, articles: Iterable[Sequence[str]]) -> Reading:
        """The probabilities of articles and of their sentences; those of an article without a sentence mean nothing.

        Where no sentence passes the gate of a type, that type has the share of its events among such texts, weighed to
        the priors. Raises NotFittedError before `fit`.
        """
        check_is_fitted(self)
        every = list(articles)
        told = _told(every)
        probabilities = np.tile(self.silence_, (len(every), 1))
        read: defaultdict[int, list[tuple[int, int, float]]] = defaultdict(list)
        silent = []
        for column, event_type in enumerate(TYPES):
            passing = _passing(told, event_type)
            found = self.sentence_models_[column].decision_function([each.words for each in passing])
            if pools := pooled(passing, found):
                scores = np.array(list(pools.values()))
                probabilities[list(pools), column] = _probability(self.article_models_[column], scores)
            *stated, nothing = _probability(self.calibrations_[column], np.append(found, SILENT)).tolist()
            silent.append(nothing)
            for each, probability in zip(passing, stated, strict=True):
                read[each.article].append((each.row, column, probability))
        return Reading(probabilities, [len(sentences) for sentences in every], read, silent)

    def weights(self, article: Sequence[str], event_type: EventType) -> tuple[float, float]:
        """What the sentences of an article add to the log-odds of its score, and what every article begins with.

        Of an article in which a sentence passes the gate of the type; of others there is nothing to tell.
        """
        column = TYPES.index(event_type)
        passing = _passing(_told([article]), event_type)
        model = self.article_models_[column]
        score = pooled(passing, self.sentence_models_[column].decision_function([each.words for each in passing]))[0]
        return score * float(model.coef_[0, 0]), float(model.intercept_[0])

    def _fit_sentences(self, event_type: EventType, passing: Sequence[Told], marked: Ints, folds: Ints) -> Floats:
        """Fits the sentence model and its calibration; gives every sentence a score by a model that has not seen it."""
        words = [each.words for each in passing]
        fold = folds[[each.article for each in passing]]
        unseen = np.zeros(len(passing))
        for held in range(FOLDS):
            inside, outside = np.flatnonzero(fold == held), np.flatnonzero(fold != held)
            model = SentenceModel(event_type.value, c=self.sentence_c).fit([words[i] for i in outside], marked[outside])
            unseen[inside] = model.decision_function([words[i] for i in inside])
        self.sentence_models_.append(SentenceModel(event_type.value, c=self.sentence_c).fit(words, marked))
        self.calibrations_.append(_calibrated(unseen, marked, np.ones(len(marked))))
        return unseen

    def _fit_articles(
        self, column: int, examples: Sequence[Example], passing: Sequence[Told], marked: Ints, unseen: Floats
    ) -> None:
        """Calibrates the pooled scores of texts in which a sentence passes; counts the events of the silent ones.

        The priors hold for whole articles; passages count as much as these, and hardly change the shares. Left out: a
        text whose events are all told in sentences that pass no gate, which is neither example nor counter-example. The
        silent are counted among whole articles only: a passage has nothing else to tell.
        """
        pools = pooled(passing, unseen)
        shown = {each.article for each, mark in zip(passing, marked, strict=True) if mark}
        events = np.array([bool(example.marks[:, column].any()) for example in examples])
        whole = np.array([example.whole for example in examples])
        without = negatives_weight(self.priors[column], events[whole])
        used = [number for number in pools if number in shown or not events[number]]
        scores, labels = np.array([pools[number] for number in used]), events[used].astype(np.int64)
        self.article_models_.append(_calibrated(scores, labels, np.where(labels, 1.0, without)))
        silent = events[[number for number in np.flatnonzero(whole) if number not in pools]]
        self.silence_.append(silent_share(float(silent.sum()), without * float((~silent).sum())))


def pooled(passing: Sequence[Told], scores: Floats) -> dict[int, float]:
    """By article that has any: the log-odds of its sentences as one number, somewhat above that of the best."""
    odds: defaultdict[int, float] = defaultdict(float)
    sharp = np.exp(_SHARPNESS * np.clip(scores, SILENT, -SILENT))
    for each, one in zip(passing, sharp.tolist(), strict=True):
        odds[each.article] += one
    return {number: float(np.log(total)) / _SHARPNESS for number, total in odds.items()}


def negatives_weight(prior: float, events: npt.NDArray[np.bool_]) -> float:
    """What an article without event counts against one with it for the share with one to be `prior`.

    1 where all or none have one.
    """
    with_event, without = int(events.sum()), int((~events).sum())
    return with_event * (1 - prior) / (prior * without) if with_event and without else 1.0


def silent_share(with_event: float, without: float) -> float:
    """The share of articles with an event, among those in which nothing passes, by weight; `_MOST_SILENT` at most."""
    return float(min(with_event / max(with_event + without, 1), _MOST_SILENT))


def folds_of(groups: Sequence[str]) -> Ints:
    """(n,): the fold, 0 to `FOLDS` - 1, of each text; a group is never on both sides of a split."""
    number = {group: place for place, group in enumerate(sorted(set(groups)))}
    found: Ints = np.array([number[group] % FOLDS for group in groups])
    return found


def _told(articles: Sequence[Sequence[str]]) -> list[Told]:
    """The sentences that pass a gate, in order."""
    starts = list(accumulate(map(len, articles), initial=0))
    sentences = list(chain.from_iterable(articles))
    found = []
    for place in promising(sentences):
        words = words_of(sentences[place])
        types = passes(words)
        if any(types.values()):
            number = bisect_right(starts, place) - 1
            found.append(Told(number, place - starts[number], words, types))
    return found


def _passing(told: Iterable[Told], event_type: EventType) -> list[Told]:
    return [each for each in told if each.types[event_type]]


def _calibrated(scores: Floats, labels: Ints, weights: Floats) -> LogisticRegression:
    """One score to a probability that never falls as the score rises: where a small corpus says so, scores are dropped.

    Raises ValueError where the labels are all alike.
    """
    model = LogisticRegression().fit(scores[:, None], labels, weights)
    return model if model.coef_[0, 0] > 0 else model.fit(np.zeros_like(scores)[:, None], labels, weights)


def _probability(model: LogisticRegression, scores: Floats) -> Floats:
    """(n,): what `predict_proba` gives of the event for one score each, without its checks of the input."""
    found: Floats = expit(model.coef_[0, 0] * scores + model.intercept_[0])
    return found
