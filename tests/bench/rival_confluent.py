"""confluent-kafka, as a user would write it: `python rival_confluent.py documented|batch|transactions`.

Sources: the consumer and producer of the README of confluent-kafka-python, `consume` for batches, and its
examples/eos_transactions.py for transactions. Nothing is tuned but what a batch needs, and what is to be done after an
error (abort, seek back) is left out: it costs nothing where there is none.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from work import BATCH, Work, load_work, record_of

from schemas.message import Message, Record

_WAIT_S = 0.05


def documented(work: Work) -> None:
    """One article at a time: poll, read, produce; offsets are committed in the background, as by default."""
    consumer, producer = _consumer(work), Producer({"bootstrap.servers": work.address})
    while True:
        raw = consumer.poll(1.0)
        if raw is None or raw.error():
            continue
        _produce(producer, work, work.events([_record(raw)]))
        producer.poll(0)


def batch(work: Work) -> None:
    """Batches: consume, read, produce, flush, commit; an event may come twice after a crash."""
    consumer = _consumer(work, {"enable.auto.commit": False})
    producer = Producer({"bootstrap.servers": work.address, "enable.idempotence": True})
    while True:
        records = _batch(consumer)
        if not records:
            continue
        _produce(producer, work, work.events(records))
        producer.flush()
        consumer.commit(offsets=_after(records), asynchronous=False)


def transactions(work: Work) -> None:
    """Batches, each with its offsets in a transaction: the guarantee of exactly_once."""
    consumer = _consumer(work, {"enable.auto.commit": False, "isolation.level": "read_committed"})
    producer = Producer({"bootstrap.servers": work.address, "transactional.id": work.settings.group})
    producer.init_transactions()
    while True:
        records = _batch(consumer)
        if not records:
            continue
        events = work.events(records)
        producer.begin_transaction()
        _produce(producer, work, events)
        producer.send_offsets_to_transaction(_after(records), consumer.consumer_group_metadata())
        producer.commit_transaction()


def _consumer(work: Work, changes: dict[str, Any] | None = None) -> Any:
    settings = work.settings
    ordinary = {"bootstrap.servers": work.address, "group.id": settings.group, "auto.offset.reset": "earliest"}
    consumer = Consumer(ordinary | (changes or {}))
    consumer.subscribe([settings.articles_topic])
    return consumer


def _batch(consumer: Any) -> list[Record]:
    return [_record(raw) for raw in consumer.consume(BATCH, _WAIT_S) if not raw.error()]


def _record(raw: Any) -> Record:
    return record_of(
        value=raw.value(),
        key=raw.key(),
        headers=raw.headers() or (),
        topic=raw.topic(),
        partition=raw.partition(),
        offset=raw.offset(),
        timestamp_ms=raw.timestamp()[1],
    )


def _produce(producer: Any, work: Work, events: Sequence[Message]) -> None:
    for event in events:
        producer.produce(work.settings.events_topic, key=event.key, value=event.value, headers=list(event.headers))


def _after(records: Sequence[Record]) -> list[Any]:
    ends = {(record.topic, record.partition): record.offset + 1 for record in records}
    return [TopicPartition(topic, partition, offset) for (topic, partition), offset in ends.items()]


if __name__ == "__main__":
    {"documented": documented, "batch": batch, "transactions": transactions}[sys.argv[1]](load_work())
