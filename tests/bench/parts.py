"""What the pure parts cost: decode, tag, encode, and all of it for a batch. `make bench-parts` runs this twice.

Once with the code as it was (BASE, the commit before, in build/before) and once as it is now, on the same seeds; the
table shows the ratio of each part in brackets.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from consumers.detect import Reading, detect_batch
from consumers.files import FileArticle, read_articles
from consumers.outcome import Published
from models.classifier import TrainedClassifier, load_classifier
from schemas.article import Article
from schemas.codec import decode_article, decode_event, encode_event
from schemas.errors import ContractError
from schemas.event import Event
from schemas.mapping import FieldMap
from schemas.message import Record

SEEDS = Path(__file__).resolve().parents[2] / "seeds"
BATCH = 256


def _decoded(item: FileArticle) -> Article | None:
    try:
        return decode_article(item.value, item.content_type, FieldMap())
    except ContractError:
        return None


@pytest.fixture(scope="module")
def items() -> list[FileArticle]:
    """256 seeds that can be read, in turn."""
    paths = sorted(path for path in SEEDS.iterdir() if path.suffix in {".json", ".txt"})
    found = [item for path in paths for item in read_articles(path) if isinstance(item, FileArticle) and _decoded(item)]
    return [found[number % len(found)] for number in range(BATCH)]


@pytest.fixture(scope="module")
def articles(items: list[FileArticle]) -> list[Article]:
    return [decode_article(item.value, item.content_type, FieldMap()) for item in items]


@pytest.fixture(scope="module")
def classifier() -> TrainedClassifier:
    return load_classifier()


@pytest.fixture(scope="module")
def records(items: list[FileArticle]) -> list[Record]:
    now = datetime.now(UTC)
    return [
        Record(value=item.value, topic="articles", partition=0, offset=offset, timestamp=now)
        for offset, item in enumerate(items)
        if item.content_type is None
    ]


@pytest.fixture(scope="module")
def events(records: list[Record], classifier: TrainedClassifier) -> list[Event]:
    outcomes = detect_batch(records, classifier, Reading())
    sent = [message for outcome in outcomes if isinstance(outcome, Published) for message in outcome.events]
    return [decode_event(message.value) for message in sent]


def test_decode(benchmark: BenchmarkFixture, items: list[FileArticle]) -> None:
    benchmark(lambda: [decode_article(item.value, item.content_type, FieldMap()) for item in items])


def test_tag(benchmark: BenchmarkFixture, classifier: TrainedClassifier, articles: list[Article]) -> None:
    assert any(tags.labels for tags in benchmark(classifier.tag, articles))


def test_encode(benchmark: BenchmarkFixture, events: list[Event]) -> None:
    assert events
    benchmark(lambda: [encode_event(event) for event in events])


def test_whole_batch(benchmark: BenchmarkFixture, classifier: TrainedClassifier, records: list[Record]) -> None:
    assert benchmark(detect_batch, records, classifier, Reading())
