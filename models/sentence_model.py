"""The sentence model of one event type: from words to the log-odds that the sentence states such an event."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from models.features import FeatureCounter, Floats, Ints, ngrams, pairs, runs, windows
from models.words import Words
from schemas.event_type import EventType

SILENT = -6.0
"""Log-odds of a sentence that passes no gate: one in 400."""

_WEIGHTS = {"windows": 0.07, "pairs": 0.1, "ngrams": 1.0, "runs": 0.3}
"""How much each block of features counts before regularisation: rows of 0/1 counts are long, TF-IDF rows have length 1.
Chosen on our own text, writers held apart."""

_SUREST = 3.0
"""The largest log-count ratio that counts: e to the 3, a feature found twenty times as often on one side."""


class SentenceModel(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Four blocks of features and one balanced logistic regression, for sentences that passed the gate of the type.

    Features are weighed by how unevenly the two sides have them before the regression is fitted (NB-SVM: Wang and
    Manning 2012, with a logistic loss), so that a feature which tells needs less evidence than one which does not.
    `c` is the inverse strength of its regularisation.
    """

    def __init__(self, event_type: str = EventType.TALKS.value, *, c: float = 1.0) -> None:
        self.event_type = event_type
        self.c = c

    def fit(self, sentences: Sequence[Words], y: Ints) -> SentenceModel:
        """Learns from sentences that passed the gate; y: (n,) of 0 and 1."""
        self.windows_ = FeatureCounter()
        self.pairs_ = FeatureCounter()
        self.ngrams_ = FeatureCounter(binary=False)
        self.runs_ = FeatureCounter()
        self.tfidf_ = TfidfTransformer(sublinear_tf=True)
        lists = self._lists(sentences)
        for name, features in lists.items():
            getattr(self, name + "_").fit(features)
        self.tfidf_.fit(self.ngrams_.transform(lists["ngrams"]))
        self.regression_ = LogisticRegression(
            C=self.c, class_weight="balanced", solver="liblinear", tol=1e-3, max_iter=300, random_state=0
        )
        counts = self._matrix(lists)
        ratio = _log_count_ratio(counts, y)
        self.regression_.fit(counts.multiply(ratio).tocsr(), y)
        self.regression_.coef_ *= ratio
        return self

    def decision_function(self, sentences: Sequence[Words]) -> Floats:
        """(n,): log-odds of each sentence. Raises NotFittedError before `fit`."""
        check_is_fitted(self)
        if not sentences:
            return np.empty(0)
        found = np.full(len(sentences), self.regression_.intercept_[0])
        end = 0
        for name, features in self._lists(sentences).items():
            counter = getattr(self, name + "_")
            begin, end = end, end + len(counter.vocabulary_)
            weights = self.regression_.coef_[0, begin:end] * np.float32(_WEIGHTS[name])
            if name == "ngrams":
                found += counter.tfidf_sums(features, self.tfidf_.idf_, weights)
            else:
                found += counter.sums(features, weights)
        return found

    def contributions(self, sentence: Words) -> list[tuple[str, float]]:
        """What each feature of the sentence adds to its log-odds, most telling first, either way.

        Words that are both an n-gram and a run are told once, with what they add together.
        """
        row = self._matrix(self._lists([sentence])).tocoo()
        names = self._names()
        weights = self.regression_.coef_[0]
        found: defaultdict[str, float] = defaultdict(float)
        for column, value in zip(row.col, row.data, strict=True):
            found[names[column]] += float(value * weights[column])
        return sorted(found.items(), key=lambda item: -abs(item[1]))

    def _lists(self, sentences: Sequence[Words]) -> dict[str, list[list[str]]]:
        event_type = EventType(self.event_type)
        return {
            "windows": [windows(words, event_type) for words in sentences],
            "pairs": [pairs(words) for words in sentences],
            "ngrams": [ngrams(words, event_type) for words in sentences],
            "runs": [runs(words, event_type) for words in sentences],
        }

    def _matrix(self, lists: Mapping[str, Sequence[Sequence[str]]]) -> sp.csr_matrix:
        """The blocks side by side, one row per sentence."""
        blocks = []
        for name, features in lists.items():
            counts = getattr(self, name + "_").transform(features)
            if name == "ngrams":
                counts = self.tfidf_.transform(counts)
            blocks.append(counts * np.float32(_WEIGHTS[name]))
        return sp.hstack(blocks).tocsr()

    def _names(self) -> list[str]:
        return [feature for block in _WEIGHTS for feature in getattr(self, block + "_").vocabulary_]


def _log_count_ratio(counts: sp.csr_matrix, y: Ints) -> npt.NDArray[np.float32]:
    """(n_features,): the absolute log-odds ratio of a feature's presence on either side, smoothed by one."""
    present = (counts > 0).astype(np.float64)
    with_event, without = (
        (1 + np.asarray(present[y == side].sum(axis=0)).ravel()) / (2 + (y == side).sum()) for side in (1, 0)
    )
    ratio = np.abs(np.log(with_event / (1 - with_event)) - np.log(without / (1 - without)))
    found: npt.NDArray[np.float32] = np.minimum(ratio, _SUREST).astype(np.float32)
    return found
