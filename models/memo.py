"""Values of a pure function, kept by word: most words of an article were in the one before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Value = TypeVar("Value")
Bits = npt.NDArray[np.int64]
Places = npt.NDArray[np.int64]

MOST = 100_000
"""Words kept: with every memo full about 50 MB, measured. News has more different ones, but those are rare."""

_LONGEST = 16
"""Bytes of the longest piece with a row of its own; of news, 1 piece in 100 is longer."""

_ROWS_LOG2 = 18
"""2 ** 17 rows are 3 MB. News of 50,000 different pieces then misses 1 in 30 (measured), which a Memo knows."""

_PARTED = bytes(ord(" ") if chr(code) in "\"'()[];!?-/" else code for code in range(256))
"""Marks become blanks: a word beside one would else be another piece. No word, number or abbreviation holds one."""

_BEGIN = b"."
"""A piece without bits before every text, so that each has one."""

_PADDING = b"\n" * _LONGEST
_FIRST_BYTES = np.array([(1 << 8 * count) - 1 for count in range(9)], np.uint64)
"""What to keep of eight bytes that are read as a number, the first being the lowest."""

_SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""2 ** 64 over the golden ratio: multiplied by it, numbers are spread evenly over the highest bits (Knuth)."""


class Memo(dict[str, Value]):
    """`memo[word]` is `make(word)`. All is forgotten when there are too many.

    A lookup by `map(memo.__getitem__, words)` costs a third of `functools.lru_cache`, which keeps an order.
    """

    def __init__(self, make: Callable[[str], Value]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, word: str) -> Value:
        if len(self) >= MOST:
            self.clear()
        value = self[word] = self._make(word)
        return value


class PieceMemo:
    """Bits of pieces of text, those between blanks, kept for many texts to be looked through at once.

    A table with one row for a piece of up to 16 bytes: the piece itself as two numbers, and its bits. Two pieces that
    belong into the same row take turns. To look up all pieces of a batch by numpy costs a fifth of a Memo for each.
    """

    def __init__(self, make: Callable[[str], int]) -> None:
        """`make` gives the bits of a piece, less than 2 ** 63."""
        self._made = Memo(make)
        self._rows = np.zeros((1 << _ROWS_LOG2, 3), np.uint64)

    def union(self, texts: Sequence[str]) -> Bits:
        """(n_texts,): the bits of all pieces of each text together; marks have none."""
        encoded = [b"%b\n%b\n" % (_BEGIN, text.encode(errors="surrogatepass")) for text in texts]
        begins = np.cumsum([0, *map(len, encoded[:-1])])
        raw = b"".join([*encoded, _PADDING]).translate(_PARTED).replace(b", ", b"  ")
        inside = np.frombuffer(b"\n" + raw, np.uint8) > ord(" ")
        edges = np.flatnonzero(inside[1:] != inside[:-1])
        starts, ends = edges[::2], edges[1::2]
        return np.bitwise_or.reduceat(self._bits(raw, starts, ends), np.searchsorted(starts, begins))

    def _bits(self, raw: bytes, starts: Places, ends: Places) -> Bits:
        lengths = ends - starts
        eights = np.ndarray((len(raw) - 7,), np.uint64, raw, strides=(1,))
        first = eights[starts] & _FIRST_BYTES[np.minimum(lengths, 8)]
        second = eights[starts + 8] & _FIRST_BYTES[np.clip(lengths - 8, 0, 8)]
        place = (first * _SPREAD ^ second) * _SPREAD >> np.uint64(64 - _ROWS_LOG2)
        rows = self._rows.take(place, axis=0)
        bits: Bits = rows[:, 2].astype(np.int64)
        known = (rows[:, 0] == first) & (rows[:, 1] == second) & (lengths <= _LONGEST)
        new = np.flatnonzero(~known)
        pieces = [raw[start:end] for start, end in zip(starts[new].tolist(), ends[new].tolist(), strict=True)]
        bits[new] = [self._made[piece.decode(errors="surrogatepass")] for piece in pieces]
        kept = new[lengths[new] <= _LONGEST]
        self._rows[place[kept]] = np.column_stack([first[kept], second[kept], bits[kept].astype(np.uint64)])
        return bits
