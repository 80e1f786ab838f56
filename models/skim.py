"""A quick way through an article for what its background needs: how many words it has, and which kinds and classes.

Most words of most news are neither part of a name nor of a class that anything asks for; they are only counted. The
counts are those of reading every sentence with `words_of`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import compress, count
from typing import NamedTuple

from models.article_model import COUNTED
from models.kinds import tokens
from models.memo import Memo
from models.words import PIECES, TOKENS, Name, Names, Tally, Words, name_at, tally, words_of


class _Seen(NamedTuple):
    """What to look at in a token: the names that may begin at it; where none does, the classes that are counted.

    unsure: it may begin a phrase that is counted.
    """

    names: Names | None
    classes: tuple[str, ...]
    unsure: bool


class _Told(NamedTuple):
    """The tokens of a piece to be looked at, if any, and how many there are in all beyond the first.

    never: where it can only begin longer names, how these never go on: a letter.
    """

    tokens: tuple[_Seen, ...]
    extra: int
    never: frozenset[str]


_NOTHING = _Seen(None, (), unsure=False)


def skimmed(read: Iterable[Words], others: Iterable[str]) -> Tally:
    """The `tally` of sentences that are read and of others that are not, of the kinds and classes that are COUNTED."""
    skim = _Skim(tally(read))
    for sentence in others:
        skim.look(sentence)
    return Tally(skim.n_words, Counter(skim.found), skim.states)


class _Skim:
    """What was found in the sentences so far."""

    def __init__(self, read: Tally) -> None:
        self.n_words = read.n_words
        self.found = list(Counter(read.counts).elements())
        self.states = set(read.states)

    def look(self, sentence: str) -> None:
        """Takes one sentence in."""
        if sentence.isupper():
            self._read(sentence)
            return
        pieces = sentence.split()
        told = list(map(_TOLD.__getitem__, pieces))
        found: list[str] = []
        states: list[str] = []
        extra, merged, free, last = 0, 0, -1, ""
        for at in compress(count(), told):
            ((seen, more, never),) = told[at]
            if never and at + 1 < len(pieces) and pieces[at + 1][0] in never:
                continue
            for place, (names, classes, unsure) in enumerate(seen, at + extra):
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
                    if name.kind == "STATE":
                        states.append(name.party)
                    free, last = place + len(name.words), name.kind
                    continue
                if unsure:
                    self._read(sentence)
                    return
                found += classes
            extra += more
        self.n_words += len(pieces) + extra - merged
        self.found += found
        self.states.update(states)

    def _read(self, sentence: str) -> None:
        """Takes one sentence in that a quick look is not sure of."""
        exact = tally([words_of(sentence)])
        self.n_words += exact.n_words
        self.found += Counter(exact.counts).elements()
        self.states |= exact.states


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
    if set(seen) <= {_NOTHING}:
        return (_Told((), len(seen) - 1, frozenset()),)
    only = seen[0].names if len(seen) == 1 and seen[0]._replace(names=None) == _NOTHING else None
    return (_Told(seen, len(seen) - 1, only.never if only and not only.alone else frozenset()),)


def _seen(written: str) -> _Seen:
    token = TOKENS[written]
    seen = _Seen(
        names=token.names,
        classes=tuple(name for name in token.classes if name in COUNTED),
        unsure=any(name in COUNTED for _, name in token.phrases),
    )
    return _NOTHING if seen == _NOTHING else seen


_SEEN: Memo[_Seen] = Memo(_seen)
_TOLD: Memo[tuple[_Told, ...]] = Memo(_told)
