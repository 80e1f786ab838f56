"""What a replay promises while articles are on their way: order, bounds, a true count, a pace that nothing slows."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from consumers.files import FileArticle
from consumers.in_flight import MOST_ARTICLES, MOST_BYTES, InFlight, Sent
from consumers.kafka.client import KafkaReader, Place
from consumers.replay import Pace, pace_of, replay
from consumers.testing import Stream
from consumers.worker_process import environment_of
from schemas.codec import NO_MAPPING
from schemas.errors import TransientError
from schemas.message import Message

Tocsin = Callable[..., Any]

TALKS = "The foreign ministers of Ghana and Togo held talks in Accra on Monday."


@dataclass
class Answer:
    """A message on its way, which has been answered or not; what is asked for is acknowledged or refused."""

    offset: int
    size_bytes: int
    done: bool = False
    refused: bool = False
    asked: bool = False

    def wait(self) -> Place:
        if self.refused:
            raise TransientError("the broker is gone")
        self.asked = self.done = True
        return Place(partition=0, offset=self.offset)


@dataclass
class Broker:
    """Takes messages; `refuses` says from which on it does not, `answers` whether it answers by itself."""

    refuses: int = 1_000_000
    answers: bool = False
    sent: list[Answer] = field(default_factory=list)
    most_articles: int = 0
    most_bytes: int = 0

    def fits(self, topic: str, message: Message) -> bool:
        del topic, message
        return True

    def send(self, topic: str, message: Message) -> Answer:
        del topic
        number = len(self.sent)
        size_bytes = len(message.value or b"")
        self.sent.append(Answer(number, size_bytes, done=self.answers, refused=number >= self.refuses))
        open_ones = [answer for answer in self.sent[-MOST_ARTICLES - 10 :] if not answer.asked]
        self.most_articles = max(self.most_articles, len(open_ones))
        self.most_bytes = max(self.most_bytes, sum(answer.size_bytes for answer in open_ones))
        return self.sent[-1]


def articles(count: int, text: str = TALKS) -> list[FileArticle]:
    value = json.dumps({"text": text}).encode()
    return [FileArticle(path=Path("a.jsonl"), line=n, value=value, content_type=None) for n in range(1, count + 1)]


def replayed(
    items: list[FileArticle], broker: Broker, in_flight: InFlight | None = None, pace: Pace | None = None
) -> Iterator[Sent]:
    return replay(
        items,
        broker,
        topic="articles",
        run_id="run",
        fields=NO_MAPPING,
        on_problem=lambda _: None,
        in_flight=in_flight or InFlight(),
        pace=pace,
    )


def test_every_article_is_acknowledged_once_and_in_order() -> None:
    broker = Broker()
    sent = list(replayed(articles(MOST_ARTICLES * 2), broker))
    assert [item.offset for item in sent] == list(range(MOST_ARTICLES * 2))
    assert [item.article.line for item in sent] == list(range(1, MOST_ARTICLES * 2 + 1))
    assert all(answer.asked for answer in broker.sent)


def test_articles_on_their_way_are_bounded_in_number() -> None:
    broker = Broker()
    list(replayed(articles(MOST_ARTICLES + 50), broker))
    assert broker.most_articles == MOST_ARTICLES + 1


def test_articles_on_their_way_are_bounded_in_bytes() -> None:
    broker = Broker()
    list(replayed(articles(40, "x" * (MOST_BYTES // 10)), broker))
    assert MOST_BYTES / 2 < broker.most_bytes <= MOST_BYTES * 1.2


def test_of_a_replay_that_was_cut_short_it_is_known_what_the_broker_has() -> None:
    broker, in_flight = Broker(refuses=5), InFlight()
    going = replayed(articles(9), broker, in_flight)
    with pytest.raises(TransientError):
        list(going)
    broker.sent[6].done, broker.sent[7].done = True, True
    broker.sent[7].refused = False
    late, unsure = in_flight.settled()
    assert late == 1
    assert [article.line for article in unsure] == [6, 7, 9]


def test_a_pace_is_not_slowed_by_acknowledgements_and_those_that_came_are_told() -> None:
    items = articles(3)
    silent, ready = Broker(), Broker(answers=True)
    going = replayed(items, silent, pace=pace_of(rate=1e9, speed=None))
    assert next(going).offset == 0
    assert len(silent.sent) == 3
    going = replayed(items, ready, pace=pace_of(rate=1e9, speed=None))
    assert next(going).offset == 0
    assert len(ready.sent) == 1


def test_a_byte_order_mark_is_no_mistake(tocsin: Tocsin, stream: Stream, tmp_path: Path) -> None:
    (tmp_path / "marked.json").write_bytes(b"\xef\xbb\xbf" + json.dumps({"text": TALKS}).encode())
    for options in ((), ("--dry-run",)):
        said = tocsin("replay", tmp_path / "marked.json", *options, settings=stream.settings)
        assert said.code == 0
        assert "is not JSON" not in said.err


def some_are_on(stream: Stream) -> bool:
    """Whether the broker has an article, while more are coming."""
    reader = KafkaReader(stream.settings)
    try:
        reader.assign([stream.settings.articles_topic])
        return any(reader.ends().values())
    finally:
        reader.close()


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_replay_says_how_many_articles_the_broker_has(stream: Stream, tmp_path: Path) -> None:
    many = tmp_path / "many.jsonl"
    many.write_text((json.dumps({"text": TALKS}) + "\n") * 100_000)
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "consumers.cli", "replay", many, "--rate", "1000"],
        stderr=subprocess.PIPE,
        env=environment_of(stream.settings),
    ) as process:
        assert process.stderr is not None
        while not some_are_on(stream):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read().decode()
        assert process.wait(60) == 130
    count = len(stream.articles())
    assert count > 1
    (told,) = re.findall(r"([\d,]+) articles sent to", said)
    assert int(told.replace(",", "")) in {count, count - 1}
