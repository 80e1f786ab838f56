"""An article on the articles topic becomes events on the events topic: what a subscriber may rely on."""

import json
import os
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest

from consumers.embedded import free_port
from consumers.processes import children_of
from consumers.testing import Stream, eventually
from consumers.worker_process import worker_process
from schemas.codec import decode_event
from schemas.event_type import EventType
from schemas.message import Message, Record, header

KEYWORD_WORKER = ("-c", "from consumers.testing import run_keyword_worker; run_keyword_worker()")
ALL_THREE = "There were talks, then a sanctions warning, then a program exclusion."


def article(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def run_through(stream: Stream, messages: list[Message], log: Path) -> list[Record]:
    with worker_process(stream.settings, log, KEYWORD_WORKER) as worker:
        stream.wait_until_dealt_with(stream.send(messages), lambda: worker.poll() is None)
    return stream.events()


def test_an_article_with_three_types_gives_three_events_with_cloudevents_headers(
    stream: Stream, tmp_path: Path
) -> None:
    trace = ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    sent = Message(value=article(id="a-1", text=ALL_THREE), key=b"k", headers=(trace, ("tocsin_replay", b"run-7")))

    events = run_through(stream, [sent], tmp_path / "log")

    assert {decode_event(record.value).type for record in events} == set(EventType)
    for record in events:
        assert record.key == b"k"
        assert header(record.headers, "ce_specversion") == "1.0"
        assert header(record.headers, "ce_subject") == "a-1"
        assert header(record.headers, "ce_type") == f"tocsin.{decode_event(record.value).type}.v1"
        assert header(record.headers, "ce_replay") == "run-7"
        assert trace in record.headers
    assert len({header(record.headers, "ce_id") for record in events}) == 3


def test_events_of_an_article_without_a_key_are_keyed_by_its_id(stream: Stream, tmp_path: Path) -> None:
    events = run_through(stream, [Message(value=article(id="a-2", text="talks"))], tmp_path / "log")
    assert [record.key for record in events] == [b"a-2"]


def test_fields_of_another_form_are_found_by_the_mapping(broker_address: str, tmp_path: Path) -> None:
    from schemas.mapping import parse_field_map

    stream = Stream(broker_address, article_fields=parse_field_map("text=/body/0,id=/meta/nr"))
    events = run_through(stream, [Message(value=article(body=["talks"], meta={"nr": 12}))], tmp_path / "log")
    assert [header(record.headers, "ce_subject") for record in events] == ["12"]


def test_a_second_replay_gives_the_same_ids_and_the_same_bytes(stream: Stream, tmp_path: Path) -> None:
    messages = [Message(value=article(id=f"a-{number}", text=ALL_THREE)) for number in range(50)]
    first = run_through(stream, messages, tmp_path / "log")
    both = run_through(stream, messages, tmp_path / "log")

    def seen(records: list[Record]) -> set[tuple[str | None, bytes | None]]:
        return {(header(record.headers, "ce_id"), record.value) for record in records}

    assert len(first) == len(seen(first)) == 150
    assert len(both) == 300
    assert seen(both) == seen(first)


def test_events_of_one_key_stay_in_the_order_of_their_articles(stream: Stream, tmp_path: Path) -> None:
    messages = [
        Message(value=article(id=f"{number % 5}/{number}", text="talks"), key=b"%d" % (number % 5))
        for number in range(500)
    ]
    events = run_through(stream, messages, tmp_path / "log")
    assert len(events) == 500
    for key in range(5):
        mine = [header(record.headers, "ce_subject") or "" for record in events if record.key == b"%d" % key]
        numbers = [int(subject.split("/")[1]) for subject in mine]
        assert numbers == sorted(numbers)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_worker_finish_its_batch_and_leave(
    stream: Stream, tmp_path: Path, number: signal.Signals
) -> None:
    messages = [Message(value=article(id=f"a-{n}", text="talks"), key=b"%d" % n) for n in range(3_000)]
    with worker_process(stream.settings, tmp_path / "log", KEYWORD_WORKER) as worker:
        places = stream.send(messages)
        assert eventually(lambda: sum(stream.committed().values()) > 0)
        worker.send_signal(number)
        assert worker.wait(30) == 0
    assert len(stream.events()) == sum(stream.committed().values())

    with worker_process(stream.settings, tmp_path / "log", KEYWORD_WORKER) as worker:
        stream.wait_until_dealt_with(places, lambda: worker.poll() is None)
    assert len(stream.events()) == 3_000


def test_a_fault_of_ours_costs_one_article_and_is_dead_lettered_as_a_bug(stream: Stream, tmp_path: Path) -> None:
    texts = ["talks", "explode now", "talks again"]
    events = run_through(stream, [Message(value=article(id=t, text=t), key=b"k") for t in texts], tmp_path / "log")
    assert [header(record.headers, "ce_subject") for record in events] == ["talks", "talks again"]
    (dead,) = stream.dead_letters()
    assert header(dead.headers, "tocsin_reason") == "bug"
    assert "explode" not in (tmp_path / "log").read_text()


def test_the_breaker_stops_the_worker_and_commits_nothing_of_that_batch(broker_address: str, tmp_path: Path) -> None:
    stream = Stream(broker_address, breaker_window=10)
    with worker_process(stream.settings, tmp_path / "log", KEYWORD_WORKER) as worker:
        stream.send([Message(value=article(text=f"explode {n}")) for n in range(40)])
        assert worker.wait(60) == 1
    assert "breaker" in (tmp_path / "log").read_text().lower()
    assert sum(stream.committed().values()) <= 5
    assert len(stream.dead_letters()) <= 5


def test_metrics_are_served_and_count_every_article(broker_address: str, tmp_path: Path) -> None:
    port = free_port()
    stream = Stream(broker_address, http_port=port)
    with worker_process(stream.settings, tmp_path / "log") as worker:
        places = stream.send([Message(value=b"not json"), Message(value=article(text="Nothing to see here."))])
        stream.wait_until_dealt_with(places, lambda: worker.poll() is None)

        def page() -> str:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                return str(answer.read().decode())

        assert eventually(lambda: 'tocsin_articles_total{outcome="ignored"} 1.0' in page())
        assert 'tocsin_dead_letters_total{reason="not_json"} 1.0' in page()


def test_a_worker_without_its_topics_does_not_start(broker_address: str, tmp_path: Path) -> None:
    from dataclasses import replace

    settings = replace(Stream(broker_address).settings, events_topic="not-there")
    with worker_process(settings, tmp_path / "log") as worker:
        assert worker.wait(60) == 2
    assert "not-there" in (tmp_path / "log").read_text()


def test_a_taken_metrics_port_is_named_and_the_worker_does_not_start(stream: Stream, tmp_path: Path) -> None:
    import socket
    from dataclasses import replace

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with worker_process(replace(stream.settings, http_port=port), tmp_path / "log") as worker:
            assert worker.wait(60) == 2
    assert str(port) in (tmp_path / "log").read_text()


def test_the_worker_logs_only_json_lines_and_never_article_text(stream: Stream, tmp_path: Path) -> None:
    words = "the quick brown envoy"
    run_through(
        stream, [Message(value=article(text=f"talks {words}")), Message(value=words.encode())], tmp_path / "log"
    )
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines
    assert all(json.loads(line)["event"] for line in lines)
    assert not any(words in line for line in lines)


def test_the_worker_leaves_no_process(stream: Stream, tmp_path: Path) -> None:
    with worker_process(stream.settings, tmp_path / "log", KEYWORD_WORKER) as worker:
        pass
    assert isinstance(worker, subprocess.Popen)
    assert worker.poll() is not None


def test_a_worker_whose_reading_process_is_killed_ends_with_exit_1_also_while_nothing_comes(
    stream: Stream, tmp_path: Path
) -> None:
    with worker_process(stream.settings, tmp_path / "log", KEYWORD_WORKER) as worker:
        stream.wait_until_dealt_with(stream.send([Message(value=article(text=ALL_THREE))]))
        (reading,) = children_of(worker.pid)
        os.kill(reading, signal.SIGKILL)
        assert worker.wait(30) == 1
    assert "the process that reads articles was killed by signal 9" in (tmp_path / "log").read_text()
