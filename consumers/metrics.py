"""Every metric of the worker, declared once; served at `/metrics` where TOCSIN_HTTP_PORT is set."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Sequence
from typing import assert_never

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from consumers.outcome import Ignored, Outcome, Published, Rejected

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_ARTICLES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)


class Metrics:
    """The worker's metrics in a registry of their own, so that two workers in one process do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.articles = Counter(
            "tocsin_articles_total",
            "Articles dealt with, by outcome: published, ignored, rejected.",
            ["outcome"],
            registry=self.registry,
        )
        self.events = Counter("tocsin_events_total", "Events sent, by type.", ["type"], registry=self.registry)
        self.ignored = Counter(
            "tocsin_ignored_total", "Articles that gave no event, by reason.", ["reason"], registry=self.registry
        )
        self.dead_letters = Counter(
            "tocsin_dead_letters_total", "Dead letters sent, by reason.", ["reason"], registry=self.registry
        )
        self.batch_articles = Histogram(
            "tocsin_batch_articles", "Articles per batch.", buckets=_ARTICLES, registry=self.registry
        )
        self.read_seconds = Histogram(
            "tocsin_read_seconds", "Time to decode, read and encode a batch.", buckets=_SECONDS, registry=self.registry
        )
        self.write_seconds = Histogram(
            "tocsin_write_seconds",
            "Time until a batch's events and offsets are on the broker.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.last_batch_timestamp = Gauge(
            "tocsin_last_batch_timestamp_seconds",
            "Unix time at which the last batch was written.",
            registry=self.registry,
        )

    def count(self, outcomes: Sequence[Outcome]) -> None:
        """Counts a batch that has been written."""
        self.batch_articles.observe(len(outcomes))
        counts = Tally(each for outcome in outcomes for each in self._counters(outcome))
        for (counter, label), count in counts.items():
            counter.labels(label).inc(count)
        self.last_batch_timestamp.set_to_current_time()

    def _counters(self, outcome: Outcome) -> list[tuple[Counter, str]]:
        """Which counters an outcome adds one to, and under which label."""
        match outcome:
            case Published():
                return [(self.articles, "published"), *((self.events, label.value) for label in outcome.tags.labels)]
            case Ignored():
                return [(self.articles, "ignored"), (self.ignored, outcome.reason.value)]
            case Rejected():
                return [(self.articles, "rejected"), (self.dead_letters, outcome.dead_letter.reason.value)]
            case _:
                assert_never(outcome)
