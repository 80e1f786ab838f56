"""The estimators: sentences read by a scikit-learn pipeline, their scores read by an article-level model.

Arrays: one row per sentence or article, one column per EventType in its order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from models.kinds import shipped_gazetteer
from schemas.event_type import EventType

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TYPES = tuple(EventType)
_KIND_NAMES = ("STATE", "OFFICE", "ORG", "SPORT", "BUSINESS", "DOMESTIC")
_LEAD_SENTENCES = 3
"""Sentences at the head of a text that count as its lead; news tells what happened there."""


class KindTransformer(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Sentences to strings of tokens, names replaced by their kinds; stateless."""

    def fit(self, sentences: Sequence[str], y: object = None) -> KindTransformer:
        """Learns nothing."""
        del sentences, y
        return self

    def transform(self, sentences: Sequence[str]) -> list[str]:
        """One string of blank-separated tokens per sentence."""
        gazetteer = shipped_gazetteer()
        return [" ".join(gazetteer.kinds(sentence)) for sentence in sentences]

    def __sklearn_is_fitted__(self) -> bool:
        return True


def build_token_model(*, c: float = 4.0, min_df: int = 3) -> Pipeline:
    """Kind tokens → probability per type: 1-3-grams, TF-IDF, one balanced logistic regression per type.

    `c` and `min_df` were chosen among 1, 4, 16 and 2, 3, 5 on our own text, leaving one writer out at a time.
    """
    return make_pipeline(
        TfidfVectorizer(
            lowercase=False,
            token_pattern=r"\S+",  # noqa: S106 - no password
            ngram_range=(1, 3),
            min_df=min_df,
            sublinear_tf=True,
            dtype=np.float32,
        ),
        OneVsRestClassifier(LogisticRegression(C=c, class_weight="balanced", max_iter=400)),
    )


def article_features(decisions: Floats, tokens: Sequence[str], positions: Sequence[int]) -> Floats:
    """What the article-level model sees of one article, a vector.

    decisions: (n_sentences, n_types), the sentence model's log-odds; tokens: the sentences as strings of kinds;
    positions: -1 for a title, else the number of the sentence in the text.
    """
    lead = [row for row, position in enumerate(positions) if position < _LEAD_SENTENCES]
    columns = [_decision_features(decisions[:, column], lead) for column in range(decisions.shape[1])]
    words = " ".join(tokens).split()
    counts = Counter(word for word in words if word in _KIND_NAMES)
    density = [np.sqrt(100 * counts[kind] / max(len(words), 30)) for kind in _KIND_NAMES]
    return np.array([value for column in columns for value in column] + density + [np.log(len(words) + 10)])


def _decision_features(decisions: Floats, lead: list[int]) -> list[float]:
    """Best, second and third best sentence, how many speak for the type, best of the lead, and the first.

    Where there is no second or third sentence, a value 2 or 4 below the best stands in: the distance usual in our
    articles.
    """
    ranked = np.sort(decisions)[::-1]
    best = float(ranked[0])
    return [
        best,
        float(ranked[1]) if len(ranked) > 1 else best - 2,
        float(ranked[2]) if len(ranked) > 2 else best - 4,
        float(np.log1p((decisions > 0).sum())),
        float(decisions[lead].max()) if lead else best - 2,
        float(decisions[0]),
    ]


def build_article_model(*, c: float = 0.3) -> Pipeline:
    """Article features → probability per type: standardised, one logistic regression per type."""
    return make_pipeline(StandardScaler(), OneVsRestClassifier(LogisticRegression(C=c, max_iter=2_000)))


