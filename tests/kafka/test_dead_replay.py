"""What only a real Kafka shows of `tocsin dead replay`: notes beside offsets, size limits, topics made anew."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from consumers.detect import detect_batch
from consumers.kafka.admin import admin_client, create_topics
from consumers.kafka.client import KafkaSender
from consumers.outcome import Rejected
from consumers.testing import KeywordClassifier, Stream
from schemas.dead_letter import encode_dead_letter
from schemas.message import Message, Record, header

pytestmark = pytest.mark.kafka

Tocsin = Callable[..., Any]

BAD = [
    Message(value=(b'{"text": 5, "id": "%d"}' if n % 2 else b"no json %d") % n, key=b"%d" % (n % 3)) for n in range(60)
]


@pytest.fixture
def stream(kafka_address: str) -> Stream:
    return Stream(kafka_address)


def put_aside(stream: Stream, messages: Sequence[Message]) -> None:
    """Dead letters as a worker writes them."""
    stream.send(messages)
    sender = KafkaSender(stream.settings)
    outcomes = detect_batch(stream.articles(), KeywordClassifier())
    letters = [encode_dead_letter(each.dead_letter) for each in outcomes if isinstance(each, Rejected)]
    for pending in [sender.send(stream.settings.dead_topic, letter) for letter in letters]:
        pending.wait()
    sender.close()


def replay(tocsin: Tocsin, stream: Stream, *options: str) -> str:
    said = tocsin("dead", "replay", "--yes", *options, settings=stream.settings)
    assert said.code == 0, said.err
    return str(said.err)


def sent_back(stream: Stream) -> list[Record]:
    return [record for record in stream.articles() if header(record.headers, "tocsin_first_seen")]


def test_what_a_filter_left_is_sent_later_and_nothing_twice(tocsin: Tocsin, stream: Stream) -> None:
    put_aside(stream, BAD)
    assert "sent 30 dead" in replay(tocsin, stream, "--reason", "contract")
    assert "sent 0 dead" in replay(tocsin, stream, "--reason", "contract")
    assert "sent 7 dead" in replay(tocsin, stream, "--limit", "7")
    said = replay(tocsin, stream)
    assert "sent 23 dead" in said
    assert "left out: 37 sent back before" in said
    assert sorted(r.value or b"" for r in sent_back(stream)) == sorted(m.value or b"" for m in BAD)


def test_partitions_are_sent_back_one_by_one(tocsin: Tocsin, stream: Stream) -> None:
    put_aside(stream, BAD)
    for partition in range(4):
        replay(tocsin, stream, "--partition", str(partition), "--reason", "not_json")
    assert "sent 30 dead" in replay(tocsin, stream)
    assert len(sent_back(stream)) == 60


def test_a_topic_that_was_made_anew_is_not_taken_for_the_old_one(tocsin: Tocsin, stream: Stream) -> None:
    put_aside(stream, BAD)
    assert "sent 60 dead" in replay(tocsin, stream)
    with admin_client(stream.settings) as client:
        client.delete_topics([stream.settings.dead_topic, stream.settings.articles_topic])
    create_topics(stream.settings)
    put_aside(stream, BAD[:10])
    assert "sent 10 dead" in replay(tocsin, stream)


def test_what_the_articles_topic_does_not_take_is_left_out(tocsin: Tocsin, stream: Stream) -> None:
    put_aside(stream, [Message(value=b"x" * 100_000, key=b"k"), Message(value=b"small", key=b"k")])
    small = replace(stream.settings, articles_topic=stream.settings.articles_topic + "-small", topic_max_bytes=65_536)
    create_topics(small)
    # Letters name the topic that their articles came from; here it is the same name with a smaller limit.
    sender = KafkaSender(small)
    for letter in stream.dead_letters():
        headers = tuple(
            (name, small.articles_topic.encode() if name == "__connect.errors.topic" else value)
            for name, value in letter.headers
        )
        sender.send(small.dead_topic, Message(value=letter.value, key=letter.key, headers=headers)).wait()
    sender.close()
    said = tocsin("dead", "replay", "--yes", settings=small)
    assert "sent 1 dead letter(s)" in said.err
    assert "left out: 1 larger than the articles topic takes" in said.err
    assert "left out: 2 from another articles topic" in said.err


def test_an_offset_that_was_moved_by_hand_holds(tocsin: Tocsin, kafka_address: str) -> None:
    from kafka import KafkaConsumer, TopicPartition
    from kafka.structs import OffsetAndMetadata

    stream = Stream(kafka_address, partitions=1)
    put_aside(stream, BAD)
    consumer = KafkaConsumer(bootstrap_servers=[kafka_address], group_id=f"{stream.settings.group}.dead-replay")
    consumer.commit({TopicPartition(stream.settings.dead_topic, 0): OffsetAndMetadata(50, "", -1)})
    consumer.close()
    assert "sent 10 dead" in replay(tocsin, stream)


def test_letters_of_an_aborted_transaction_are_not_there(tocsin: Tocsin, kafka_address: str) -> None:
    from kafka import KafkaProducer

    stream = Stream(kafka_address, partitions=1)
    put_aside(stream, BAD[:1])
    (letter,) = stream.dead_letters()
    producer = KafkaProducer(bootstrap_servers=[kafka_address], transactional_id=f"t-{stream.settings.group}")
    producer.init_transactions()
    for number in range(4):
        producer.begin_transaction()
        producer.send(stream.settings.dead_topic, b"%d" % number, b"k", headers=list(letter.headers)).get(10)
        if number % 2:
            producer.commit_transaction()
        else:
            producer.abort_transaction()
    producer.close()
    said = tocsin("dead", "list", settings=stream.settings)
    places = [json.loads(line)["place"] for line in said.out.splitlines()]
    assert places == ["0@0", "0@3", "0@7"]
    assert tocsin("dead", "show", "0@1", settings=stream.settings).code == 1
    assert tocsin("dead", "show", "0@8", settings=stream.settings).code == 1
    assert "sent 3 dead" in replay(tocsin, stream)
    assert "sent 0 dead" in replay(tocsin, stream)
    assert [record.value for record in sent_back(stream)] == [b"no json 0", b"1", b"3"]


class NotUtf8(str):
    """A header key whose bytes are not UTF-8, which no client offers to send."""

    __slots__ = ()

    def encode(self, *_: object, **__: object) -> bytes:
        return b"\xff\xfe"


def test_a_record_that_the_client_cannot_decode_is_told_and_can_be_left_out(tocsin: Tocsin, stream: Stream) -> None:
    put_aside(stream, BAD)
    sender = KafkaSender(stream.settings)
    strange = Message(value=b"x", key=b"k", headers=((NotUtf8("x"), b"1"),))
    partition = sender.send(stream.settings.dead_topic, strange).wait().partition
    sender.close()
    for verb in ("list", "replay"):
        said = tocsin("dead", verb, settings=stream.settings)
        assert said.code == 1
        assert "cannot decode" in said.err
        assert "Traceback" not in said.err
    others = [word for p in range(4) if p != partition for word in ("--partition", str(p))]
    assert tocsin("dead", "list", *others, settings=stream.settings).code == 0
