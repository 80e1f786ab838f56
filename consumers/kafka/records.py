"""A Record of what a Python client of Kafka hands on: kafka-python and aiokafka give theirs the same names."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from schemas.message import Record


def record_of(raw: Any) -> Record:
    """Headers as ordered pairs, repeated names kept; a record without a timestamp counts as of 1970."""
    return Record(
        value=raw.value,
        key=raw.key,
        headers=tuple(raw.headers),
        topic=raw.topic,
        partition=raw.partition,
        offset=raw.offset,
        timestamp=datetime.fromtimestamp(max(raw.timestamp, 0) / 1000, UTC),
    )
