"""Topics and offsets as an operator changes them, for the scenarios; kafka-python's admin client underneath."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

_PATIENCE_S = 30.0


@contextlib.contextmanager
def _admin(address: str) -> Iterator[Any]:
    client = KafkaAdminClient(bootstrap_servers=address.split(","))
    try:
        yield client
    finally:
        client.close()


def create_topic(address: str, name: str, *, partitions: int, replication: int, appended_time: bool = False) -> None:
    """Creates a topic; with `appended_time` its records bear the time at which the broker appended them."""
    configs = {"max.message.bytes": "2162688"}
    if appended_time:
        configs["message.timestamp.type"] = "LogAppendTime"
    topic = NewTopic(name, num_partitions=partitions, replication_factor=replication, topic_configs=configs)
    with _admin(address) as client:
        client.create_topics([topic])
        client.wait_for_topics([name])


def delete_topic(address: str, name: str) -> None:
    """Deletes a topic and waits until it is gone."""
    with _admin(address) as client:
        client.delete_topics([name])
        until = time.monotonic() + _PATIENCE_S
        while any(topic["name"] == name and topic["partitions"] for topic in client.describe_topics([name])):
            if time.monotonic() > until:
                raise TimeoutError(f"topic {name} is still there")
            time.sleep(0.2)


def delete_records(address: str, topic: str, before: Mapping[int, int]) -> None:
    """Lets the retention pass: what lies before these offsets, by partition, is gone."""
    with _admin(address) as client:
        client.delete_records({TopicPartition(topic, partition): offset for partition, offset in before.items()})


def move_offsets(address: str, group: str, topic: str, offsets: Mapping[int, int]) -> None:
    """Moves the offsets of a group that has no members now, as an operator does; waits until the last one has left."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        consumer = KafkaConsumer(bootstrap_servers=address.split(","), group_id=group, enable_auto_commit=False)
        try:
            wanted = {TopicPartition(topic, p): OffsetAndMetadata(at, "", -1) for p, at in offsets.items()}
            consumer.commit(wanted)
            return
        except KafkaError:
            if time.monotonic() > until:
                raise
            time.sleep(1)
        finally:
            consumer.close()
