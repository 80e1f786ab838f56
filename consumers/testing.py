"""Small real things for tests: a classifier of ten lines, and a stream with topics of its own on a real broker.

Part of the package, so that users can test their own subscribers with them.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace

from consumers.kafka.admin import create_topics, holds_transactions
from consumers.kafka.client import KafkaReader, KafkaSender, Place
from consumers.run import serve
from consumers.settings import Delivery, Settings, load_settings
from consumers.verification import dealt_with
from models.tags import Classifier, Tags
from schemas.article import Article
from schemas.errors import TransientError
from schemas.event import Evidence, ModelRef, Part
from schemas.event_type import EventType
from schemas.message import Message, Record

NO_PROGRESS_S = 60.0
"""Seconds without any commit after which a test gives up waiting; workers start in three to six."""


class KeywordClassifier:
    """Labels an article with every type whose name, written with blanks, stands in its text.

    Raises ValueError for a text with the word `explode`, to play a fault of ours.
    """

    model = ModelRef(name="keywords", version="1", sha256="0" * 64)

    def tag(self, articles: Sequence[Article]) -> list[Tags]:
        """See models.tags.Classifier."""
        return [_keyword_tags(article) for article in articles]


def _keyword_tags(article: Article) -> Tags:
    if "explode" in article.text:
        raise ValueError(article.text)
    places = {event_type: article.text.find(event_type.replace("_", " ")) for event_type in EventType}
    labels = tuple(event_type for event_type, start in places.items() if start >= 0)
    return Tags(
        scores={event_type: float(event_type in labels) for event_type in EventType},
        labels=labels,
        evidence={label: (_keyword_evidence(article, places[label], label),) for label in labels},
    )


def _keyword_evidence(article: Article, start: int, label: EventType) -> Evidence:
    end = start + len(label)
    return Evidence(part=Part.TEXT, start=start, end=end, quote=article.text[start:end], score=1.0)


class Stream:
    """Topics and a consumer group of its own on a broker, to send articles to and to see what came of them."""

    def __init__(self, address: str, **changes: object) -> None:
        """`changes` are fields of Settings. Creates the topics; the delivery is the best that the broker can hold."""
        name = uuid.uuid4().hex[:12]
        settings = Settings(
            brokers=(address,),
            group=f"group-{name}",
            articles_topic=f"articles-{name}",
            events_topic=f"events-{name}",
            dead_topic=f"dead-{name}",
            session_timeout_s=4.0,
        )
        best = Delivery.EXACTLY_ONCE if holds_transactions(settings) else Delivery.AT_LEAST_ONCE
        self.settings = replace(settings, **({"delivery": best} | changes))  # type: ignore[arg-type]  # fields are named by the caller
        create_topics(self.settings)

    def send(self, messages: Sequence[Message]) -> list[Place]:
        """Puts messages on the articles topic, byte for byte."""
        sender = KafkaSender(self.settings)
        try:
            pending = [sender.send(self.settings.articles_topic, message) for message in messages]
            sender.flush()
            return [each.wait() for each in pending]
        finally:
            sender.close()

    def wait_until_dealt_with(self, places: Sequence[Place], alive: Callable[[], bool] = lambda: True) -> None:
        """Returns when the group has committed past all of them; raises TransientError where it never does."""
        reader = KafkaReader(self.settings, group=self.settings.group)
        try:
            last, since = -1, time.monotonic()
            while True:
                done = dealt_with(places, reader, self.settings.articles_topic)
                if done == len(places):
                    return
                if done > last:
                    last, since = done, time.monotonic()
                if not alive() or time.monotonic() - since > NO_PROGRESS_S:
                    raise TransientError(f"{done} of {len(places)} articles dealt with, then nothing more")
                time.sleep(0.05)
        finally:
            reader.close()

    def articles(self) -> list[Record]:
        """Everything on the articles topic."""
        return self._all_of(self.settings.articles_topic)

    def events(self) -> list[Record]:
        """Everything on the events topic."""
        return self._all_of(self.settings.events_topic)

    def dead_letters(self) -> list[Record]:
        """Everything on the dead-letter topic."""
        return self._all_of(self.settings.dead_topic)

    def committed(self) -> dict[tuple[str, int], int]:
        """The committed offsets of the group."""
        reader = KafkaReader(self.settings, group=self.settings.group)
        try:
            return reader.committed(self.settings.articles_topic)
        finally:
            reader.close()

    def _all_of(self, topic: str) -> list[Record]:
        reader = KafkaReader(self.settings)
        try:
            reader.assign([topic])
            reader.seek(reader.beginnings())
            return list(reader.drain())
        finally:
            reader.close()


def eventually(condition: Callable[[], bool], within_s: float = NO_PROGRESS_S) -> bool:
    """Whether a condition comes to hold within so many seconds; it is looked at ten times a second."""
    until = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def run_keyword_worker() -> None:
    """A worker with the KeywordClassifier, with the settings of this process's environment."""
    run_worker_with(KeywordClassifier())


def run_worker_with(classifier: Classifier) -> None:
    """A worker with any classifier, with the settings of this process's environment, until it is told to stop."""
    serve(load_settings(), lambda: classifier)
