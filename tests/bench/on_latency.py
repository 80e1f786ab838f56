"""Parts that look at single events: how soon one can be read after its article was sent, and the first one of all."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from articles import Corpus, half_ringing
from confluent_kafka import Producer
from contestants import AT_LEAST_ONCE, EXACTLY_ONCE, Contestant
from expected import Expected
from ground import Ground
from on_throughput import Course
from plan import Plan
from processes import alive, running
from watching import QUIET, StuckError, Watched, watch, watcher

from consumers.settings import Settings

_WARM_UP = 512
_STARTED_ON = 200
_DELIVERIES = (EXACTLY_ONCE, AT_LEAST_ONCE)
_IMPORTS = """
import json, time
began = time.perf_counter()
import consumers.cli, consumers.run
imported = time.perf_counter()
from models.classifier import load_classifier
load_classifier()
print(json.dumps([imported - began, time.perf_counter() - imported]))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Articles:
    """Articles of which every other one gives an event."""

    corpus: Corpus
    expected: Expected


class _Load(threading.Thread):
    """Sends articles at a steady rate, and notes when it gave each to the client."""

    def __init__(self, settings: Settings, corpus: Corpus, *, first: int, count: int, rate: float) -> None:
        super().__init__(daemon=True, name="load")
        self._settings, self._corpus = settings, corpus
        self._first, self._count, self._rate = first, count, rate
        self.sent: dict[int, float] = {}

    def run(self) -> None:
        """The thread's work."""
        producer = Producer({"bootstrap.servers": ",".join(self._settings.brokers), "linger.ms": 0, **QUIET})
        began = time.monotonic()
        for place in range(self._count):
            time.sleep(max(0.0, began + place / self._rate - time.monotonic()))
            number = self._first + place
            value, key = self._corpus.value(number), self._corpus.key(number)
            self.sent[number] = time.time()
            producer.produce(
                self._settings.articles_topic, key=key, value=value, partition=number % self._settings.partitions
            )
            producer.poll(0)
        producer.flush(30)


def latency(ground: Ground, plan: Plan, course: Course) -> list[dict[str, Any]]:
    """Milliseconds from an article's sending until its first event can be read, by delivery and rate."""
    chosen = _articles(course)
    return [
        _said(_latency(ground, contestant, chosen, rate, 2 * plan.seconds))
        for contestant in _DELIVERIES
        for rate in plan.rates
    ]


def startup(ground: Ground, plan: Plan, course: Course) -> list[dict[str, Any]]:
    """Seconds from the start of `tocsin run` until its first event can be read; imports and the artefact apart."""
    chosen = _articles(course)
    return [_said(_startup(ground, contestant, chosen)) for _ in range(plan.rounds) for contestant in _DELIVERIES]


def _articles(course: Course) -> _Articles:
    corpus, per_body = half_ringing(course.corpus, course.expected.per_body)
    return _Articles(corpus=corpus, expected=Expected(covers=0, identities={}, per_body=per_body))


def _latency(ground: Ground, contestant: Contestant, chosen: _Articles, rate: int, seconds: float) -> dict[str, Any]:
    found: dict[str, Any] = {"contestant": contestant.name, "rate": rate, "problems": []}
    count = int(rate * seconds)
    with ground.topics(delivery=contestant.delivery) as settings, watcher(settings) as consumer:
        ground.fill(settings, chosen.corpus, _WARM_UP)
        log = ground.folder / "latency.log"
        with running(contestant.command, settings, log) as pids:
            try:
                warm = chosen.expected.count(_WARM_UP)
                watch(consumer, warm, alive=lambda: alive(pids))
                load = _Load(settings, chosen.corpus, first=_WARM_UP, count=count, rate=rate)
                load.start()
                expected = chosen.expected.count(_WARM_UP + count) - warm
                watched = watch(consumer, expected, alive=lambda: alive(pids))
            except StuckError as error:
                found["problems"].append(f"{error}; see build/bench/{log.name}")
                return found
    return found | _percentiles(_milliseconds(load, watched))


def _milliseconds(load: _Load, watched: Watched) -> list[float]:
    """Per article with events, until the first of them; in order of size."""
    first: dict[int, float] = {}
    for sight in watched.sights:
        first.setdefault(sight.number, sight.seen)
    return sorted((seen - load.sent[number]) * 1000 for number, seen in first.items())


def _percentiles(values: Sequence[float]) -> dict[str, Any]:
    def at(share: float) -> float:
        return round(values[min(len(values) - 1, int(share * len(values)))], 1)

    return {"events": len(values), "p50_ms": at(0.5), "p90_ms": at(0.9), "p99_ms": at(0.99), "most_ms": at(1.0)}


def _startup(ground: Ground, contestant: Contestant, chosen: _Articles) -> dict[str, Any]:
    found: dict[str, Any] = {"contestant": contestant.name, "problems": []}
    imports = subprocess.run([sys.executable, "-P", "-c", _IMPORTS], capture_output=True, check=True, text=True)
    found["imports_s"], found["artefact_s"] = (round(seconds, 2) for seconds in json.loads(imports.stdout))
    with ground.topics(delivery=contestant.delivery) as settings, watcher(settings) as consumer:
        ground.fill(settings, chosen.corpus, _STARTED_ON)
        log, started = ground.folder / "startup.log", time.time()
        with running(contestant.command, settings, log) as pids:
            try:
                watched = watch(consumer, 1, alive=lambda: alive(pids))
            except StuckError as error:
                found["problems"].append(f"{error}; see build/bench/{log.name}")
                return found
    return found | {"first_event_s": round(min(sight.seen for sight in watched.sights) - started, 2)}


def _said(found: dict[str, Any]) -> dict[str, Any]:
    sys.stderr.write(", ".join(f"{name} {value}" for name, value in found.items() if value != []) + "\n")
    return found
