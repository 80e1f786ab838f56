"""The work that every contestant does with an article, in the contestant's own process: the product's pure call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from consumers.detect import Reading, detect_batch
from consumers.outcome import Published
from consumers.settings import Settings, load_settings
from models.classifier import load_classifier
from models.tags import Classifier
from schemas.message import Message, Record

BATCH = 256
"""Articles in a batch; `TOCSIN_BATCH_ARTICLES` has the same default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Settings of the run and the shipped classifier. The bench has no article that cannot be read: no dead letters."""

    settings: Settings
    classifier: Classifier

    @property
    def address(self) -> str:
        """The broker, as clients want it."""
        return ",".join(self.settings.brokers)

    def events(self, records: Sequence[Record]) -> list[Message]:
        """The events of a batch, in order."""
        outcomes = detect_batch(records, self.classifier, Reading())
        return [event for outcome in outcomes if isinstance(outcome, Published) for event in outcome.events]


def load_work() -> Work:
    """From the environment, as `tocsin run` takes it."""
    return Work(settings=load_settings(), classifier=load_classifier())


def record_of(
    *,
    value: bytes | None,
    key: bytes | None,
    headers: Iterable[tuple[str, bytes | None]],
    topic: str,
    partition: int,
    offset: int,
    timestamp_ms: int,
) -> Record:
    """A Record of what any client gives."""
    return Record(
        value=value,
        key=key,
        headers=tuple(headers),
        topic=topic,
        partition=partition,
        offset=offset,
        timestamp=datetime.fromtimestamp(timestamp_ms / 1000, UTC),
    )