class ArticleReader(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Reads whole articles: sentence model, article model, and a calibration of sentence scores for evidence.

    Input are articles as lists of (sentence, position); see `models.document`. `sentence_c` and `article_c` are the
    inverse regularisation strengths of the two models, `min_df` the fewest sentences an n-gram must stand in.
    """

    def __init__(self, *, sentence_c: float = 4.0, article_c: float = 0.3, min_df: int = 3) -> None:
        self.sentence_c = sentence_c
        self.article_c = article_c
        self.min_df = min_df

    def fit(
        self,
        articles: Sequence[Sequence[tuple[str, int]]],
        y: Ints,
        *,
        sentence_labels: Sequence[Ints],
        groups: Sequence[str],
        whole: Sequence[bool],
    ) -> ArticleReader:
        """Learns from articles whose event sentences are marked.

        y: (n_articles, n_types) of 0 and 1; sentence_labels: per article (n_sentences, n_types); groups: the story or
        writer of each article, kept together when sentences are scored for the article model, so that it learns from
        scores of text that the sentence model has not seen; whole: False for passages, which teach sentences only.
        """
        self.kinds_ = KindTransformer()
        tokens = self._tokens(articles)
        out_of_fold = self._out_of_fold(tokens, sentence_labels, groups)
        self.token_model_ = self._fit_tokens(tokens, sentence_labels)
        rows = [index for index, is_whole in enumerate(whole) if is_whole]
        features = np.stack([self._features(out_of_fold[row], tokens[row], articles[row]) for row in rows])
        self.article_model_ = build_article_model(c=self.article_c).fit(features, y[rows])
        self.sentence_calibration_ = [
            LogisticRegression().fit(np.concatenate(out_of_fold)[:, [k]], np.concatenate(sentence_labels)[:, k])
            for k in range(len(TYPES))
        ]
        return self

    def predict_proba(self, articles: Sequence[Sequence[tuple[str, int]]]) -> Floats:
        """(n_articles, n_types): the probability that the article reports an event of the type."""
        return self.read(articles)[0]

    def read(self, articles: Sequence[Sequence[tuple[str, int]]]) -> tuple[Floats, list[Floats]]:
        """`predict_proba`, and per article (n_sentences, n_types): the probability that the sentence states one."""
        tokens = self._tokens(articles)
        decisions = self._decisions(self.token_model_, tokens)
        features = np.stack([self._features(*parts) for parts in zip(decisions, tokens, articles, strict=True)])
        probabilities: Floats = self.article_model_.predict_proba(features)
        return probabilities, [self._calibrated(scores) for scores in decisions]

    def _tokens(self, articles: Sequence[Sequence[tuple[str, int]]]) -> list[list[str]]:
        flat = self.kinds_.transform([sentence for article in articles for sentence, _ in article])
        return _unflatten(flat, [len(article) for article in articles])

    def _fit_tokens(self, tokens: Sequence[list[str]], sentence_labels: Sequence[Ints]) -> Pipeline:
        flat = [sentence for article in tokens for sentence in article]
        return build_token_model(c=self.sentence_c, min_df=self.min_df).fit(flat, np.concatenate(sentence_labels))

    def _out_of_fold(
        self, tokens: Sequence[list[str]], sentence_labels: Sequence[Ints], groups: Sequence[str]
    ) -> list[Floats]:
        """Decisions for every article by a model that has seen nothing of its group."""
        found: list[Floats] = [np.empty(0)] * len(tokens)
        for group in sorted(set(groups)):
            inside = [index for index, name in enumerate(groups) if name == group]
            outside = [index for index, name in enumerate(groups) if name != group]
            model = self._fit_tokens([tokens[i] for i in outside], [sentence_labels[i] for i in outside])
            scored = self._decisions(model, [tokens[i] for i in inside])
            for index, decisions in zip(inside, scored, strict=True):
                found[index] = decisions
        return found

    @staticmethod
    def _decisions(model: Pipeline, tokens: Sequence[list[str]]) -> list[Floats]:
        flat = model.decision_function([sentence for article in tokens for sentence in article])
        return _unflatten(flat, [len(article) for article in tokens])

    @staticmethod
    def _features(decisions: Floats, tokens: list[str], article: Sequence[tuple[str, int]]) -> Floats:
        return article_features(decisions, tokens, [position for _, position in article])

    def _calibrated(self, decisions: Floats) -> Floats:
        columns = [model.predict_proba(decisions[:, [k]])[:, 1] for k, model in enumerate(self.sentence_calibration_)]
        return np.stack(columns, axis=1)


def _unflatten(flat: Any, lengths: Sequence[int]) -> list[Any]:
    """A flat sequence cut into pieces of these lengths."""
    ends = np.cumsum(lengths)
    return [flat[end - length : end] for end, length in zip(ends, lengths, strict=True)]
