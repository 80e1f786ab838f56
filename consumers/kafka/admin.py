"""Topics and groups, through kafka-python's admin client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from kafka.errors import TopicAuthorizationFailedError

from consumers.kafka.connection import broker_errors, connection
from consumers.kafka.refusals import lacking
from consumers.settings import Settings

DEAD_LETTER_HEADROOM_BYTES = 65_536
"""How much larger a message the dead-letter topic takes than the articles topic: its reason headers must fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicState:
    """One of our topics as the broker has it; 0 partitions where it is not there."""

    name: str
    partitions: int
    max_message_bytes: int | None


@contextmanager
def admin_client(settings: Settings) -> Iterator[Any]:
    """An admin client, closed at the end. Raises StartupError where no broker answers or it refuses."""
    with broker_errors(settings):
        client = KafkaAdminClient(**connection(settings))
        try:
            yield client
        finally:
            client.close()


def topic_states(settings: Settings) -> list[TopicState]:
    """The articles, events and dead-letter topics as the broker has them.

    The limit of a topic is None where it may not be seen. Raises AccessError where a topic itself may not be seen.
    """
    states, hidden = _states(settings)
    if hidden:
        raise lacking(settings, [f"Describe on topic {name!r}" for name in hidden])
    return states


def _states(settings: Settings) -> tuple[list[TopicState], list[str]]:
    """The topics that may be seen, and the names of those that may not."""
    names = [settings.articles_topic, settings.events_topic, settings.dead_topic]
    with admin_client(settings) as client:
        described = client.describe_topics(names)
        found = {topic["name"]: len(topic["partitions"]) for topic in described}
        limits = _max_message_bytes(client, [name for name in names if found.get(name)])
    hidden = {topic["name"] for topic in described if topic["error_code"] == TopicAuthorizationFailedError.errno}
    states = [
        TopicState(name=name, partitions=found.get(name, 0), max_message_bytes=limits.get(name))
        for name in names
        if name not in hidden
    ]
    return states, [name for name in names if name in hidden]


def topic_id(settings: Settings, topic: str) -> str:
    """The id that the broker gave a topic when it was made; empty where it has none, or no such topic."""
    with admin_client(settings) as client:
        (found,) = client.describe_topics([topic])
    return str(found.get("topic_id") or "")


def holds_transactions(settings: Settings) -> bool:
    """Whether the broker can hold `exactly_once`, judged by the requests that it offers.

    Needed: offsets in a transaction with the group's generation (TxnOffsetCommit 3 and OffsetFetch 7, KIP-447) and
    aborted transactions kept from readers. The embedded broker offers the first and does not do the second; what it
    does not offer, and every Kafka from 3.0 on does, is DescribeTransactions (KIP-664).
    """
    with admin_client(settings) as client:
        offered = {key.name: highest for key, (_, highest) in client.api_versions().items()}
    return (
        offered.get("TxnOffsetCommit", -1) >= 3 and offered.get("OffsetFetch", -1) >= 7
    ) and "DescribeTransactions" in offered


def create_topics(settings: Settings) -> list[TopicState]:
    """Creates those of our three topics that are not there, leaves the others as they are, and says what there is."""
    wanted = {
        settings.articles_topic: settings.topic_max_bytes,
        settings.events_topic: settings.topic_max_bytes,
        settings.dead_topic: settings.topic_max_bytes + DEAD_LETTER_HEADROOM_BYTES,
    }
    missing = [state.name for state in topic_states(settings) if not state.partitions]
    if missing:
        with admin_client(settings) as client:
            refused = [name for name in missing if not _created(client, _new_topic(settings, name, wanted[name]))]
            if refused:
                raise lacking(settings, [f"Create on topic {name!r}" for name in refused])
            client.wait_for_topics(missing)
    return topic_states(settings)


def _created(client: Any, topic: Any) -> bool:
    """Creates a topic; False where that is not allowed."""
    try:
        client.create_topics([topic])
    except TopicAuthorizationFailedError:
        return False
    return True


def max_message_bytes(settings: Settings) -> dict[str, int]:
    """The largest message, in bytes, that each of our topics takes; topics of which it is not known are left out."""
    states, _ = _states(settings)
    return {state.name: state.max_message_bytes for state in states if state.max_message_bytes}


def broker_versions(settings: Settings) -> str:
    """The id and the number of brokers of the cluster that answers."""
    with admin_client(settings) as client:
        cluster = client.describe_cluster()
    return f"cluster {cluster['cluster_id']}, {len(cluster['brokers'])} broker(s)"


def _new_topic(settings: Settings, name: str, max_message_bytes: int) -> Any:
    return NewTopic(
        name,
        num_partitions=settings.partitions,
        replication_factor=settings.replication,
        topic_configs={"max.message.bytes": str(max_message_bytes)},
    )


def _max_message_bytes(client: Any, names: list[str]) -> dict[str, int]:
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    described = client.describe_configs(resources, config_filter="all").get("topic", {})
    limits = {name: described.get(name, {}).get("max.message.bytes", {}).get("value") for name in names}
    return {name: int(value) for name, value in limits.items() if value is not None}


def cluster_id(address: str, *, timeout_s: float) -> str:
    """The id of the cluster that answers at host:port. Raises StartupError where none does within `timeout_s`."""
    settings = Settings(brokers=(address,))
    with broker_errors(settings):
        client = KafkaAdminClient(bootstrap_servers=[address], bootstrap_timeout_ms=int(timeout_s * 1000))
        try:
            return str(client.describe_cluster()["cluster_id"])
        finally:
            client.close()
