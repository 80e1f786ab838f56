"""`tocsin dead list|show|replay` on a broker, as a user meets it."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consumers.detect import Reading, detect_batch
from consumers.kafka.client import KafkaReader, KafkaSender
from consumers.outcome import Rejected
from consumers.settings import Settings
from consumers.testing import KeywordClassifier, Stream
from consumers.worker_process import environment_of, worker_process
from schemas.dead_letter import encode_coordinates, encode_dead_letter
from schemas.message import Message, Record, header

Tocsin = Callable[..., Any]

KEYWORD_WORKER = ("-c", "from consumers.testing import run_keyword_worker; run_keyword_worker()")
HOSTILE = b"not json \x1b[2J\x1b]0;owned\x07 \xc2\x9b31m \xe2\x80\xae \xff\x00"
NOT_UTF8 = Message(value=HOSTILE, key=b"k", headers=(("feed", b"evening"), ("feed", b"late"), ("raw", b"\xff\x1b")))
NO_TEXT = Message(value=b'{"title": "Only a title"}', key=b"k")
BUG = Message(value=b'{"text": "explode"}', key=b"other")
TOMBSTONE = Message(value=None, key=b"gone")
LARGE = Message(value=b"x" * 5_000)


def put_aside(stream: Stream, messages: Sequence[Message], *, small: bool = False) -> list[Record]:
    """Sends messages that die, and their dead letters as a worker would; gives the records as they were read."""
    places = {(place.partition, place.offset) for place in stream.send(messages)}
    records = [record for record in stream.articles() if (record.partition, record.offset) in places]
    letters = []
    for outcome in detect_batch(records, KeywordClassifier(), Reading()):
        assert isinstance(outcome, Rejected)
        letters.append(encode_coordinates(outcome.dead_letter) if small else encode_dead_letter(outcome.dead_letter))
    write_dead_letters(stream, letters)
    return records


def write_dead_letters(stream: Stream, letters: Sequence[Message]) -> None:
    sender = KafkaSender(stream.settings)
    for pending in [sender.send(stream.settings.dead_topic, letter) for letter in letters]:
        pending.wait()
    sender.close()


def sent_back(stream: Stream) -> list[Record]:
    """The articles that a replay has sent."""
    return [record for record in stream.articles() if header(record.headers, "tocsin_first_seen")]


def listed(tocsin: Tocsin, stream: Stream, *options: object) -> list[Any]:
    said = tocsin("dead", "list", *options, settings=stream.settings)
    assert said.code == 0, said.err
    return [json.loads(line) for line in said.out.splitlines()]


def on_a_terminal(settings: Settings, *arguments: str, columns: int = 120) -> bytes:
    """What the command writes to a terminal."""
    ours, theirs = pty.openpty()
    environment = environment_of(settings) | {"TERM": "xterm", "COLUMNS": str(columns)}
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "consumers.cli", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env=environment,
    ):
        os.close(theirs)
        found = b""
        try:
            while chunk := os.read(ours, 65_536):
                found += chunk
        except OSError:  # Linux says so where the other end is closed
            pass
    os.close(ours)
    return found


@pytest.fixture
def one(broker_address: str) -> Stream:
    """A stream with one partition per topic, so that dead letters have an order."""
    return Stream(broker_address, partitions=1)


def test_list_has_a_line_for_every_letter_with_what_is_known_of_it(tocsin: Tocsin, one: Stream) -> None:
    records = put_aside(one, [NOT_UTF8, NO_TEXT, BUG])
    first, second, third = listed(tocsin, one)
    assert [line["reason"] for line in (first, second, third)] == ["not_utf8", "contract", "bug"]
    assert first["place"] == "0@0"
    assert first["article"] == {"topic": one.settings.articles_topic, "partition": 0, "offset": records[0].offset}
    assert (first["key"], first["attempts"], first["size_bytes"], first["whole"]) == ("k", 1, len(HOSTILE), True)
    assert "expected a string" in second["error"]
    assert first["first_seen"] <= first["died"]


@pytest.mark.parametrize(
    ("options", "places"),
    [
        ((), ["0@0", "0@1", "0@2"]),
        (("--reason", "bug"), ["0@2"]),
        (("--reason", "bug", "--reason", "not_utf8"), ["0@0", "0@2"]),
        (("--since", "1h"), ["0@0", "0@1", "0@2"]),
        (("--until", "1h"), []),
        (("--since", "2099-01-01T00:00:00Z"), []),
        (("--partition", "0", "--limit", "2"), ["0@0", "0@1"]),
    ],
    ids=lambda value: " ".join(value) or "all",
)
def test_list_shows_what_is_asked_for(tocsin: Tocsin, letters: Stream, options: Any, places: list[str]) -> None:
    assert [line["place"] for line in listed(tocsin, letters, *options)] == places


@pytest.fixture(scope="module")
def letters(broker_address: str) -> Stream:
    """Three dead letters that nobody sends back."""
    stream = Stream(broker_address, partitions=1)
    put_aside(stream, [NOT_UTF8, NO_TEXT, BUG])
    return stream


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("list", "--since", "yesterday"), 2, "expected a time such as"),
        (("list", "--since", "999999w"), 2, "expected a time such as"),
        (("list", "--reason", "weather"), 2, "weather"),
        (("list", "--partition", "7"), 2, "has partitions 0 to 0"),
        (("show", "7"), 2, "expected PARTITION@OFFSET"),
        (("show", "0@99"), 1, "no dead letter at 0@99"),
        (("show", "7@0"), 1, "no dead letter at 7@0"),
        (("replay", "--max-attempts", "0"), 2, "max-attempts"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_done_is_told(
    tocsin: Tocsin, letters: Stream, arguments: tuple[str, ...], code: int, told: str
) -> None:
    said = tocsin("dead", *arguments, settings=letters.settings)
    assert (said.code, said.out) == (code, "")
    assert told in said.err
    assert "Traceback" not in said.err


def test_a_missing_topic_is_told(tocsin: Tocsin, letters: Stream) -> None:
    settings = replace(letters.settings, dead_topic="not-there")
    for verb in (["list"], ["show", "0@0"], ["replay"]):
        said = tocsin("dead", *verb, settings=settings)
        assert said.code == 2
        assert "not-there" in said.err


def test_show_gives_everything_and_raw_the_bytes(tocsin: Tocsin, letters: Stream) -> None:
    shown = json.loads(tocsin("dead", "show", "0@0", settings=letters.settings).out)
    assert shown["reason"] == "not_utf8"
    assert shown["headers"][:3] == [["feed", "evening"], ["feed", "late"], ["raw", "\\xff\x1b"]]
    assert shown["value"].startswith("not json \x1b[2J")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "consumers.cli", "dead", "show", "0@0", "--raw"],
        env=environment_of(letters.settings),
        capture_output=True,
        check=True,
    )
    assert done.stdout == HOSTILE


@pytest.mark.parametrize(
    "verb", [["list"], ["list", "--json"], ["show", "0@0"], ["show", "0@0", "--json"]], ids=" ".join
)
def test_a_hostile_article_does_nothing_to_a_terminal(letters: Stream, verb: list[str]) -> None:
    said = on_a_terminal(letters.settings, "dead", *verb)
    assert b"not_utf8" in said
    text = said.replace(b"\r\n", b"").decode()
    assert text.isprintable()


def test_a_table_has_one_line_per_letter(letters: Stream) -> None:
    lines = on_a_terminal(letters.settings, "dead", "list", columns=100).decode().splitlines()
    assert [line.split()[0] for line in lines] == ["place", "0@0", "0@1", "0@2"]
    assert all(len(line) <= 100 for line in lines)


def test_raw_bytes_do_not_go_to_a_terminal(letters: Stream) -> None:
    assert on_a_terminal(letters.settings, "dead", "show", "0@0", "--raw") == b""


def test_a_letter_without_bytes_says_so(tocsin: Tocsin, one: Stream) -> None:
    put_aside(one, [NOT_UTF8], small=True)
    (line,) = listed(tocsin, one)
    assert (line["whole"], line["size_bytes"], line["key"]) == (False, len(HOSTILE), None)
    said = tocsin("dead", "show", "0@0", "--raw", settings=one.settings)
    assert (said.code, said.out) == (1, "")
    assert "no bytes" in said.err


def test_a_replay_is_dry_unless_it_is_told_yes(tocsin: Tocsin, one: Stream) -> None:
    put_aside(one, [NOT_UTF8, NO_TEXT, BUG])
    said = tocsin("dead", "replay", settings=one.settings)
    assert said.code == 0
    assert "would send 3 dead letter(s)" in said.err
    assert "1 bug, 1 contract, 1 not_utf8" in said.err
    assert len(one.articles()) == 3


def test_a_replay_sends_key_value_and_headers_as_they_were(tocsin: Tocsin, stream: Stream) -> None:
    died = put_aside(stream, [NOT_UTF8, NO_TEXT, BUG, TOMBSTONE, Message(value=b"x", key=None)])
    said = tocsin("dead", "replay", "--yes", settings=stream.settings)
    assert said.code == 0, said.err
    assert "sent 5 dead letter(s)" in said.err
    back = sent_back(stream)

    def content(record: Record, ours: int) -> tuple[object, ...]:
        return record.key, record.value, record.headers[: len(record.headers) - ours]

    assert sorted((content(r, 2) for r in back), key=repr) == sorted((content(r, 0) for r in died), key=repr)
    for record in back:
        assert [name for name, _ in record.headers[-2:]] == ["tocsin_attempts", "tocsin_first_seen"]
        assert header(record.headers, "tocsin_attempts") == "1"


def test_a_letter_is_sent_once_unless_again(tocsin: Tocsin, stream: Stream) -> None:
    put_aside(stream, [NOT_UTF8, NO_TEXT, BUG])
    tocsin("dead", "replay", "--yes", settings=stream.settings)
    said = tocsin("dead", "replay", "--yes", settings=stream.settings)
    assert "sent 0 dead letter(s)" in said.err
    assert "left out: 3 sent back before" in said.err
    said = tocsin("dead", "replay", "--yes", "--again", "--reason", "bug", settings=stream.settings)
    assert "sent 1 dead letter(s)" in said.err
    assert len(sent_back(stream)) == 3 + 1


def test_a_limit_is_kept_and_what_remains_is_told_and_sent_later(tocsin: Tocsin, stream: Stream) -> None:
    put_aside(stream, [Message(value=b"no json %d" % n, key=b"%d" % (n % 7)) for n in range(50)])
    said = tocsin("dead", "replay", "--yes", "--limit", "20", settings=stream.settings)
    assert "sent 20 dead letter(s)" in said.err
    assert "remaining: 30 more than --limit 20" in said.err
    assert len(sent_back(stream)) == 20
    tocsin("dead", "replay", "--yes", settings=stream.settings)
    # The embedded broker keeps no notes: there, what was sent beyond the first that was not comes again.
    assert {record.value for record in sent_back(stream)} == {b"no json %d" % n for n in range(50)}


def test_more_than_a_batch_goes_back_in_the_order_of_its_keys(tocsin: Tocsin, stream: Stream) -> None:
    put_aside(stream, [Message(value=b"no json %d" % n, key=b"%d" % (n % 5)) for n in range(700)])
    assert tocsin("dead", "replay", "--yes", "--limit", "5000", settings=stream.settings).code == 0
    back = sent_back(stream)
    assert len(back) == 700
    for key in range(5):
        numbers = [int((r.value or b"").split()[-1]) for r in back if r.key == b"%d" % key]
        assert numbers == list(range(key, 700, 5))


def test_what_cannot_go_back_is_left_out_and_counted(tocsin: Tocsin, stream: Stream) -> None:
    put_aside(stream, [NOT_UTF8], small=True)
    put_aside(stream, [BUG])
    tired = Message(value=b"no", key=b"k", headers=(("tocsin_attempts", b"2"),))
    put_aside(stream, [tired])
    place = (("__connect.errors.partition", b"0"), ("__connect.errors.offset", b"0"))
    elsewhere = replace(BUG, headers=(("__connect.errors.topic", b"others"), ("tocsin_reason", b"bug"), *place))
    write_dead_letters(stream, [elsewhere, Message(value=b"junk", key=b"k")])
    said = tocsin("dead", "replay", "--yes", settings=stream.settings)
    assert "sent 1 dead letter(s)" in said.err
    for told in ("1 without the article's bytes", "1 refused too often", "1 from another", "1 no dead letter"):
        assert f"left out: {told}" in said.err
    assert [record.value for record in sent_back(stream)] == [BUG.value]
    said = tocsin("dead", "replay", "--yes", "--max-attempts", "4", "--reason", "not_json", settings=stream.settings)
    assert "sent 1 dead letter(s)" in said.err
    assert {record.value for record in sent_back(stream)} == {BUG.value, b"no"}


def test_an_article_that_dies_again_counts_on_and_is_left_at_the_third_time(
    tocsin: Tocsin, stream: Stream, tmp_path: Path
) -> None:
    headers = (("feed", None), ("feed", b"late"), ("tocsin_replay", b"run-7"))
    with worker_process(stream.settings, tmp_path / "log", KEYWORD_WORKER) as worker:
        stream.wait_until_dealt_with(stream.send([replace(NOT_UTF8, headers=headers)]), lambda: worker.poll() is None)
        for times in (2, 3, 3):
            said = tocsin("dead", "replay", "--yes", settings=stream.settings)
            assert said.code == 0, said.err
            stream.wait_until_dealt_with(stream.articles(), lambda: worker.poll() is None)
            assert len(stream.dead_letters()) == times
    assert "left out: 1 refused too often" in said.err
    dead = stream.dead_letters()
    assert sorted(header(r.headers, "tocsin_attempts") or "" for r in dead) == ["1", "2", "3"]
    assert len({header(r.headers, "tocsin_first_seen") for r in dead}) == 1
    assert {(r.key, r.value) for r in dead} == {(b"k", HOSTILE)}
    assert {r.headers[1:3] for r in dead} == {(("feed", b"late"), ("tocsin_replay", b"run-7"))}


def test_what_was_mended_rings_at_last(tocsin: Tocsin, broker_address: str, tmp_path: Path) -> None:
    stream = Stream(broker_address, max_article_bytes=1_024)
    article = json.dumps({"id": "a-1", "text": "talks " + "and more " * 200}).encode()
    with worker_process(stream.settings, tmp_path / "log", KEYWORD_WORKER) as worker:
        stream.wait_until_dealt_with(stream.send([Message(value=article)]), lambda: worker.poll() is None)
    assert not stream.events()
    mended = replace(stream.settings, max_article_bytes=1_048_576)
    with worker_process(mended, tmp_path / "log", KEYWORD_WORKER) as worker:
        said = tocsin("dead", "replay", "--reason", "too_large", "--yes", settings=stream.settings)
        assert "sent 1 dead letter(s)" in said.err
        stream.wait_until_dealt_with(stream.articles(), lambda: worker.poll() is None)
    (event,) = stream.events()
    assert header(event.headers, "ce_subject") == "a-1"
    assert header(event.headers, "ce_replay") is None
    assert not [name for name, _ in event.headers if name.startswith("tocsin_")]


def test_a_worker_that_refuses_as_fast_as_it_is_sent_to_does_not_make_it_go_round(
    tocsin: Tocsin, stream: Stream, tmp_path: Path
) -> None:
    messages = [Message(value=b"no json %d" % n, key=b"%d" % n) for n in range(700)]
    with worker_process(stream.settings, tmp_path / "log", KEYWORD_WORKER) as worker:
        stream.wait_until_dealt_with(stream.send(messages), lambda: worker.poll() is None)
        said = tocsin("dead", "replay", "--yes", "--limit", "9000", settings=stream.settings)
        assert "sent 700 dead letter(s)" in said.err
        stream.wait_until_dealt_with(stream.articles(), lambda: worker.poll() is None)
    assert len(stream.articles()) == 1_400


def test_the_offsets_of_the_workers_are_not_touched(tocsin: Tocsin, stream: Stream) -> None:
    put_aside(stream, [NOT_UTF8])
    tocsin("dead", "replay", "--yes", settings=stream.settings)
    assert not stream.committed()
    reader = KafkaReader(stream.settings, group=f"{stream.settings.group}.dead-replay")
    assert list(reader.committed(stream.settings.dead_topic).values()) == [1]
    reader.close()
