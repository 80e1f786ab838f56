"""`tocsin tag`: articles from files through the same call as the worker, without Kafka."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice

import orjson

from consumers.detect import Reading, detect_batch
from consumers.files import FileArticle, FileProblem
from consumers.outcome import Rejected
from models.tags import Classifier, Tags
from schemas.codec import decode_article, evidence_document
from schemas.message import Record

_BATCH = 256


def tag_articles(
    items: Iterable[FileArticle | FileProblem], classifier: Classifier, reading: Reading
) -> Iterator[bytes | FileProblem]:
    """One JSON line per article, in the order of the input; what cannot be read is told in its place."""
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
                article_id = decode_article(item.value, item.content_type, reading.fields).id
                yield tags_line(article_id, outcome.tags)


def tags_line(article_id: str, tags: Tags) -> bytes:
    """The output of `tocsin tag` for one article."""
    return orjson.dumps(
        {
            "id": article_id,
            "labels": [label.value for label in tags.labels],
            "scores": {event_type.value: score for event_type, score in tags.scores.items()},
            "evidence": {
                label.value: [evidence_document(evidence) for evidence in tags.evidence[label]] for label in tags.labels
            },
        }
    )


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
