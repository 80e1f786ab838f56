"""`tocsin tag`: articles from files through the same call as the worker, without Kafka."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import orjson

from consumers.detect import Reading, detect_batch
from consumers.files import FileArticle, FileProblem
from consumers.outcome import Rejected
from models.explain import Explanation, Weighed
from models.tags import Classifier, Tags
from schemas.article import Article
from schemas.codec import decode_article, evidence_document
from schemas.event_type import EventType
from schemas.message import Record

Explain = Callable[[Article, Tags], Mapping[EventType, tuple[str, Explanation]]]
"""For each type worth explaining, its best sentence as quoted and what weighed."""

_BATCH = 256


def tag_articles(
    items: Iterable[FileArticle | FileProblem],
    classifier: Classifier,
    reading: Reading,
    explain: Explain | None = None,
) -> Iterator[bytes | FileProblem]:
    """One JSON line per article, in the order of the input; what cannot be read is told in its place.

    With `explain` each line also says why.
    """
    waiting = iter(items)
    while batch := list(islice(waiting, _BATCH)):
        articles = [item for item in batch if isinstance(item, FileArticle)]
        outcomes = iter(detect_batch([_record(article) for article in articles], classifier, reading))
        for item in batch:
            if isinstance(item, FileProblem):
                yield item
                continue
            outcome = next(outcomes)
            if isinstance(outcome, Rejected):
                yield FileProblem(place=item.place, problem=outcome.dead_letter.error_message)
            else:
                article = decode_article(item.value, item.content_type, reading.fields)
                why = {"explain": explain_document(explain(article, outcome.tags))} if explain else {}
                yield orjson.dumps(tags_document(article.id, outcome.tags) | why)


def tags_document(article_id: str, tags: Tags) -> dict[str, Any]:
    """The output of `tocsin tag` for one article."""
    return {
        "id": article_id,
        "labels": [label.value for label in tags.labels],
        "scores": {event_type.value: score for event_type, score in tags.scores.items()},
        "evidence": {
            label.value: [evidence_document(evidence) for evidence in tags.evidence[label]] for label in tags.labels
        },
    }


def explain_document(found: Mapping[EventType, tuple[str, Explanation]]) -> dict[str, Any]:
    """What `tocsin tag --explain` adds: sentence, features for and against, and the part of the whole article."""
    return {
        event_type.value: {
            "sentence": quote,
            "for": _pairs(explanation.supporting),
            "against": _pairs(explanation.opposing),
            "article": _pairs(explanation.article),
        }
        for event_type, (quote, explanation) in found.items()
    }


def _pairs(weighed: Iterable[Weighed]) -> list[tuple[str, float]]:
    return [(each.name, each.weight) for each in weighed]


def _record(article: FileArticle) -> Record:
    headers = (("content-type", article.content_type.encode()),) if article.content_type else ()
    return Record(
        value=article.value,
        headers=headers,
        topic=str(article.path),
        partition=0,
        offset=article.line,
        timestamp=datetime.fromtimestamp(0, UTC),
    )
