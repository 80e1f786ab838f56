"""Why a score is what it is: the best sentence of each type with the features that weighed most, in words, and what the
article-level model added. Not on the way of a batch: it reads an article a second time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.article_model import FEATURES, article_features, background
from models.features import topics
from models.gate import passes
from models.reader import TYPES, ArticleReader, Floats
from models.sentence_model import SILENT
from models.words import Words, tally, words_of
from schemas.event_type import EventType

MOST_FEATURES = 8
"""Features shown for a type and as many against it; a guess at what a reader takes in."""

_DIGITS = 3

_NAMES: Mapping[str, str] = {
    "TALKN": "TALKS-NOUN",
    "TALKN2": "TALKS-SETTING",
    "TALKV": "TALKS-VERB",
    "TALKV2": "MEETING-VERB",
    "COUNTER": "COUNTERPART",
    "SANCN": "SANCTIONS-NOUN",
    "SANCA": "PUNISHING-WORD",
    "MEASURE": "RESTRICTION",
    "IMPOSE": "IMPOSING-VERB",
    "THREAT": "THREAT-OR-DEMAND",
    "EXTEND": "EXTENDING-WORD",
    "EASE": "EASING-WORD",
    "EXCLV": "EXCLUDING-VERB",
    "EXCLV2": "REMOVING-VERB",
    "MEMB": "MEMBERSHIP",
    "PROGR": "PROGRAM",
    "NEG": "NEGATION",
    "COND": "CONDITIONAL",
    "HIST": "HISTORY",
    "REBEL": "REBELS",
    "MIL": "MILITARY",
    "GOV": "GOVERNMENT",
    "BIZ": "BUSINESS-WORD",
    "ENT": "ENTERTAINMENT",
    "TECH": "TECHNOLOGY",
    "SPORT": "SPORT-NAME",
    "SPORTX": "SPORT-WORD",
    "BUSINESS": "COMPANY",
    "DOMESTIC": "DOMESTIC-BODY",
    "ORG": "ORGANISATION",
    "NUM": "NUMBER",
    "trig": "another trigger",
}
"""Classes and kinds whose name in the lexicon says too little; the others go by their own."""

_SCORES = {"best sentences": "the best sentences", "lead": "the best of the first sentences"}
"""Features of the article model that are scores of its sentences."""

_COUNTED = {"ns:": ("state", 3), "no:": ("organisation", 2), "np:": ("state or organisation", 3)}
"""Counts of parties: what is counted, and the number that stands for itself and more."""

_WINDOW = re.compile(
    r"(TALKN2?|TALKV2?|COUNTER|SANC[NA]|MEASURE|EASE|IMPOSE|THREAT|EXTEND|EXCLV2?|MEMB|PROGR|trig)?([LR])(2?)(\S+)"
)
_CLASS_IN_WORDS = re.compile(r"<(\w+)>|\b([A-Z][A-Z0-9]+)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """A feature in words and what it adds to the log-odds of the type."""

    name: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why one type has its score.

    `row` is the best sentence of the article; `supporting` and `opposing` are its features with the greatest weight
    above and below zero, both empty where it passes no gate; `article` holds all that the article-level model added,
    its constant included: the sum is the log-odds of the score, up to rounding.
    """

    row: int
    supporting: tuple[Weighed, ...]
    opposing: tuple[Weighed, ...]
    article: tuple[Weighed, ...]


def explanation(reader: ArticleReader, sentences: Sequence[str], event_type: EventType, row: int) -> Explanation:
    """Why `reader` gives an article its score of one type; `row` is the sentence to look into."""
    words = [words_of(sentence) for sentence in sentences]
    found = _sentence_weights(reader, words, event_type, row)
    return Explanation(
        row=row,
        supporting=tuple(weighed for weighed in found if weighed.weight > 0)[:MOST_FEATURES],
        opposing=tuple(weighed for weighed in found if weighed.weight < 0)[:MOST_FEATURES],
        article=_article_weights(reader, words, event_type),
    )


