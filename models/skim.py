"""A quick look through an article: what its background needs, and which of its sentences may pass a gate.

Most words of most news are neither part of a name nor of a class that anything asks for; they are only counted. The
look gives the same counts as reading every sentence with `words_of`, which only what may pass a gate is worth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import compress, count
from typing import NamedTuple

from models.article_model import COUNTED
from models.gate import allows, is_short, may_pass, opens
from models.kinds import tokens
from models.memo import Memo
from models.words import PIECES, TOKENS, Name, Names, Tally, name_at, tally, words_of
from schemas.event_type import EventType


class _Seen(NamedTuple):
    """What to look at in a token: the names that may begin at it; where none does, what it is.

    classes: those that are counted; opened, allowed: see models.gate; unsure: it may begin a phrase that is counted.
    """

    names: Names | None
    classes: tuple[str, ...]
    opened: int
    allowed: int
    unsure: bool


class _Told(NamedTuple):
    """The tokens of a piece to be looked at; where it can only begin longer names, how these never go on: a letter."""

    tokens: tuple[_Seen, ...]
    never: frozenset[str]


_NOTHING = _Seen(None, (), 0, 0, False)


class Skim:
    """The `tally` of an article, and the `rows` that may pass a gate: row → types."""

    def __init__(self, sentences: Sequence[str]) -> None:
        self.rows: dict[int, Collection[EventType]] = {}
        self._n_words = 0
        self._found: list[str] = []
        self._states: set[str] = set()
        for row, sentence in enumerate(sentences):
            if types := self._look(sentence):
                self.rows[row] = types
        self.tally = Tally(self._n_words, Counter(self._found), self._states)

    def _look(self, sentence: str) -> Collection[EventType]:
        """Takes one sentence in; the types whose gate it may pass."""
        if sentence.isupper():
            return self._read(sentence)
        pieces = sentence.split()
        told = list(map(_TOLD.__getitem__, pieces))
        found: list[str] = []
        opened, allowed, extra, merged, free, last = 0, 0, 0, 0, -1, ""
        for at in compress(count(), told):
            ((seen, never),) = told[at]
            if never and at + 1 < len(pieces) and pieces[at + 1][0] in never:
                continue
            for place, (names, classes, opens_, allows_, unsure) in enumerate(seen, at + extra):
                if place < free:
                    continue
                if names and (
                    name := _name(names, pieces, at, place - at - extra - len(seen)) if names.longer else names.alone
                ):
                    merged += len(name.words) - 1
                    if place == free and name.kind == last:
                        merged += 1
                    else:
                        found.append(name.kind)
                        allowed |= _ALLOWS[name.kind]
                    if name.kind == "STATE":
                        self._states.add(name.party)
                    free, last = place + len(name.words), name.kind
                    continue
                if unsure:
                    return self._read(sentence)
                found += classes
                opened |= opens_
                allowed |= allows_
            extra += len(seen) - 1
        n_words = len(pieces) + extra - merged
        self._n_words += n_words
        self._found += found
        return may_pass(opened, allowed, short=is_short(n_words)) if opened else ()

    def _read(self, sentence: str) -> Collection[EventType]:
        """Takes one sentence in that a quick look is not sure of."""
        exact = tally([words_of(sentence)])
        self._n_words += exact.n_words
        self._found += Counter(exact.counts).elements()
        self._states |= exact.states
        return tuple(EventType)


def _name(names: Names, pieces: Sequence[str], at: int, place: int) -> Name | None:
    """The longest of the names that stands at a token of a piece; `place` counts from its end, -1 is the last."""
    if place == -1 and at + 1 < len(pieces) and pieces[at + 1][0] in names.never:
        return names.alone
    ahead = PIECES[pieces[at]][place:]
    while len(ahead) < len(names.longer[0].words) and at + 1 < len(pieces):
        at += 1
        ahead += PIECES[pieces[at]]
        if len(ahead) > 1 and ahead[1].folded not in names.seconds:
            break
    return name_at(ahead, 0, names)


def _told(piece: str) -> tuple[_Told, ...]:
    """What to look at in a piece; nothing for one word that is only counted."""
    seen = tuple(map(_SEEN.__getitem__, tokens(piece)))
    if seen == (_NOTHING,):
        return ()
    only = seen[0].names if len(seen) == 1 and seen[0]._replace(names=None) == _NOTHING else None
    return (_Told(seen, only.never if only and not only.alone else frozenset()),)


def _seen(written: str) -> _Seen:
    token = TOKENS[written]
    by_phrase = {name for _, name in token.phrases}
    names = (token.word, *token.classes, *by_phrase)
    seen = _Seen(
        names=token.names,
        classes=tuple(name for name in token.classes if name in COUNTED),
        opened=opens(names),
        allowed=allows(names),
        unsure=not COUNTED.isdisjoint(by_phrase),
    )
    return _NOTHING if seen == _NOTHING else seen


_SEEN: Memo[_Seen] = Memo(_seen)
_TOLD: Memo[tuple[_Told, ...]] = Memo(_told)
_ALLOWS: Memo[int] = Memo(lambda kind: allows((kind,)))
