"""A sentence as the model reads it: names as kinds, words as stems, and the classes that they belong to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from models.kinds import folded, shipped_gazetteer, tokens
from models.lexicon import party_of, shipped_lexicon, stem
from models.memo import Memo

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


class Name(NamedTuple):
    """A listed name: its words in lower case, its kind, the party that it is, or "" where it is none."""

    words: tuple[str, ...]
    kind: str
    party: str


class Names(NamedTuple):
    """The names that may begin at a token.

    alone: that of the token by itself; longer: all others, longest first; seconds: the second words of these.
    """

    alone: Name | None
    longer: tuple[Name, ...]
    seconds: frozenset[str]


class Token(NamedTuple):
    """What is known of a token wherever it stands.

    folded: in lower case; word: as it is read where it is no name; names: those that may begin here, if any; phrases:
    those that begin with the word; classes: of the word, in order, or itself where it is a kind.
    """

    folded: str
    word: str
    names: Names | None
    phrases: tuple[tuple[tuple[str, ...], str], ...]
    classes: tuple[str, ...]


def words_of(sentence: str) -> Words:
    """Reads one clean sentence."""
    known = _SHOUTED if sentence.isupper() else _PIECES
    read = [token for piece in sentence.split() for token in known[piece]]
    words: list[str] = []
    marks: list[tuple[int, str]] = []
    parties: set[str] = set()
    free, phrased = 0, []
    for at, (_, word, names, phrases, classes) in enumerate(read):
        if at < free:
            continue
        if names and (name := _name_at(read, at, names) if names.longer else names.alone):
            free = at + len(name.words)
            if name.party:
                parties.add(name.party)
            if not words or words[-1] != name.kind:
                marks.append((len(words), name.kind))
                words.append(name.kind)
            continue
        if phrases:
            phrased.append((len(words), phrases))
        if classes:
            marks += [(len(words), each) for each in classes]
        words.append(word)
    if phrased:
        marks = _with_phrases(words, marks, phrased)
    return Words(tuple(words), tuple(marks), frozenset([name for _, name in marks]), frozenset(parties))


def _name_at(read: Sequence[Token], at: int, names: Names) -> Name | None:
    """The longest of the names that stands at a token."""
    if at + 1 < len(read) and read[at + 1].folded in names.seconds:
        ahead = tuple([token.folded for token in read[at : at + len(names.longer[0].words)]])
        for name in names.longer:
            if name.words == ahead[: len(name.words)]:
                return name
    return names.alone


def _tokens(piece: str, *, known: Memo[Token]) -> tuple[Token, ...]:
    return tuple(map(known.__getitem__, tokens(piece)))


def _token(written: str, *, shouted: bool) -> Token:
    lexicon, text = shipped_lexicon(), folded(written)
    word = _word(text)
    kind = word.isupper()
    return Token(
        folded=text,
        word=word,
        names=_names(written, text, shouted=shouted),
        phrases=() if kind else lexicon.phrases.get(word, ()),
        classes=(word,) if kind else tuple(sorted(lexicon.classes.get(word, ()))),
    )


def _names(written: str, text: str, *, shouted: bool) -> Names | None:
    listed = shipped_gazetteer().beginning(written, text, shouted=shouted)
    if not listed:
        return None
    found = [Name(name.words, name.kind, _party(name.kind, " ".join(name.words))) for name in listed]
    longer = tuple(name for name in found if len(name.words) > 1)
    alone = next((name for name in found if len(name.words) == 1), None)
    seconds = frozenset(name.words[1] for name in longer)
    return Names(alone, longer, seconds)


def _party(kind: str, name: str) -> str:
    if kind == "STATE":
        return party_of(name, shipped_lexicon().parties)
    return _ORGANISATION + name if kind == "ORG" else ""


def _word(text: str) -> str:
    if text[0].isdigit():
        return "YEAR" if _YEAR.fullmatch(text) else "NUM"
    return stem(text)


def _with_phrases(
    words: Sequence[str],
    marks: Sequence[tuple[int, str]],
    phrased: Iterable[tuple[int, Iterable[tuple[tuple[str, ...], str]]]],
) -> list[tuple[int, str]]:
    """The marks with the phrases that begin at some places, each before the classes of its first word."""
    found = [
        (place, name)
        for place, phrases in phrased
        for phrase, name in phrases
        if tuple(words[place : place + len(phrase)]) == phrase
    ]
    return sorted([*found, *marks], key=lambda mark: mark[0]) if found else list(marks)


TOKENS: Memo[Token] = Memo(partial(_token, shouted=False))
"""A token as it is written → what is known of it."""

_SHOUTED_TOKENS: Memo[Token] = Memo(partial(_token, shouted=True))
"""The same in sentences all in capitals."""

_PIECES: Memo[tuple[Token, ...]] = Memo(partial(_tokens, known=TOKENS))
"""What stands between blanks → its tokens."""

_SHOUTED: Memo[tuple[Token, ...]] = Memo(partial(_tokens, known=_SHOUTED_TOKENS))
