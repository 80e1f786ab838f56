"""The estimators behave as scikit-learn's do: its own checks of parameters, which are those that apply to estimators of
documents and lists of features, and what the reader promises of its probabilities.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.utils.estimator_checks import (
    check_estimator_cloneable,
    check_estimator_repr,
    check_get_params_invariance,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_set_params,
)

from models.classifier import load_classifier
from models.corpus import shipped_corpus
from models.document import plain_sentences
from models.features import FeatureCounter
from models.gate import passes
from models.reader import TYPES, ArticleReader, Told, _calibrated, negatives_weight, pooled
from models.sentence_model import SILENT, SentenceModel
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


@pytest.mark.parametrize("check", DOCUMENT_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("estimator", ON_DOCUMENTS, ids=lambda estimator: type(estimator).__name__)
def test_estimators_on_documents_pass_the_checks_that_need_no_arrays(
    estimator: BaseEstimator, check: Callable[[str, BaseEstimator], None]
) -> None:
    check(type(estimator).__name__, clone(estimator))


def test_parameters_that_are_set_are_those_of_a_copy() -> None:
    reader = ArticleReader().set_params(priors=(0.5, 0.5, 0.5), sentence_c=2.0)
    assert clone(reader).get_params() == reader.get_params()
    assert clone(reader) is not reader
    assert reader.get_params()["sentence_c"] == 2.0


def test_an_estimator_that_has_learned_nothing_says_so() -> None:
    for estimator, method in ((ArticleReader(), "predict_proba"), (SentenceModel(), "decision_function")):
        with pytest.raises(NotFittedError):
            getattr(estimator, method)([])


def test_the_order_of_features_changes_no_bit_of_a_sum() -> None:
    names = [f"feature {number}" for number in range(40)]
    lists = [names, names[::-1], [*names[17:], *names[:17]], ["unknown", *names]]
    counter = FeatureCounter(min_df=1).fit(lists)
    weights = np.random.RandomState(0).normal(size=len(counter.vocabulary_)) ** 9
    assert len(set(counter.sums(lists[:3], weights).tolist())) == 1
    assert np.allclose(counter.sums(lists, weights), counter.transform(lists) @ weights)


def test_sums_of_tfidf_are_those_of_scikit_learn() -> None:
    lists = [["a", "b", "a", "unknown", "a"], [], ["unknown"], ["c", "b"], ["b"]]
    counter = FeatureCounter(min_df=1, binary=False).fit([["a", "b"], ["b", "c"]])
    counts = counter.transform(lists)
    tfidf = TfidfTransformer(sublinear_tf=True).fit(counts)
    weights = np.array([0.5, -2.0, 3.0])
    expected = tfidf.transform(counts) @ weights
    assert np.allclose(counter.tfidf_sums(lists, tfidf.idf_, weights), expected)
    assert counter.tfidf_sums([], tfidf.idf_, weights).tolist() == []
    assert not counter.tfidf_sums([["unknown"]], tfidf.idf_, weights).any()


def test_the_probabilities_of_a_reading_are_those_that_its_estimators_give() -> None:
    reader = load_classifier()._reader
    sentences = [sentence for text in shipped_corpus()[:300] for sentence in plain_sentences(text.title, text.text)]
    found = reader.read([[sentence] for sentence in sentences])
    for column, event_type in enumerate(TYPES):
        passing = [row for row, each in enumerate(sentences) if passes(words_of(each))[event_type]]
        assert len(passing) > 20
        model = reader.sentence_models_[column]
        scores = model._matrix(model._lists([words_of(sentences[row]) for row in passing])) @ model.regression_.coef_[0]
        odds = np.clip(scores + model.regression_.intercept_[0], SILENT, -SILENT)
        expected = reader.article_models_[column].predict_proba(odds[:, None])[:, 1]
        assert np.allclose(found.probabilities[passing, column], expected, atol=1e-6)


def told(*articles: int) -> list[Told]:
    return [Told(article, 0, words_of("Ghana"), {}) for article in articles]


@pytest.mark.parametrize(
    ("scores", "pool"),
    [([1.5], 1.5), ([1.0, 1.0], 1 + math.log(2) / 2), ([3.0, -2.0, -2.0], 3.0), ([9.0], 6.0), ([-50.0], -6.0)],
    ids=["one", "two alike", "one and two doubtful", "too sure", "too sure of nothing"],
)
def test_the_best_sentence_counts_most_when_they_are_pooled(scores: list[float], pool: float) -> None:
    found = pooled(told(*[7] * len(scores)), np.array(scores))
    assert found == {7: pytest.approx(pool, abs=1e-4)}


def test_sentences_are_pooled_by_article() -> None:
    assert pooled(told(0, 2, 0), np.array([1.0, -1.0, 1.0])).keys() == {0, 2}
    assert pooled([], np.array([])) == {}


@pytest.mark.parametrize(
    ("prior", "with_event", "without", "weight"), [(0.5, 10, 10, 1), (0.2, 10, 10, 4), (0.1, 30, 90, 3), (0.1, 0, 9, 1)]
)
def test_articles_without_event_weigh_what_makes_the_share_the_prior(
    prior: float, with_event: int, without: int, weight: float
) -> None:
    assert negatives_weight(prior, np.arange(with_event + without) < with_event) == pytest.approx(weight)


def test_a_probability_never_falls_as_the_score_rises() -> None:
    scores, labels = np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0, 0, 1, 1])
    rising, falling = (_calibrated(scores, each, np.ones(4)) for each in (labels, labels[::-1]))
    assert rising.coef_[0, 0] > 0
    assert falling.coef_[0, 0] == 0
    assert falling.predict_proba([[9.0]])[0, 1] == pytest.approx(0.5)


def test_a_feature_as_frequent_on_either_side_weighs_nothing() -> None:
    sentences = [
        f"The ministers of Ghana and Togo {word} on Monday." for word in ("met", "held talks", "rested", "sang")
    ]
    y = np.array([1, 1, 0, 0] * 5)
    model = SentenceModel().fit([words_of(sentence) for sentence in sentences * 5], y)
    weight = dict(contributions := model.contributions(words_of(sentences[0])))
    assert len(weight) == len(contributions)
    assert weight["c:STATE"] == weight["on monday"] == 0
    assert weight["<TALKV>"] > 0
