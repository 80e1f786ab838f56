"""Articles sent and not yet acknowledged: bounded in number and in bytes, oldest first.

Pure but for waiting. The producer keeps its own batches; what stands here is what a replay still owes an answer for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from consumers.files import FileArticle
from schemas.errors import TocsinError

MOST_ARTICLES = 4_000
"""Articles on their way at once: a few batches for each partition, so that neither producer nor broker is idle."""

MOST_BYTES = 16_777_216
"""Bytes on their way at once, whatever the articles' length: the producer's copies of them are as large again."""


class Place(Protocol):
    """Where the broker put a message."""

    @property
    def partition(self) -> int:
        """Its partition."""
        ...

    @property
    def offset(self) -> int:
        """Its offset there."""
        ...


class Pending(Protocol):
    """A message on its way."""

    @property
    def done(self) -> bool:
        """Whether the broker has answered, or it is known that it will not: `wait` does not wait then."""
        ...

    def wait(self) -> Place:
        """Waits for the acknowledgement; raises TransientError or StartupError where it does not come."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One article on the broker: where it came from, where it went, and its id (None where it cannot be decoded)."""

    article: FileArticle
    id: str | None
    partition: int
    offset: int


class InFlight:
    """What has been sent and is not yet known to be on the broker."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[FileArticle, str | None, Pending]] = deque()
        self._size_bytes = 0

    def add(self, article: FileArticle, article_id: str | None, pending: Pending) -> None:
        """Takes an article that has just been sent."""
        self._waiting.append((article, article_id, pending))
        self._size_bytes += len(article.value)

    def beyond_bounds(self) -> Iterator[Sent]:
        """Waits for the oldest until the others are within bounds, and gives each."""
        while len(self._waiting) > MOST_ARTICLES or self._size_bytes > MOST_BYTES:
            yield self._oldest()

    def answered(self) -> Iterator[Sent]:
        """Those at the front that need no waiting."""
        while self._waiting and self._waiting[0][2].done:
            yield self._oldest()

    def all(self) -> Iterator[Sent]:
        """Waits for every one."""
        while self._waiting:
            yield self._oldest()

    def settled(self) -> tuple[int, list[FileArticle]]:
        """After a replay was cut short: how many more the broker has, and those of which that is not known."""
        unsure = [article for article, _, pending in self._waiting if not _is_there(pending)]
        return len(self._waiting) - len(unsure), unsure

    def _oldest(self) -> Sent:
        """The oldest; it leaves only once it is acknowledged, so that `settled` still names it where it is not."""
        article, article_id, pending = self._waiting[0]
        put = pending.wait()
        self._waiting.popleft()
        self._size_bytes -= len(article.value)
        return Sent(article=article, id=article_id, partition=put.partition, offset=put.offset)


def _is_there(pending: Pending) -> bool:
    if not pending.done:
        return False
    try:
        pending.wait()
    except TocsinError:
        return False
    return True
