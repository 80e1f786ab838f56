"""Why a score is what it is: the best sentence of each type with the features that weighed most, in words, and how the
sentences of the article add up. Not on the way of a batch: it reads an article a second time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from models.gate import passes
from models.reader import TYPES, ArticleReader
from models.words import words_of
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
    above and below zero, both empty where it passes no gate; `article` is what its sentences together count and what
    every article begins with: the sum is the log-odds of the score, up to rounding.
    """

    row: int
    supporting: tuple[Weighed, ...]
    opposing: tuple[Weighed, ...]
    article: tuple[Weighed, ...]


def explanation(reader: ArticleReader, sentences: Sequence[str], event_type: EventType, row: int) -> Explanation:
    """Why `reader` gives an article its score of one type; `row` is the sentence to look into."""
    found = _sentence_weights(reader, sentences[row], event_type)
    return Explanation(
        row=row,
        supporting=tuple(weighed for weighed in found if weighed.weight > 0)[:MOST_FEATURES],
        opposing=tuple(weighed for weighed in found if weighed.weight < 0)[:MOST_FEATURES],
        article=_article_weights(reader, sentences, event_type),
    )


def feature_in_words(feature: str) -> str:
    """A feature of the sentence model as a person reads it.

    >>> feature_in_words("w:STATE>SANCN")
    'STATE before SANCTIONS-NOUN within 8 words'
    >>> feature_in_words("TALKNL2OFFICE")
    'OFFICE up to 2 words before TALKS-NOUN'
    >>> feature_in_words("<TALKN> with STATE")
    '"TALKS-NOUN with STATE"'
    """
    start, colon, rest = feature.partition(":")
    if colon and " " not in start and start + colon in _READERS:
        return _READERS[start + colon](rest)
    if feature.startswith("two&"):
        return f"{_name(feature[4:])} with two or more parties"
    if window := _WINDOW.fullmatch(feature):
        return _window_in_words(window)
    return f'"{_CLASS_IN_WORDS.sub(lambda found: _name(found[1] or found[2]), feature)}"'


def _sentence_weights(reader: ArticleReader, sentence: str, event_type: EventType) -> list[Weighed]:
    words = words_of(sentence)
    if not passes(words)[event_type]:
        return []
    found = reader.sentence_models_[TYPES.index(event_type)].contributions(words)
    return [Weighed(name=feature_in_words(name), weight=round(weight, _DIGITS)) for name, weight in found]


def _article_weights(reader: ArticleReader, sentences: Sequence[str], event_type: EventType) -> tuple[Weighed, ...]:
    told, constant = reader.weights(sentences, event_type)
    return (
        Weighed(name="the best sentences", weight=round(told, _DIGITS)),
        Weighed(name="what every article begins with", weight=round(constant, _DIGITS)),
    )


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
    **{prefix: _count_in_words(prefix) for prefix in _COUNTED},
}
"""How a feature with a prefix is read."""