def feature_in_words(feature: str) -> str:
    """A feature of the sentence model as a person reads it.

    >>> feature_in_words("w:STATE>SANCN")
    'STATE before SANCTIONS-NOUN within 8 words'
    >>> feature_in_words("TALKNL2OFFICE")
    'OFFICE up to 2 words before TALKS-NOUN'
    >>> feature_in_words("<TALKN> with STATE")
    '"TALKS-NOUN with STATE"'
    >>> feature_in_words("b:EXCLV:had")
    '"had" up to 3 words before EXCLUDING-VERB'
    """
    start, colon, rest = feature.partition(":")
    if colon and " " not in start and start + colon in _READERS:
        return _READERS[start + colon](rest)
    if feature.startswith("two&"):
        return f"{_name(feature[4:])} with two or more parties"
    if window := _WINDOW.fullmatch(feature):
        return _window_in_words(window)
    return f'"{_CLASS_IN_WORDS.sub(lambda found: _name(found[1] or found[2]), feature)}"'


def article_feature_in_words(feature: str, *, above: float) -> str:
    """A feature of the article model as a person reads it; `above` is how far it lies over that of the average text.

    >>> article_feature_in_words("SPORTX", above=-0.2)
    'less SPORT-WORD than usual'
    """
    if feature in _SCORES:
        return _SCORES[feature]
    plain = "different states named" if feature == "states" else _name(feature)
    return f"{'more' if above > 0 else 'less'} {plain} than usual"


def _sentence_weights(reader: ArticleReader, words: Sequence[Words], event_type: EventType, row: int) -> list[Weighed]:
    if not passes(words[row])[event_type]:
        return []
    model = reader.sentence_models_[TYPES.index(event_type)]
    found = model.contributions((words[row], _topics(words)))
    return [Weighed(name=feature_in_words(name), weight=round(weight, _DIGITS)) for name, weight in found]


def _article_weights(reader: ArticleReader, words: Sequence[Words], event_type: EventType) -> tuple[Weighed, ...]:
    model = reader.article_models_[TYPES.index(event_type)]
    above = article_features(_scores(reader, words, event_type), background(tally(words))) - model.mean_
    added = above / model.scale_ * model.coef_
    named = [
        (article_feature_in_words(name, above=over), float(weight))
        for name, over, weight in zip(FEATURES, above, added, strict=True)
    ]
    told = [(name, weight) for name, weight in named if abs(weight) >= 10**-_DIGITS / 2]
    told.sort(key=lambda item: -abs(item[1]))
    constant = ("what every article begins with", model.intercept_)
    return tuple(Weighed(name=name, weight=round(weight, _DIGITS)) for name, weight in [*told, constant])


def _scores(reader: ArticleReader, words: Sequence[Words], event_type: EventType) -> Floats:
    """(n_sentences,): the log-odds of each sentence, as the reader has them."""
    gated = [row for row, sentence in enumerate(words) if passes(sentence)[event_type]]
    of_article = _topics(words)
    scores = np.full(len(words), SILENT)
    model = reader.sentence_models_[TYPES.index(event_type)]
    scores[gated] = model.decision_function([(words[row], of_article) for row in gated])
    return scores


def _topics(words: Sequence[Words]) -> list[str]:
    return topics(tally(words))


def _window_in_words(window: re.Match[str]) -> str:
    trigger, side, close, name = window.groups()
    where = "before" if side == "L" else "after"
    reach = 2 if close else 6
    return f"{_name(name)} up to {reach} words {where} {_name(trigger) if trigger else 'a trigger'}"


def _pair_in_words(rest: str) -> str:
    return " and ".join(map(_name, rest.split("&")))


def _order_in_words(rest: str) -> str:
    first, _, second = rest.partition(">")
    return f"{_name(first)} before {_name(second)} within 8 words"


def _topic_in_words(rest: str) -> str:
    name, _, level = rest.partition(">")
    return f"an article with {level} or more {_name(name)} per 100 words"


def _count_in_words(prefix: str) -> Callable[[str], str]:
    what, most = _COUNTED[prefix]

    def read(rest: str) -> str:
        return f"{what}s named: {rest}{' or more' if rest == str(most) else ''}".replace("state or", "states or")

    return read


def _name(code: str) -> str:
    if code in _NAMES:
        return _NAMES[code]
    return code if code.isupper() else f'"{code}"'


_READERS: Mapping[str, Callable[[str], str]] = {
    "c:": lambda rest: f"{_name(rest)} in the sentence",
    "s:": _pair_in_words,
    "w:": _order_in_words,
    "a:": _topic_in_words,
    **{prefix: _count_in_words(prefix) for prefix in _COUNTED},
}
"""How a feature with a prefix is read."""
