"""A detected event, and the id that makes a repeated one recognisable."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import orjson

from schemas.article import Article
from schemas.event_type import EventType

CONTRACT_VERSION = "v1"
"""Part of every event id and of `ce_type`; changes only with an incompatible contract."""


class Part(StrEnum):
    """Where in the article a piece of evidence stands."""

    TITLE = "title"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A sentence that states the event. `article.<part>[start:end] == quote`, in code points, half open.

    `score` is the probability in [0, 1] that this sentence by itself states the event.
    """

    part: Part
    start: int
    end: int
    quote: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """Which model decided: its name, its version and the SHA-256 of its artefact file."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleRef:
    """What an event says of its article: enough to find it, without its text."""

    id: str
    title: str | None = None
    url: str | None = None
    source: str | None = None
    language: str | None = None
    published_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One detected event: the value of a message on the events topic.

    `confidence` is the calibrated probability in [0, 1] that the article reports such an event. `evidence` has the
    best sentence first and is never empty. There is no clock in it: the same article and the same model give the same
    bytes.
    """

    type: EventType
    confidence: float
    evidence: tuple[Evidence, ...]
    article: ArticleRef
    model: ModelRef


def article_ref(article: Article) -> ArticleRef:
    """What events say of this article."""
    return ArticleRef(
        id=article.id,
        title=article.title,
        url=article.url,
        source=article.source,
        language=article.language,
        published_at=article.published_at,
    )


def event_id(article: Article, event_type: EventType) -> str:
    """The `ce_id`: lowercase hex SHA-256 of a JSON array of contract version, source, id, content hash and type.

    A replay of the article gives the same id; a corrected article gives a new one.
    """
    parts = [CONTRACT_VERSION, article.source or "", article.id, article.content_hash, event_type.value]
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()
