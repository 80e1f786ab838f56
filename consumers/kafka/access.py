"""Asks a broker what we may do, before anything is done: every missing ACL at once, by operation and resource.

What a broker does not tell counts as allowed; it will say so itself when it comes to that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    RetriableError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailedError,
)
from kafka.protocol.admin import DescribeGroupsRequest

from consumers.kafka.connection import broker_errors, connection
from consumers.kafka.refusals import lacking
from consumers.settings import Delivery, Settings

_COORDINATOR_S = 3.0
"""Seconds that a new cluster may take to make the topic that groups live in; then it is not asked. A guess."""

_OLD_GROUPS = 5
"""Version of DescribeGroups up to which Kafka tells what is allowed on a group that does not exist yet."""


class Operation(StrEnum):
    """What an ACL allows; its value as Kafka's own tools write it, its name as kafka-python does."""

    READ = "Read"
    WRITE = "Write"
    DESCRIBE = "Describe"
    DESCRIBE_CONFIGS = "DescribeConfigs"


Operations = frozenset[Operation]

_READ = frozenset({Operation.READ})
_WRITE = frozenset({Operation.WRITE, Operation.DESCRIBE_CONFIGS})
"""Who writes looks up the size limit first: kafka-python's idempotent producer does not survive a refused size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a command needs on topics and groups; Read and Write imply Describe.

    `transactional_ids` is the beginning of the ids that it needs Write on, None where it has no transactions.
    """

    topics: Mapping[str, Operations] = field(default_factory=dict)
    groups: Mapping[str, Operations] = field(default_factory=dict)
    transactional_ids: str | None = None


def worker_access(settings: Settings) -> Access:
    """What `tocsin run` needs, and `tocsin check` asks for."""
    topics = {settings.articles_topic: _READ, settings.events_topic: _WRITE, settings.dead_topic: _WRITE}
    in_transactions = settings.delivery is Delivery.EXACTLY_ONCE
    return Access(
        topics=topics,
        groups={settings.group: _READ},
        transactional_ids=f"{settings.group}-" if in_transactions else None,
    )


def replay_access(settings: Settings) -> Access:
    """What `tocsin replay` needs."""
    return Access(topics={settings.articles_topic: _WRITE})


def expecting_access(settings: Settings) -> Access:
    """What `tocsin replay --expect` needs: it also looks at what the workers make of it."""
    topics = {settings.articles_topic: _WRITE, settings.events_topic: _READ, settings.dead_topic: _READ}
    return Access(topics=topics, groups={settings.group: frozenset({Operation.DESCRIBE})})


def watch_access(settings: Settings, group: str | None) -> Access:
    """What `tocsin watch` needs, with `--group` or without."""
    return Access(topics={settings.events_topic: _READ}, groups={group: _READ} if group else {})


def dead_access(settings: Settings) -> Access:
    """What `tocsin dead list` and `show` need."""
    return Access(topics={settings.dead_topic: _READ})


def dead_replay_access(settings: Settings, group: str) -> Access:
    """What `tocsin dead replay` needs; `group` remembers what was sent."""
    return Access(topics={settings.dead_topic: _READ, settings.articles_topic: _WRITE}, groups={group: _READ})


def require(settings: Settings, access: Access) -> None:
    """Raises AccessError that names everything missing; StartupError where no broker answers."""
    with broker_errors(settings):
        client = _Asking(**connection(settings))
        try:
            missing = [
                *_missing_on_topics(client, access.topics),
                *_missing_on_groups(client, access.groups),
                *_missing_on_transactions(client, access.transactional_ids),
            ]
        finally:
            client.close()
    if missing:
        raise lacking(settings, missing)


class _Asking(KafkaAdminClient):  # type: ignore[misc]  # kafka-python has no types
    """Asks for groups in a version that answers for those that do not exist yet, too."""

    def _describe_groups_request(self, group_ids: list[str]) -> Any:
        return DescribeGroupsRequest(
            groups=list(group_ids), include_authorized_operations=True, max_version=_OLD_GROUPS
        )


def _missing_on_topics(client: Any, wanted: Mapping[str, Operations]) -> Iterator[str]:
    for topic in client.describe_topics(list(wanted)) if wanted else []:
        name = topic["name"]
        hidden = topic["error_code"] == TopicAuthorizationFailedError.errno
        allowed = [] if hidden else topic.get("authorized_operations")
        yield from _missing(wanted[name], allowed, f"topic {name!r}")


def _missing_on_groups(client: Any, wanted: Mapping[str, Operations]) -> Iterator[str]:
    for group, operations in wanted.items():
        yield from _missing(operations, _allowed_on_group(client, group), f"group {group!r}")


def _missing(wanted: Operations, allowed: list[str] | None, resource: str) -> Iterator[str]:
    if allowed is not None:
        lacks = sorted(operation for operation in wanted if operation.name not in allowed)
        if lacks:
            yield f"{', '.join(lacks)} on {resource}"


def _missing_on_transactions(client: Any, prefix: str | None) -> Iterator[str]:
    """Whether ids with this beginning may be seen: Kafka does not tell who may write, and Write implies Describe."""
    if prefix is None:
        return
    try:
        _asked(lambda: client.describe_transactions([f"{prefix}check"]))
    except TransactionalIdAuthorizationFailedError:
        yield f"Write on transactional ids that begin with {prefix!r}"


def _allowed_on_group(client: Any, group: str) -> list[str] | None:
    """The operations allowed on a group; None where the broker does not tell."""
    try:
        found = _asked(lambda: client.describe_groups([group]))
    except GroupAuthorizationFailedError:
        return []
    return found[group].get("authorized_operations") if found else None


def _asked(question: Callable[[], Any]) -> Any:
    """The answer of a coordinator; None where it gives none. Raises the two errors of authorization.

    The embedded broker answers with operations that kafka-python does not know (ValueError).
    """
    until = time.monotonic() + _COORDINATOR_S
    while True:
        try:
            return question()
        except (GroupAuthorizationFailedError, TransactionalIdAuthorizationFailedError):
            raise
        except RetriableError:
            if time.monotonic() > until:
                return None
            time.sleep(0.1)
        except (KafkaError, ValueError):
            return None
