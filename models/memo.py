"""Values of a pure function, kept by word: most words of an article were in the one before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

Value = TypeVar("Value")
Bits = npt.NDArray[np.int64]
Places = npt.NDArray[np.int64]

MOST = 100_000
"""Words kept: with every memo full about 50 MB, measured. News has more different ones, but those are rare."""

_LONGEST_KEPT = 64
"""Characters of the longest word kept: longer ones are addresses of web pages or hostile, and would take a gigabyte."""

_LONGEST = 16
"""Bytes of the longest piece with a row of its own; of news, 1 piece in 100 is longer."""

_ROWS_LOG2 = 18
"""2 ** 18 rows are 10 MB. In news of 50,000 different pieces 3 in 100 are not there (measured), which a Memo has."""

_PARTED = bytes(ord(" ") if chr(code) in "\"'()[];!?-/" else code for code in range(256))
"""Marks become blanks: a word beside one would else be another piece. No word, number or abbreviation holds one."""

_BEGIN = b":"
"""A piece without bits before every text, so that each has one, and none ends what another one began."""

EVERYTHING = (1 << 63) - 1
"""All bits."""

_PADDING = b"\n" * _LONGEST
_FIRST_BYTES = np.array([(1 << 8 * count) - 1 for count in range(9)], np.uint64)
"""What to keep of eight bytes that are read as a number, the first being the lowest."""

_SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""2 ** 64 over the golden ratio: multiplied by it, numbers are spread evenly over the highest bits (Knuth)."""


class Memo(dict[str, Value]):
    """`memo[word]` is `make(word)`. All is forgotten when there are too many; a very long word is not kept.

    A lookup by `map(memo.__getitem__, words)` costs a third of `functools.lru_cache`, which keeps an order.
    """

    def __init__(self, make: Callable[[str], Value]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, word: str) -> Value:
        if len(word) > _LONGEST_KEPT:
            return self._make(word)
        if len(self) >= MOST:
            self.clear()
        value = self[word] = self._make(word)
        return value


class Piece(NamedTuple):
    """Bits of a piece of text, each less than 2 ** 63.

    alone: whatever stands beside it; begun: those that it has where the next piece ends them; ending: those it ends.
    """

    alone: int
    begun: int
    ending: int


class PieceMemo:
    """Bits of pieces of text, those between blanks and marks, kept for many texts to be looked through at once.

    A table with one row for a piece of up to 16 bytes: the piece itself as two numbers, and its bits. Two pieces that
    belong into the same row take turns. To look up all pieces of a batch by numpy costs a fifth of a Memo for each.
    """

    def __init__(self, make: Callable[[str], Piece]) -> None:
        """`make` gives what is kept of a piece."""
        self._made = Memo(make)
        self._rows = np.zeros((1 << _ROWS_LOG2, 5), np.uint64)

    def union(self, texts: Sequence[str]) -> Bits:
        """(n_texts,): the bits of all pieces of each text together; marks have none."""
        encoded = [b"%b\n%b\n" % (_BEGIN, text.encode(errors="surrogatepass")) for text in texts]
        begins = np.cumsum([0, *map(len, encoded[:-1])])
        raw = b"".join([*encoded, _PADDING]).translate(_PARTED).replace(b", ", b"  ")
        inside = np.frombuffer(b"\n" + raw, np.uint8) > ord(" ")
        edges = np.flatnonzero(inside[1:] != inside[:-1])
        starts, ends = edges[::2], edges[1::2]
        alone, begun, ending = self._bits(raw, starts, ends).T
        alone[:-1] |= begun[:-1] & ending[1:]
        return np.bitwise_or.reduceat(alone, np.searchsorted(starts, begins))

    def _bits(self, raw: bytes, starts: Places, ends: Places) -> Bits:
        """(n_pieces, 3): the fields of each Piece."""
        lengths = ends - starts
        eights = np.ndarray((len(raw) - 7,), np.uint64, raw, strides=(1,))
        first = eights[starts] & _FIRST_BYTES[np.minimum(lengths, 8)]
        second = eights[starts + 8] & _FIRST_BYTES[np.clip(lengths - 8, 0, 8)]
        place = (first * _SPREAD ^ second) * _SPREAD >> np.uint64(64 - _ROWS_LOG2)
        rows = self._rows.take(place, axis=0)
        new = np.flatnonzero((rows[:, 0] != first) | (rows[:, 1] != second) | (lengths > _LONGEST))
        pieces = [raw[start:end] for start, end in zip(starts[new].tolist(), ends[new].tolist(), strict=True)]
        rows[new, 0], rows[new, 1] = first[new], second[new]
        rows[new, 2:] = np.array([self._made[piece.decode(errors="surrogatepass")] for piece in pieces]).reshape(-1, 3)
        kept = new[lengths[new] <= _LONGEST]
        self._rows[place[kept]] = rows[kept]
        bits: Bits = rows[:, 2:].view(np.int64)
        return bits
