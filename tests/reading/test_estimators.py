"""The estimators behave as scikit-learn's do: all of its own checks where one takes arrays, the contracts of parameters
where one takes documents or lists of features.
"""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import (
    check_estimator_cloneable,
    check_estimator_repr,
    check_get_params_invariance,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_set_params,
    parametrize_with_checks,
)

from models.article_model import SignedLogisticRegression
from models.features import FeatureCounter
from models.reader import ArticleReader
from models.sentence_model import SentenceModel
from models.words import words_of

DOCUMENT_CHECKS = [
    check_get_params_invariance,
    check_estimator_cloneable,
    check_estimator_repr,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_set_params,
]
"""Scikit-learn's checks that fit nothing; the others pass arrays of numbers, which these estimators do not take."""

ON_DOCUMENTS = [ArticleReader(), SentenceModel(), FeatureCounter()]


def not_meant(estimator: BaseEstimator) -> dict[str, str]:
    return {
        "check_sample_weight_equivalence_on_dense_data": "features are standardised over rows, whatever their weight",
    }


@parametrize_with_checks([SignedLogisticRegression()], expected_failed_checks=not_meant)
def test_the_article_model_passes_the_checks_of_scikit_learn(estimator: BaseEstimator, check: Callable) -> None:
    check(estimator)


@pytest.mark.parametrize("check", DOCUMENT_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("estimator", ON_DOCUMENTS, ids=lambda estimator: type(estimator).__name__)
def test_estimators_on_documents_pass_the_checks_that_need_no_arrays(
    estimator: BaseEstimator, check: Callable[[str, BaseEstimator], None]
) -> None:
    check(type(estimator).__name__, clone(estimator))


def test_parameters_that_are_set_are_those_of_a_copy() -> None:
    reader = ArticleReader().set_params(negatives=5.0, cuts=0)
    assert clone(reader).get_params() == reader.get_params()
    assert clone(reader) is not reader
    assert reader.get_params()["negatives"] == 5.0


def test_signs_keep_coefficients_on_their_side() -> None:
    rows, labels = [[0.0, 1.0], [1.0, 0.0], [2.0, 0.5], [3.0, 0.1]], [0, 0, 1, 1]
    free = SignedLogisticRegression().fit(rows, labels)
    held = SignedLogisticRegression(signs=[-1, 1]).fit(rows, labels)
    assert free.coef_[0] > 0
    assert held.coef_[0] == 0


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_an_article_model_that_has_learned_nothing_says_so(method: str) -> None:
    with pytest.raises(NotFittedError):
        getattr(SignedLogisticRegression(), method)([[0.0]])


def test_one_class_or_a_weight_too_few_is_refused() -> None:
    with pytest.raises(ValueError, match="expected two classes"):
        SignedLogisticRegression().fit([[0.0], [1.0]], [1, 1])
    with pytest.raises(ValueError, match="one number per row"):
        SignedLogisticRegression().fit([[0.0], [1.0]], [0, 1], [1.0])


def test_the_order_of_features_changes_no_bit_of_a_sum() -> None:
    names = [f"feature {number}" for number in range(40)]
    lists = [names, names[::-1], [*names[17:], *names[:17]], ["unknown", *names]]
    counter = FeatureCounter(min_df=1).fit(lists)
    weights = np.random.RandomState(0).normal(size=len(counter.vocabulary_)) ** 9
    assert len(set(counter.sums(lists[:3], weights).tolist())) == 1
    assert np.allclose(counter.sums(lists, weights), counter.transform(lists) @ weights)


def test_a_feature_as_frequent_on_either_side_weighs_nothing() -> None:
    sentences = [
        f"The ministers of Ghana and Togo {word} on Monday." for word in ("met", "held talks", "rested", "sang")
    ]
    y = np.array([1, 1, 0, 0] * 5)
    model = SentenceModel().fit([(words_of(sentence), []) for sentence in sentences * 5], y)
    weight = dict(model.contributions((words_of(sentences[0]), [])))
    assert weight["c:STATE"] == weight["on monday"] == 0
    assert weight["<TALKV>"] > 0
