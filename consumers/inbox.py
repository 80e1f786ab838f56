"""What has been fetched and waits to be read: batches grow under load, and go at once when there is none."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable

from consumers.intake import Arrived

_PACE_S = 0.01
"""Seconds that a fetch is put off while articles wait already: it could only add to them, and every fetch wakes three
threads. Without it each article of a steady stream is fetched alone (p99 latency at 200/s a fifth more, measured)."""

_FULL_S = 0.05
"""Seconds that a fetch waits for room at a time; between two of them Faust may take the partitions away."""


class Inbox:
    """A queue of one event loop that is emptied in batches, and says whether it takes more.

    Nothing is refused: whoever fetches asks `has_room` before, so that at most one fetch more than `most_articles` and
    `most_bytes` (of values) waits.
    """

    def __init__(self, *, most_articles: int, most_bytes: int) -> None:
        self._most_articles, self._most_bytes = most_articles, most_bytes
        self._waiting: deque[Arrived] = deque()
        self._size_bytes = 0
        self._some = asyncio.Event()

    async def has_room(self) -> bool:
        """Whether more should be fetched: at once while nothing waits, otherwise a little later. From any thread."""
        if self._waiting:
            await asyncio.sleep(_PACE_S)
        until = time.monotonic() + _FULL_S
        while self._is_full():
            if time.monotonic() > until:
                return False
            await asyncio.sleep(_PACE_S)
        return True

    def _is_full(self) -> bool:
        return len(self._waiting) >= self._most_articles or self._size_bytes >= self._most_bytes

    def put(self, arrived: Iterable[Arrived]) -> None:
        """Adds these, in their order."""
        for each in arrived:
            self._waiting.append(each)
            self._size_bytes += _size_bytes(each)
        if self._waiting:
            self._some.set()

    async def take(self, most: int) -> list[Arrived]:
        """All that waits, at most `most`, in the order in which it came; waits while there is nothing."""
        await self._some.wait()
        batch = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        self._size_bytes -= sum(map(_size_bytes, batch))
        if not self._waiting:
            self._some.clear()
        return batch


def _size_bytes(arrived: Arrived) -> int:
    return len(arrived.record.value or b"")
