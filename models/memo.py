"""Values of a pure function, kept by word: most words of an article were in the one before."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

MOST = 100_000
"""Words kept: with every memo full about 50 MB, measured. News has more different ones, but those are rare."""


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
