"""What has been fetched and waits to be read: batches grow under load, and go at once when there is none."""

from __future__ import annotations

import asyncio
from collections import deque

from consumers.intake import Arrived

_MOST_BYTES = 33_554_432
"""Bytes of values that wait at most, whatever their number; one larger value still comes, alone."""


class Inbox:
    """A queue of one event loop, bounded in articles and bytes, that is emptied in batches."""

    def __init__(self, *, most_articles: int, most_bytes: int = _MOST_BYTES) -> None:
        self._most_articles, self._most_bytes = most_articles, most_bytes
        self._waiting: deque[Arrived] = deque()
        self._size_bytes = 0
        self._some = asyncio.Event()
        self._room = asyncio.Event()

    async def put(self, arrived: Arrived) -> None:
        """Adds one; waits while there is no room."""
        while len(self._waiting) >= self._most_articles or self._size_bytes >= self._most_bytes:
            self._room.clear()
            await self._room.wait()
        self._waiting.append(arrived)
        self._size_bytes += _size_bytes(arrived)
        self._some.set()

    async def take(self, most: int) -> list[Arrived]:
        """All that waits, at most `most`, in the order in which it came; waits while there is nothing."""
        await self._some.wait()
        batch = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        self._size_bytes -= sum(map(_size_bytes, batch))
        self._room.set()
        if not self._waiting:
            self._some.clear()
        return batch


def _size_bytes(arrived: Arrived) -> int:
    return len(arrived.record.value or b"")
