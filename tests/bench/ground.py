"""The broker of a bench run, and topics made anew for every contestant and filled before it starts."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from articles import Corpus
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from watching import QUIET

from consumers.local_kafka import LocalKafka, local_kafka
from consumers.settings import Delivery, Settings

_MAX_MESSAGE_BYTES = 2_162_688
_PATIENCE_S = 60.0
_QUEUED_MESSAGES = 100_000
_SETTLE_S = 1.0
"""Seconds of quiet between filling the topics and starting a contestant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What every measurement stands on: the broker, the folder for logs, and the one moment that articles bear."""

    broker: LocalKafka
    folder: Path
    timestamp_ms: int
    """Of all articles that are there beforehand: the moment stands in an event's headers, so that they are equal."""
    _admin: Any = field(repr=False)

    @contextmanager
    def topics(self, *, delivery: Delivery = Delivery.EXACTLY_ONCE, partitions: int = 4) -> Iterator[Settings]:
        """Settings with topics and a group of their own; the topics go at the end.

        Records of the events topic bear the time at which the broker appended them.
        """
        name = uuid.uuid4().hex[:12]
        settings = Settings(
            brokers=(self.broker.address,),
            group=f"group-{name}",
            articles_topic=f"articles-{name}",
            events_topic=f"events-{name}",
            dead_topic=f"dead-{name}",
            delivery=delivery,
            partitions=partitions,
        )
        names = [settings.articles_topic, settings.events_topic, settings.dead_topic]
        _await(self._admin.create_topics([self._topic(name, settings) for name in names]))
        try:
            yield settings
        finally:
            _await(self._admin.delete_topics(names))

    def fill(self, settings: Settings, corpus: Corpus, articles: int) -> None:
        """Puts articles 0 to N on the articles topic, partitions in turn, and waits for the broker."""
        producer = Producer(
            {
                "bootstrap.servers": self.broker.address,
                "linger.ms": 50,
                "acks": "all",
                "enable.idempotence": True,
                **QUIET,
            }
        )
        for number in range(articles):
            producer.produce(
                settings.articles_topic,
                key=corpus.key(number),
                value=corpus.value(number),
                partition=number % settings.partitions,
                timestamp=self.timestamp_ms,
            )
            producer.poll(0 if len(producer) < _QUEUED_MESSAGES // 2 else 0.1)
        if producer.flush(_PATIENCE_S):
            raise TimeoutError("the broker did not take the articles")
        time.sleep(_SETTLE_S)

    def articles(self, settings: Settings) -> int:
        """How many articles are on the articles topic."""
        consumer = Consumer({"bootstrap.servers": self.broker.address, "group.id": "counting", **QUIET})
        places = [TopicPartition(settings.articles_topic, number) for number in range(settings.partitions)]
        try:
            return sum(consumer.get_watermark_offsets(place)[1] for place in places)
        finally:
            consumer.close()

    @staticmethod
    def _topic(name: str, settings: Settings) -> Any:
        config = {"max.message.bytes": str(_MAX_MESSAGE_BYTES)}
        if name == settings.events_topic:
            config["message.timestamp.type"] = "LogAppendTime"
        return NewTopic(name, num_partitions=settings.partitions, replication_factor=1, config=config)


@contextmanager
def ground(folder: Path) -> Iterator[Ground]:
    """A broker in that folder, for as long as the block lasts."""
    with local_kafka(folder / "broker") as broker:
        now_ms = int(time.time()) * 1000
        admin = AdminClient({"bootstrap.servers": broker.address, **QUIET})
        yield Ground(broker=broker, folder=folder, timestamp_ms=now_ms, _admin=admin)


def _await(futures: dict[str, Any]) -> None:
    for future in futures.values():
        future.result(_PATIENCE_S)
