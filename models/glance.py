"""A first glance at the sentences of many articles: which of them may pass a gate.

It looks at each word and the one after it, and so is never surer than reading the sentence: what it refuses no gate
lets through.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from models.gate import held_by, masks
from models.kinds import shipped_gazetteer, tokens
from models.lexicon import shipped_lexicon
from models.memo import EVERYTHING, Piece, PieceMemo
from models.words import TOKENS, Token

_AT_ONCE = 250_000
"""Characters looked at in one go, give or take a sentence: those of a hundred articles. They take 5 MB, and 40 MB where
every other one is a blank."""


def promising(sentences: Sequence[str]) -> list[int]:
    """The places of the sentences that may pass a gate, in order."""
    part = np.cumsum(list(map(len, sentences))) // _AT_ONCE
    cuts = [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(sentences)]
    return [
        begin + place
        for begin, end in pairwise(cuts)
        if begin < end
        for place in np.flatnonzero(_may_pass(sentences[begin:end])).tolist()
    ]


def _may_pass(sentences: Sequence[str]) -> npt.NDArray[np.bool_]:
    held = _HELD.union(sentences)
    found = np.zeros(len(sentences), np.bool_)
    for mask in masks():
        found |= held & mask == mask
    return found


def _held(piece: str) -> Piece:
    """The bits of the gate for what begins in a piece, and for what it ends that the piece before it began."""
    read = [TOKENS[token] for token in tokens(piece)]
    if not read:
        return Piece(0, 0, EVERYTHING)
    alone = held_by(name for token in read for name in (token.word, *token.classes, *_short(token)))
    inside = held_by(name for token in read[:-1] for name in _long(token))
    return Piece(alone | inside, held_by(_long(read[-1])), _ending(read[0]))


def _short(token: Token) -> list[str]:
    """The kind or class of the name or phrase that a token is by itself."""
    alone = [token.names.alone.kind] if token.names and token.names.alone else []
    return alone + [name for words, name in token.phrases if len(words) == 1]


def _long(token: Token) -> list[str]:
    """The kinds and classes of the names and phrases that go on after a token."""
    longer = token.names.longer if token.names else ()
    return [*(name.kind for name in longer), *(name for _, name in token.phrases)]


def _ending(token: Token) -> int:
    """The bits of the names and phrases of which a token may be the second word."""
    seconds = _seconds()
    return held_by(name for word in (token.folded, token.word) for name in seconds.get(word, ()))


@lru_cache(maxsize=1)
def _seconds() -> Mapping[str, AbstractSet[str]]:
    """By second word, or stem of one, the kinds and classes of names and phrases that have it."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for words, kind in shipped_gazetteer().named():
        if len(words) > 1:
            found[words[1]].add(kind)
    for phrases in shipped_lexicon().phrases.values():
        for stems, name in phrases:
            if len(stems) > 1:
                found[stems[1]].add(name)
    return found


_HELD = PieceMemo(_held)
