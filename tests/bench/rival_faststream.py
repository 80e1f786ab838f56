"""FastStream, as its Kafka page has it: a subscriber that publishes, one article per call.

`python rival_faststream.py documented`. Its line of log per article is turned off.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from faststream import FastStream
from faststream.kafka import KafkaBroker, KafkaMessage
from work import Work, load_work

from consumers.kafka.records import record_of


def build_app(work: Work) -> Any:
    """The application: broker and subscriber."""
    settings = work.settings
    broker = KafkaBroker(work.address, log_level=logging.DEBUG)

    async def read(message: KafkaMessage) -> None:
        for event in work.events([record_of(message.raw_message)]):
            headers = {name: (value or b"").decode() for name, value in event.headers}
            await broker.publish(event.value, topic=settings.events_topic, key=event.key, headers=headers)

    broker.subscriber(settings.articles_topic, group_id=settings.group, auto_offset_reset="earliest")(read)
    return FastStream(broker)


if __name__ == "__main__":
    asyncio.run(build_app(load_work()).run())
