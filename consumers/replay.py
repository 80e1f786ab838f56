"""Sends articles from files to the articles topic, byte for byte, each marked with the id of the run."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from consumers.files import FileArticle, FileProblem, json_problem, read_articles
from schemas.article import Article
from schemas.codec import decode_article
from schemas.errors import ContractError
from schemas.mapping import FieldMap
from schemas.message import REPLAY_HEADER, Message

_IN_FLIGHT = 2_000
"""Articles sent before their acknowledgements are awaited: bounds memory, and keeps the producer's batches full."""


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

    def wait(self) -> Place:
        """Waits for the acknowledgement; raises TransientError or StartupError where it does not come."""
        ...


class Sender(Protocol):
    """Queues messages for the broker."""

    def fits(self, topic: str, message: Message) -> bool:
        """Whether the topic takes a message of this size."""
        ...

    def send(self, topic: str, message: Message) -> Pending:
        """Queues one message."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One article on the broker: where it came from, where it went, and its id (None where it cannot be decoded)."""

    article: FileArticle
    id: str | None
    partition: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a replay would send."""

    articles: int
    size_bytes: int
    problems: tuple[FileProblem, ...]


def new_run_id() -> str:
    """A fresh id for a run of replay; the value of header `tocsin_replay`."""
    return uuid.uuid4().hex


def replayed_articles(
    files: Sequence[Path], *, limit: int | None = None, loop: int = 1
) -> Iterator[FileArticle | FileProblem]:
    """The articles of these files in order, `loop` times over, at most `limit` of them."""
    items = itertools.chain.from_iterable(read_articles(path) for _ in range(loop) for path in files)
    sent = 0
    for item in items:
        if isinstance(item, FileArticle):
            if limit is not None and sent >= limit:
                return
            sent += 1
        yield item


def message_of(article: FileArticle, run_id: str, fields: FieldMap) -> tuple[Message, Article | None]:
    """The message to send and the article in it; keyed by its id, so that one article's versions stay in order.

    What cannot be decoded is sent all the same, without a key: the worker's dead letters are part of what is replayed.
    """
    try:
        decoded = decode_article(article.value, article.content_type, fields)
    except ContractError:
        decoded = None
    headers: list[tuple[str, bytes | None]] = [(REPLAY_HEADER, run_id.encode())]
    if article.content_type is not None:
        headers.append(("content-type", article.content_type.encode()))
    key = decoded.id.encode() if decoded is not None else None
    return Message(key=key, value=article.value, headers=tuple(headers)), decoded


Pace = Callable[[Article | None], float]
"""Told each article before it is sent; gives the seconds after the start of the replay at which it is due."""


def pace_of(*, rate: float | None, speed: float | None) -> Pace | None:
    """A pace of `rate` articles a second, or of the articles' own times `speed` times as fast, or none."""
    if rate is not None:
        numbers = itertools.count()
        return lambda _: next(numbers) / rate
    return _Times(speed) if speed is not None else None


class _Times:
    """The gaps between the times at which articles were published; one without a time is due with the one before."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._first: datetime | None = None
        self._due_s = 0.0

    def __call__(self, article: Article | None) -> float:
        moment = article.published_at if article is not None else None
        if moment is not None:
            self._first = self._first or moment
            self._due_s = max(self._due_s, (moment - self._first).total_seconds() / self._speed)
        return self._due_s


def plan(items: Iterable[FileArticle | FileProblem]) -> Plan:
    """Counts what would be sent, without sending."""
    articles, size_bytes = 0, 0
    problems: list[FileProblem] = []
    for item in items:
        match item:
            case FileProblem():
                problems.append(item)
            case FileArticle():
                articles += 1
                size_bytes += len(item.value)
                problems += _warning(item)
    return Plan(articles=articles, size_bytes=size_bytes, problems=tuple(problems))


def replay(
    items: Iterable[FileArticle | FileProblem],
    sender: Sender,
    *,
    topic: str,
    run_id: str,
    fields: FieldMap,
    on_problem: Callable[[FileProblem], None],
    pace: Pace | None = None,
) -> Iterator[Sent]:
    """Sends the articles, each when its pace says it is due, and yields each once the broker has it.

    Raises TransientError or StartupError where the broker does not take them.
    """
    in_flight: list[tuple[FileArticle, str | None, Pending]] = []
    began = time.monotonic()
    for item in items:
        if isinstance(item, FileProblem):
            on_problem(item)
            continue
        for problem in _warning(item):
            on_problem(problem)
        message, decoded = message_of(item, run_id, fields)
        if not sender.fits(topic, message):
            told = f"is larger than topic {topic!r} takes (its max.message.bytes); not sent"
            on_problem(FileProblem(place=item.place, problem=told))
            continue
        if pace is not None:
            time.sleep(max(0.0, began + pace(decoded) - time.monotonic()))
        article_id = decoded.id if decoded is not None else None
        in_flight.append((item, article_id, sender.send(topic, message)))
        if len(in_flight) >= (_IN_FLIGHT if pace is None else 1):
            yield from _acknowledged(in_flight)
            in_flight = []
    yield from _acknowledged(in_flight)


def _acknowledged(in_flight: Iterable[tuple[FileArticle, str | None, Pending]]) -> Iterator[Sent]:
    for article, article_id, pending in in_flight:
        put = pending.wait()
        yield Sent(article=article, id=article_id, partition=put.partition, offset=put.offset)


def _warning(article: FileArticle) -> list[FileProblem]:
    problem = json_problem(article)
    if problem is None:
        return []
    told = problem + "; sent as it is, the worker will dead-letter it"
    return [FileProblem(place=article.place, problem=told, skipped=False)]
