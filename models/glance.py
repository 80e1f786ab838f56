"""A first glance at the sentences of many articles: which of them may pass a gate.

It looks at each word by itself, and so is never surer than reading the sentence: what it refuses no gate lets through.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from models.gate import held_by, masks
from models.kinds import tokens
from models.memo import PieceMemo
from models.words import TOKENS, Token

_AT_ONCE = 2_000
"""Sentences looked at in one go: few enough that memory stays small beside that of the model."""


def promising(sentences: Sequence[str]) -> list[int]:
    """The places of the sentences that may pass a gate, in order."""
    return [
        at + place
        for at in range(0, len(sentences), _AT_ONCE)
        for place in np.flatnonzero(_may_pass(sentences[at : at + _AT_ONCE])).tolist()
    ]


def _may_pass(sentences: Sequence[str]) -> npt.NDArray[np.bool_]:
    held = _HELD.union(sentences)
    found = np.zeros(len(sentences), np.bool_)
    for mask in masks():
        found |= held & mask == mask
    return found


def _held(piece: str) -> int:
    """All that the words, kinds and classes meet which may begin in a piece, whatever follows it."""
    return held_by(name for token in tokens(piece) for name in _may_be(TOKENS[token]))


def _may_be(token: Token) -> tuple[str, ...]:
    by_phrase = [name for _, name in token.phrases]
    named = [name.kind for name in (token.names.alone, *token.names.longer) if name] if token.names else []
    return (token.word, *token.classes, *by_phrase, *named)


_HELD = PieceMemo(_held)
