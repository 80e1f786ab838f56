"""aiokafka, as a user would write it: `python rival_aiokafka.py documented|batch|transactions`.

Sources: the getting-started page of aiokafka's documentation, "Manual vs automatic committing" for batches by
`getmany`, "Transactional consume-process-produce" for transactions.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from work import BATCH, Work, load_work

from consumers.kafka.records import record_of
from schemas.message import Message, Record

_BATCH_BYTES = 262_144
_WAIT_MS = 50


async def documented(work: Work) -> None:
    """One article at a time: each event is awaited; offsets are committed in the background, as by default."""
    async with _consumer(work) as consumer, AIOKafkaProducer(bootstrap_servers=work.address) as producer:
        async for raw in consumer:
            for event in work.events([record_of(raw)]):
                await producer.send_and_wait(
                    work.settings.events_topic, event.value, key=event.key, headers=list(event.headers)
                )


async def batch(work: Work) -> None:
    """Batches: getmany, read, send, await all, commit; an event may come twice after a crash."""
    producer = AIOKafkaProducer(bootstrap_servers=work.address, enable_idempotence=True, max_batch_size=_BATCH_BYTES)
    async with _consumer(work, enable_auto_commit=False) as consumer, producer:
        while True:
            records = await _batch(consumer)
            if not records:
                continue
            await asyncio.gather(*await _sent(producer, work, work.events(records)))
            await consumer.commit(_after(records))


async def transactions(work: Work) -> None:
    """Batches, each with its offsets in a transaction; without the group's generation, which aiokafka cannot send."""
    producer = AIOKafkaProducer(
        bootstrap_servers=work.address, transactional_id=work.settings.group, max_batch_size=_BATCH_BYTES
    )
    options = {"enable_auto_commit": False, "isolation_level": "read_committed"}
    async with _consumer(work, **options) as consumer, producer:
        while True:
            records = await _batch(consumer)
            if not records:
                continue
            events = work.events(records)
            async with producer.transaction():
                await asyncio.gather(*await _sent(producer, work, events))
                await producer.send_offsets_to_transaction(_after(records), work.settings.group)


def _consumer(work: Work, **changes: Any) -> Any:
    return AIOKafkaConsumer(
        work.settings.articles_topic,
        bootstrap_servers=work.address,
        group_id=work.settings.group,
        auto_offset_reset="earliest",
        **changes,
    )


async def _batch(consumer: Any) -> list[Record]:
    found = await consumer.getmany(timeout_ms=_WAIT_MS, max_records=BATCH)
    return [record_of(raw) for several in found.values() for raw in several]


async def _sent(producer: Any, work: Work, events: Sequence[Message]) -> list[Any]:
    return [
        await producer.send(work.settings.events_topic, event.value, key=event.key, headers=list(event.headers))
        for event in events
    ]


def _after(records: Sequence[Record]) -> Mapping[Any, int]:
    return {TopicPartition(record.topic, record.partition): record.offset + 1 for record in records}


if __name__ == "__main__":
    form = {"documented": documented, "batch": batch, "transactions": transactions}[sys.argv[1]]
    asyncio.run(form(load_work()))
