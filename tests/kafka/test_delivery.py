"""What a real Kafka holds the worker to: transactions, generations, offsets that are gone, unreadable records."""

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, TopicPartition

from consumers.intake import Member
from consumers.kafka.admin import create_topics, topic_states
from consumers.kafka.group import GroupOffsets
from consumers.kafka.transactions import TransactionalWriter
from consumers.settings import Delivery
from consumers.sink import Outgoing
from consumers.testing import Stream
from consumers.worker_process import worker_process
from schemas.errors import StartupError
from schemas.message import Message, header

pytestmark = pytest.mark.kafka

Tocsin = Callable[..., Any]

TALKS = "The foreign ministers of Ghana and Togo held talks in Accra on Monday."
KEYWORD_WORKER = ("-c", "from consumers.testing import run_keyword_worker; run_keyword_worker()")


class NotUtf8(str):
    """A header key whose bytes are not UTF-8, which no client offers to send."""

    __slots__ = ()

    def encode(self, *_: object, **__: object) -> bytes:
        return b"\xff\xfe"


@pytest.mark.parametrize("delivery", list(Delivery))
def test_records_that_the_client_cannot_decode_are_stepped_over_with_a_dead_letter_of_their_coordinates(
    kafka_address: str, tmp_path: Path, delivery: Delivery
) -> None:
    stream = Stream(kafka_address, partitions=2, delivery=delivery)
    articles = [
        Message(value=json.dumps({"id": str(number), "text": TALKS}).encode(), key=f"{number % 7}".encode())
        for number in range(300)
    ]
    bad = {3, 4, 150, 299}
    sent = [
        replace(article, headers=((NotUtf8("x"), b"1"),)) if number in bad else article
        for number, article in enumerate(articles)
    ]
    with worker_process(stream.settings, tmp_path / "log", KEYWORD_WORKER) as worker:
        places = stream.send(sent)
        stream.wait_until_dealt_with(places, lambda: worker.poll() is None)
    subjects = sorted(int(header(record.headers, "ce_subject") or -1) for record in stream.events())
    assert subjects == sorted(set(range(300)) - bad)
    dead = stream.dead_letters()
    assert {header(record.headers, "tocsin_reason") for record in dead} == {"undecodable"}
    where = {
        (
            int(header(d.headers, "__connect.errors.partition") or -1),
            int(header(d.headers, "__connect.errors.offset") or -1),
        )
        for d in dead
    }
    assert where == {(places[number].partition, places[number].offset) for number in bad}
    assert len(dead) == len(bad)


def test_a_worker_refuses_exactly_once_where_the_broker_has_no_transactions(
    embedded_address: str, tocsin: Tocsin
) -> None:
    stream = Stream(embedded_address)
    said = tocsin("run", settings=replace(stream.settings, delivery=Delivery.EXACTLY_ONCE))
    assert said.code == 2
    assert "has no transactions" in said.err


@pytest.mark.parametrize("delivery", list(Delivery))
def test_articles_that_are_gone_stop_the_worker_which_names_the_range(
    kafka_address: str, tmp_path: Path, delivery: Delivery
) -> None:
    stream = Stream(kafka_address, partitions=1, delivery=delivery)
    articles = [Message(value=json.dumps({"text": TALKS}).encode()) for _ in range(10)]
    with worker_process(stream.settings, tmp_path / "log", KEYWORD_WORKER) as worker:
        stream.wait_until_dealt_with(stream.send(articles), lambda: worker.poll() is None)
    stream.send(articles)
    topic = stream.settings.articles_topic
    admin = KafkaAdminClient(bootstrap_servers=[kafka_address])
    admin.delete_records({TopicPartition(topic, 0): 15})
    admin.close()
    with worker_process(stream.settings, tmp_path / "log", KEYWORD_WORKER) as worker:
        assert worker.wait(60) == 1
    assert f"{topic}[0]: offsets 10 to 14 are gone" in (tmp_path / "log").read_text()
    assert stream.committed() == {(topic, 0): 10}


def test_a_topic_made_anew_while_the_worker_runs_stops_it_and_is_then_read_from_its_beginning(
    kafka_address: str, tmp_path: Path
) -> None:
    stream = Stream(kafka_address, partitions=1)
    articles = [Message(value=json.dumps({"text": TALKS}).encode()) for _ in range(10)]
    with worker_process(stream.settings, tmp_path / "log", KEYWORD_WORKER) as worker:
        stream.wait_until_dealt_with(stream.send(articles), lambda: worker.poll() is None)
        admin = KafkaAdminClient(bootstrap_servers=[kafka_address])
        admin.delete_topics([stream.settings.articles_topic])
        admin.close()
        _made_anew(stream)
        assert worker.wait(120) == 1
    log = (tmp_path / "log").read_text()
    assert f"{stream.settings.articles_topic}[0]" in log
    assert "offset 10" in log
    again = stream.send(articles * 2)
    with worker_process(stream.settings, tmp_path / "log", KEYWORD_WORKER) as worker:
        stream.wait_until_dealt_with(again, lambda: worker.poll() is None)
    assert len(stream.events()) == 30


