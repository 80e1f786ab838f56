"""The article model: from the scores of its sentences, and what else it is about, to one decision per type."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from models.features import TOPICS
from models.sentence_model import SILENT
from models.words import Tally, density

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_DENSE = ("STATE", "OFFICE", "ORG")
_LEAD = 3
_SHORTEST_WORDS = 25
_LOWEST, _HIGHEST = -3.0, 5.0

_PASSING = 1.5
"""Words of an everyday topic, in 100, that may be mentioned in passing: one unrelated paragraph decides nothing."""

_MOST = 12
"""Words in 100 above which no more are counted."""

FEATURES = ("best sentences", "lead", *_DENSE, *TOPICS, "states")
"""The columns of `article_features`."""

SIGNS = np.array([1, 1, *[1] * len(_DENSE), *[-1] * len(TOPICS), 1])
"""The side of zero on which each coefficient makes sense: sentences, lead and diplomatic words speak for an event,
everyday topics against it. The corpus is too small to be allowed to learn otherwise."""


COUNTED = frozenset((*_DENSE, *TOPICS))
"""The kinds and classes whose densities are asked for."""

_STATES = np.minimum(np.log1p(np.arange(8)), 2)
"""How much it counts that so many states are named; seven count as much as any more."""


def article_features(scores: Floats, around: Sequence[float]) -> Floats:
    """(n_features,): the article as the model of one type sees it.

    scores: (n_sentences,) log-odds of that type; around: the article's `background`, the same for every type.
    """
    clipped = np.minimum(np.maximum(scores, SILENT), -SILENT)
    pooled = np.log(np.exp(2 * clipped).sum()) / 2
    told = (min(max(score, _LOWEST), _HIGHEST) for score in (pooled, clipped[:_LEAD].max()))
    return np.array([*told, *around])


def background(found: Tally) -> list[float]:
    """What an article is about, whatever is told of it: densities of kinds and topics, and how many states."""
    words = max(found.n_words, _SHORTEST_WORDS)
    per = (found.n_words or 1) / words
    dense = [density(found, name) * per for name in _DENSE]
    dense += [max(density(found, name) * per - _PASSING, 0) for name in TOPICS]
    return [*(sqrt(min(each, _MOST)) for each in dense), float(_STATES[min(len(found.states), 7)])]


class SignedLogisticRegression(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Binary logistic regression with an L2 penalty, its coefficients kept on a given side of zero.

    `signs` is a sequence of 1 (not negative), -1 (not positive) and 0 (free), one per feature, or None for all free;
    `C` the inverse strength of the penalty. Features are standardised first.
    """

    def __init__(self, *, signs: Sequence[int] | None = None, C: float = 1.0) -> None:  # noqa: N803 - as scikit-learn
        self.signs = signs
        self.C = C

    def fit(self, X: Floats, y: Ints, sample_weight: Floats | None = None) -> SignedLogisticRegression:  # noqa: N803
        """X: (n, n_features); y: (n,) of two classes; sample_weight: (n,)."""
        X, y = validate_data(self, X, y, dtype=np.float64)  # noqa: N806
        weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        if weight.shape != (len(y),):
            raise ValueError(f"sample_weight: expected one number per row, {len(y)}, got shape {weight.shape}")
        if not weight.any():
            raise ValueError("Sample weights must contain at least one non-zero number.")
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) != 2:
            found_classes = f"{len(self.classes_)} class{'es' if len(self.classes_) > 1 else ''}"
            raise ValueError(f"Only binary classification is supported. y: expected two classes, got {found_classes}")
        self.mean_, self.scale_ = X.mean(axis=0), X.std(axis=0) + 1e-6
        scaled = (X - self.mean_) / self.scale_
        side = np.where(y == self.classes_[-1], 1.0, -1.0)

        def loss(b: Floats) -> tuple[float, Floats]:
            margin = side * (scaled @ b[:-1] + b[-1])
            pull = -side * weight * expit(-margin)
            value = self.C * float((weight * np.logaddexp(0, -margin)).sum()) + 0.5 * float((b[:-1] ** 2).sum())
            return value, np.append(self.C * (scaled.T @ pull) + b[:-1], self.C * pull.sum())

        signs = [0] * X.shape[1] if self.signs is None else list(self.signs)
        bounds = [(0 if sign > 0 else None, 0 if sign < 0 else None) for sign in signs] + [(None, None)]
        found = minimize(loss, np.zeros(X.shape[1] + 1), jac=True, method="L-BFGS-B", bounds=bounds)
        self.coef_, self.intercept_, self.n_iter_ = found.x[:-1], float(found.x[-1]), max(1, int(found.nit))
        return self

    def decision_function(self, X: Floats) -> Floats:  # noqa: N803
        """(n,): log-odds."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)  # noqa: N806
        found: Floats = (X - self.mean_) / self.scale_ @ self.coef_ + self.intercept_
        return found

    def predict_proba(self, X: Floats) -> Floats:  # noqa: N803
        """(n, 2): probabilities of the two classes."""
        positive = expit(self.decision_function(X))
        return np.stack([1 - positive, positive], axis=1)

    def predict(self, X: Floats) -> Ints:  # noqa: N803
        """(n,): the more likely class."""
        is_last = self.decision_function(X) > 0
        found: Ints = self.classes_[is_last.astype(int)]
        return found

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags
