"""What only a real Kafka shows: size limits, records that the client cannot decode, aborted transactions, volume."""

import json
import re
import time
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from kafka import KafkaProducer

from consumers.embedded import free_port
from consumers.kafka.admin import DEAD_LETTER_HEADROOM_BYTES, create_topics
from consumers.kafka.client import KafkaReader
from consumers.testing import Stream
from consumers.worker_process import worker_process
from schemas.message import Message, header

pytestmark = pytest.mark.kafka

Tocsin = Callable[..., Any]

TALKS = "The foreign ministers of Ghana and Togo held talks in Accra on Monday."
SCHEMAS = Path(__file__).resolve().parents[2] / "schemas" / "v1"


def test_a_record_just_under_the_limit_leaves_its_coordinates_where_its_dead_letter_is_too_large(
    kafka_address: str, tmp_path: Path
) -> None:
    stream = Stream(kafka_address, partitions=1, topic_max_bytes=262_144)
    # The dead-letter topic has no headroom here, as on a cluster where somebody else made it.
    stream.settings = replace(stream.settings, dead_topic=stream.settings.dead_topic + "-small")
    create_topics(replace(stream.settings, topic_max_bytes=262_144 - DEAD_LETTER_HEADROOM_BYTES))
    value = b"{" + b"x" * 262_000
    with worker_process(stream.settings, tmp_path / "log") as worker:
        good = Message(value=json.dumps({"text": TALKS}).encode())
        places = stream.send([good, Message(value=value, key=b"k"), good])
        stream.wait_until_dealt_with(places, lambda: worker.poll() is None)
    (dead,) = stream.dead_letters()
    assert dead.value is None
    assert header(dead.headers, "tocsin_reason") == "not_json"
    assert header(dead.headers, "tocsin_value_bytes") == str(len(value))
    assert header(dead.headers, "__connect.errors.offset") == "1"
    assert len(stream.events()) == 2


def test_an_event_too_large_for_its_topic_leaves_its_coordinates(kafka_address: str, tmp_path: Path) -> None:
    stream = Stream(kafka_address, partitions=1, topic_max_bytes=262_144)
    small = replace(stream.settings, events_topic=stream.settings.events_topic + "-small", topic_max_bytes=65_536)
    from consumers.kafka.admin import create_topics

    create_topics(small)
    stream.settings = replace(small, topic_max_bytes=262_144)
    with worker_process(stream.settings, tmp_path / "log") as worker:
        places = stream.send([Message(value=json.dumps({"text": TALKS}).encode(), key=b"k" * 100_000)])
        stream.wait_until_dealt_with(places, lambda: worker.poll() is None)
    (dead,) = stream.dead_letters()
    assert header(dead.headers, "tocsin_reason") == "too_large"
    assert not stream.events()


def test_articles_of_an_aborted_transaction_are_never_read(kafka_address: str, tmp_path: Path) -> None:
    stream = Stream(kafka_address, partitions=1)
    producer = KafkaProducer(bootstrap_servers=[kafka_address], transactional_id=f"t-{stream.settings.group}")
    producer.init_transactions()
    for number in range(20):
        producer.begin_transaction()
        value = json.dumps({"id": f"{number}", "text": TALKS}).encode()
        producer.send(stream.settings.articles_topic, value, partition=0)
        if number % 2:
            producer.abort_transaction()
        else:
            producer.commit_transaction()
    producer.close()
    last = stream.send([Message(value=json.dumps({"id": "20", "text": TALKS}).encode())])
    with worker_process(stream.settings, tmp_path / "log") as worker:
        stream.wait_until_dealt_with(last, lambda: worker.poll() is None)
    subjects = [header(record.headers, "ce_subject") for record in stream.events()]
    assert subjects == [str(number) for number in range(0, 21, 2)]


def test_two_thousand_articles_replayed_are_all_accounted_for(
    kafka_address: str, tmp_path: Path, tocsin: Tocsin, seeds: Path
) -> None:
    stream = Stream(kafka_address, http_port=free_port())
    schema = json.loads((SCHEMAS / "event.schema.json").read_text())
    headers_schema = json.loads((SCHEMAS / "event_headers.schema.json").read_text())
    (tmp_path / "want.jsonl").write_text('{"file": "02-football-sanctions.json", "labels": []}\n')

    def replayed() -> dict[str | None, bytes | None]:
        said = tocsin(
            "replay", seeds, "--loop", 60, "--limit", 2_000, "--expect", tmp_path / "want.jsonl",
            settings=stream.settings,
        )  # fmt: skip
        assert said.code == 0, said.err
        return {header(record.headers, "ce_id"): record.value for record in stream.events()}

    with worker_process(stream.settings, tmp_path / "log"):
        first = replayed()
        events, dead, counted = stream.events(), stream.dead_letters(), outcomes(stream.settings.http_port, 2_000)
        second = replayed()
    assert counted["published"] + counted["ignored"] + counted["rejected"] == 2_000
    assert counted["rejected"] == len(dead) > 0
    assert counted["published"] > 0
    assert second == first
    for record in events:
        jsonschema.validate(json.loads(record.value or b""), schema)
        jsonschema.validate({name: (value or b"").decode() for name, value in record.headers}, headers_schema)
    assert sum(stream.committed().values()) == 4_000


def outcomes(port: int, total: int) -> dict[str, int]:
    """How many articles the worker has counted, by outcome, once it has counted `total`; it counts after it commits."""
    until = time.monotonic() + 10
    while True:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            found = re.findall(r'tocsin_articles_total\{outcome="(\w+)"\} (\S+)', answer.read().decode())
        counted = {name: int(float(count)) for name, count in found}
        if sum(counted.values()) >= total or time.monotonic() > until:
            return counted
        time.sleep(0.1)


def test_a_worker_that_lost_its_partitions_does_not_move_their_offsets_back(kafka_address: str, tmp_path: Path) -> None:
    stream = Stream(kafka_address)
    messages = [Message(value=json.dumps({"id": f"{n}", "text": TALKS}).encode(), key=b"%d" % n) for n in range(2_000)]
    with worker_process(stream.settings, tmp_path / "one") as one:
        places = stream.send(messages[:1_000])
        with worker_process(stream.settings, tmp_path / "two") as two:
            places += stream.send(messages[1_000:])
            stream.wait_until_dealt_with(places, lambda: one.poll() is None and two.poll() is None)
    ids = {header(record.headers, "ce_id") for record in stream.events()}
    assert len(ids) == 2_000
    reader = KafkaReader(stream.settings, group=stream.settings.group)
    try:
        reader.assign([stream.settings.articles_topic])
        assert reader.committed(stream.settings.articles_topic) == reader.ends()
    finally:
        reader.close()
