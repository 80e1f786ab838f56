"""A sentence as the model reads it: names as kinds, words as stems, and the classes that they belong to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from models.kinds import shipped_gazetteer
from models.lexicon import party_of, shipped_lexicon, stem

_YEAR = re.compile(r"(?:1[89]|20)\d\d")
_ORGANISATION = "o:"
"""Before the name of a party that is an organisation, so that it never equals a state."""


@dataclass(frozen=True, slots=True)
class Words:
    """One sentence.

    words: kinds in capitals (a run of one kind counts once), stems in lower case; marks: (place in words, kind or
    class), in order; classes: every kind and class that occurs; parties: the distinct states and organisations.
    """

    words: tuple[str, ...]
    marks: tuple[tuple[int, str], ...]
    classes: frozenset[str]
    parties: frozenset[str]

    @property
    def states(self) -> int:
        """How many different states are named."""
        return sum(not party.startswith(_ORGANISATION) for party in self.parties)


def words_of(sentence: str) -> Words:
    """Reads one clean sentence."""
    words: list[str] = []
    parties: set[str] = set()
    for kind, text in shipped_gazetteer().tokens(sentence):
        if not kind:
            words.append(_word(text))
            continue
        if kind == "STATE":
            parties.add(party_of(text, shipped_lexicon().parties))
        elif kind == "ORG":
            parties.add(_ORGANISATION + text)
        if not words or words[-1] != kind:
            words.append(kind)
    marks = _marks(words)
    return Words(tuple(words), marks, frozenset(name for _, name in marks), frozenset(parties))


def density(sentences: list[Words]) -> Mapping[str, float]:
    """How often each kind and class occurs in an article, per 100 words; empty for an article without words."""
    total = sum(len(sentence.words) for sentence in sentences)
    found: dict[str, float] = {}
    for sentence in sentences:
        for _, name in sentence.marks:
            found[name] = found.get(name, 0.0) + 100 / total
    return found


def _word(text: str) -> str:
    if text[0].isdigit():
        return "YEAR" if _YEAR.fullmatch(text) else "NUM"
    return stem(text)


def _marks(words: list[str]) -> tuple[tuple[int, str], ...]:
    lexicon = shipped_lexicon()
    found: list[tuple[int, str]] = []
    for place, word in enumerate(words):
        if word.isupper():
            found.append((place, word))
            continue
        if word in lexicon.phrases:
            for phrase, name in lexicon.phrases[word]:
                if tuple(words[place : place + len(phrase)]) == phrase:
                    found.append((place, name))
        if word in lexicon.classes:
            found += [(place, name) for name in sorted(lexicon.classes[word])]
    return tuple(found)