def _made_anew(stream: Stream) -> None:
    """Creates the topics again; a deletion takes effect a moment after it is acknowledged."""
    until = time.monotonic() + 30
    while any(not state.partitions for state in topic_states(stream.settings)):
        assert time.monotonic() < until
        with contextlib.suppress(StartupError):
            create_topics(stream.settings)
        time.sleep(0.2)


def test_a_batch_of_a_passed_generation_is_not_written_and_the_writer_goes_on(kafka_address: str) -> None:
    stream = Stream(kafka_address, partitions=1)
    topic = stream.settings.articles_topic
    stream.send([Message(value=b"{}")] * 3)
    offsets = GroupOffsets(stream.settings)
    writer = TransactionalWriter(stream.settings, offsets)
    event = Outgoing(topic=stream.settings.events_topic, message=Message(value=b"event", key=b"k"))
    stale = Member(epoch=1, generation=7, member_id="gone", instance=None)
    nobody = Member(epoch=1, generation=-1, member_id="", instance=None)
    try:
        assert not writer.write([event], {(topic, 0): 1}, stale)
        assert stream.events() == []
        assert offsets.starts([(topic, 0)]) == {(topic, 0): 0}
        assert writer.write([event], {(topic, 0): 1}, nobody)
        assert [record.value for record in stream.events()] == [b"event"]
        assert offsets.starts([(topic, 0)]) == {(topic, 0): 1}
    finally:
        writer.close()
        offsets.close()


def test_offsets_that_were_refused_are_not_committed_with_a_later_batch(kafka_address: str) -> None:
    stream = Stream(kafka_address, partitions=2)
    first, second = (stream.settings.articles_topic, 0), (stream.settings.articles_topic, 1)
    offsets = GroupOffsets(stream.settings)
    writer = TransactionalWriter(stream.settings, offsets)
    stale = Member(epoch=1, generation=7, member_id="gone", instance=None)
    nobody = Member(epoch=2, generation=-1, member_id="", instance=None)
    try:
        assert not writer.write([], {first: 100, second: 200}, stale)
        assert writer.write([], {second: 250}, nobody)
        assert stream.committed() == {second: 250}
    finally:
        writer.close()
        offsets.close()


def test_a_writer_whose_producer_was_fenced_finds_out_what_is_written_and_goes_on(kafka_address: str) -> None:
    stream = Stream(kafka_address, partitions=1, group_instance="one")
    topic = stream.settings.articles_topic
    offsets = GroupOffsets(stream.settings)
    member = Member(epoch=1, generation=-1, member_id="", instance=None)
    first, second = (TransactionalWriter(stream.settings, offsets) for _ in range(2))
    try:
        for number, writer in enumerate([second, first, second, first], 1):
            event = Outgoing(topic=stream.settings.events_topic, message=Message(value=b"%d" % number))
            assert writer.write([event], {(topic, 0): number}, member)
        assert [record.value for record in stream.events()] == [b"1", b"2", b"3", b"4"]
    finally:
        first.close()
        second.close()
        offsets.close()


SLOW_WORKER = (
    "-c",
    "import time; from consumers.testing import KeywordClassifier, run_worker_with\n"
    "class Slow(KeywordClassifier):\n"
    "    begins_s = 4\n"
    "    def tag(self, articles):\n"
    "        time.sleep(self.begins_s)\n"
    "        self.begins_s = 0\n"
    "        return super().tag(articles)\n"
    "run_worker_with(Slow())",
)


def peak_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def test_what_waits_in_a_worker_is_bounded_in_bytes(kafka_address: str, tmp_path: Path) -> None:
    large = [Message(value=json.dumps({"text": TALKS, "padding": "x" * 900_000}).encode()) for _ in range(250)]
    peaks = []
    for buffer_bytes in (4_000_000, 1_000_000_000):
        stream = Stream(kafka_address, partitions=2, buffer_bytes=buffer_bytes)
        places = stream.send(large)
        with worker_process(stream.settings, tmp_path / "log", SLOW_WORKER) as worker:
            stream.wait_until_dealt_with(places, lambda: worker.poll() is None)
            peaks.append(peak_bytes(worker.pid))
        assert len(stream.events()) == len(large)
    assert peaks[0] < peaks[1] - 100_000_000
