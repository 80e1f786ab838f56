"""kafka-python, as a user would write it: `python rival_kafka_python.py documented|batch`.

Sources: KafkaConsumer and KafkaProducer in the README of kafka-python; `poll` and `commit` for batches. The package
`crc32c` is there, as the project has it, without which sending is ten times slower.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata
from work import BATCH, Work, load_work

from consumers.kafka.records import record_of
from schemas.message import Message, Record

_BATCH_BYTES = 262_144
_WAIT_MS = 50


def documented(work: Work) -> None:
    """One article at a time: iterate, read, send; offsets are committed in the background, as by default."""
    producer = KafkaProducer(bootstrap_servers=work.address)
    for raw in _consumer(work):
        _send(producer, work, work.events([record_of(raw)]))


def batch(work: Work) -> None:
    """Batches: poll, read, send, flush, commit; an event may come twice after a crash."""
    consumer = _consumer(work, enable_auto_commit=False, max_poll_records=BATCH)
    producer = KafkaProducer(
        bootstrap_servers=work.address, acks="all", enable_idempotence=True, batch_size=_BATCH_BYTES
    )
    while True:
        found = consumer.poll(timeout_ms=_WAIT_MS)
        records = [record_of(raw) for several in found.values() for raw in several]
        if not records:
            continue
        _send(producer, work, work.events(records))
        producer.flush()
        consumer.commit(_after(records))


def _consumer(work: Work, **changes: Any) -> Any:
    return KafkaConsumer(
        work.settings.articles_topic,
        bootstrap_servers=work.address,
        group_id=work.settings.group,
        auto_offset_reset="earliest",
        **changes,
    )


def _send(producer: Any, work: Work, events: Sequence[Message]) -> None:
    for event in events:
        producer.send(work.settings.events_topic, value=event.value, key=event.key, headers=list(event.headers))


def _after(records: Sequence[Record]) -> dict[Any, Any]:
    ends = {TopicPartition(record.topic, record.partition): record.offset + 1 for record in records}
    return {partition: OffsetAndMetadata(offset, "", -1) for partition, offset in ends.items()}


if __name__ == "__main__":
    {"documented": documented, "batch": batch}[sys.argv[1]](load_work())
