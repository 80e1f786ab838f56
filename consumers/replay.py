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
from consumers.in_flight import InFlight, Pending, Sent
from schemas.codec import decode_article_ref
from schemas.errors import ContractError
from schemas.event import ArticleRef
from schemas.mapping import FieldMap
from schemas.message import REPLAY_HEADER, Headers, Message


class Sender(Protocol):
    """Queues messages for the broker."""

    def fits(self, topic: str, message: Message) -> bool:
        """Whether the topic takes a message of this size."""
        ...

    def send(self, topic: str, message: Message) -> Pending:
        """Queues one message."""
        ...


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


def ref_of(article: FileArticle, fields: FieldMap) -> ArticleRef | None:
    """What can be said of an article, or None where it cannot be decoded."""
    try:
        return decode_article_ref(article.value, article.content_type, fields)
    except ContractError:
        return None


def message_of(article: FileArticle, run_id: str, ref: ArticleRef | None) -> Message:
    """The message to send; keyed by the article's id, so that one article's versions stay in order.

    What cannot be decoded is sent all the same, without a key: the worker's dead letters are part of what is replayed.
    """
    headers: Headers = ((REPLAY_HEADER, run_id.encode()),)
    if article.content_type is not None:
        headers += (("content-type", article.content_type.encode()),)
    return Message(key=ref.id.encode() if ref is not None else None, value=article.value, headers=headers)


Pace = Callable[[ArticleRef | None], float]
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

    def __call__(self, article: ArticleRef | None) -> float:
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
    in_flight: InFlight,
    pace: Pace | None = None,
) -> Iterator[Sent]:
    """Sends the articles, each when its pace says it is due, and yields each once the broker has it.

    Raises TransientError or StartupError where the broker does not take them; `in_flight` then holds those that were
    sent and not yielded.
    """
    began = time.monotonic()
    for item in items:
        if isinstance(item, FileProblem):
            on_problem(item)
            continue
        ref = ref_of(item, fields)
        for problem in _warning(item) if ref is None else ():
            on_problem(problem)
        message = message_of(item, run_id, ref)
        if not sender.fits(topic, message):
            told = f"is larger than topic {topic!r} takes (its max.message.bytes); not sent"
            on_problem(FileProblem(place=item.place, problem=told))
            continue
        if pace is not None:
            yield from in_flight.answered()
            time.sleep(max(0.0, began + pace(ref) - time.monotonic()))
        in_flight.add(item, ref.id if ref is not None else None, sender.send(topic, message))
        yield from in_flight.beyond_bounds()
    yield from in_flight.all()


def _warning(article: FileArticle) -> list[FileProblem]:
    problem = json_problem(article)
    if problem is None:
        return []
    told = problem + "; sent as it is, the worker will dead-letter it"
    return [FileProblem(place=article.place, problem=told, skipped=False)]
