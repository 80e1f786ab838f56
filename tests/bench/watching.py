"""The outside observer: reads the events topic as a subscriber would, and notes when each event was there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from articles import number_of
from confluent_kafka import Consumer, TopicPartition
from digests import digest

from consumers.settings import Settings
from schemas.message import Message

QUIET = {"log_level": 2}
"""For clients of the bench itself: librdkafka would tell that the broker ends when it ends."""

_FETCH_MS = 20
"""Longest wait of a fetch in the broker, in milliseconds: bounds what watching adds to a latency."""
_AFTER_S = 0.5
"""Seconds that are watched after the last event expected, for those that come twice."""


class StuckError(Exception):
    """Events that were expected did not come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One event as seen: the article's number, `ce_id` and digest; when the broker had it, and when it could be read.

    Times are `time.time()`; the broker is on the same machine.
    """

    number: int
    identity: str
    appended: float
    seen: float


@dataclass(slots=True)
class Watched:
    """All that was seen so far."""

    sights: list[Sight] = field(default_factory=list)
    identities: set[str] = field(default_factory=set)


@contextmanager
def watcher(settings: Settings) -> Iterator[Any]:
    """A read_committed consumer of the events topic, at its beginning."""
    consumer = Consumer(
        {
            "bootstrap.servers": ",".join(settings.brokers),
            "group.id": f"watcher-{settings.group}",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": _FETCH_MS,
            **QUIET,
        }
    )
    consumer.assign([TopicPartition(settings.events_topic, number, 0) for number in range(settings.partitions)])
    try:
        yield consumer
    finally:
        consumer.close()


def watch(consumer: Any, expected: int, *, alive: Callable[[], bool], patience_s: float = 60.0) -> Watched:
    """Watches until that many different events were seen. Raises StuckError where nothing comes for too long."""
    watched = Watched()
    last = time.monotonic()
    while len(watched.identities) < expected:
        if _look(consumer, watched):
            last = time.monotonic()
        elif time.monotonic() - last > patience_s or not alive():
            seen = len(watched.identities)
            raise StuckError(f"{seen} of {expected} events came, then {'none' if alive() else 'the process ended'}")
    until = time.monotonic() + _AFTER_S
    while time.monotonic() < until:
        _look(consumer, watched)
    return watched


def _look(consumer: Any, watched: Watched) -> int:
    first = consumer.poll(0.1)  # `consume` would wait until it has as many as were asked for
    now = time.time()
    found = [raw for raw in ([first, *consumer.consume(500, 0)] if first is not None else []) if not raw.error()]
    for raw in found:
        sight = _sight(raw, now)
        watched.sights.append(sight)
        watched.identities.add(sight.identity)
    return len(found)


def _sight(raw: Any, now: float) -> Sight:
    event = Message(key=raw.key(), value=raw.value(), headers=tuple(raw.headers() or ()))
    headers = dict(event.headers)
    return Sight(
        number=number_of((headers["ce_subject"] or b"").decode()),
        identity=f"{(headers['ce_id'] or b'').decode()} {digest(event)}",
        appended=raw.timestamp()[1] / 1000,
        seen=now,
    )
