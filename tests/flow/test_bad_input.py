"""Every bad article of the house through a running worker on a real broker.

Each is either read or dead-lettered with its reason and its bytes unchanged; the articles before and after it come
through, and the worker goes on.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from consumers.kafka.client import Place
from consumers.testing import Stream
from consumers.worker_process import worker_process
from schemas.codec import decode_article, decode_event
from schemas.message import Headers, Message, Record, header

TALKS = "The foreign ministers of Ghana and Togo held talks in Accra on Monday."
READ = "read"


@dataclass(frozen=True, kw_only=True)
class Bad:
    name: str
    value: bytes | None
    gives: str = READ
    key: bytes | None = None
    headers: Headers = ()


def text(article_text: str, **fields: object) -> bytes:
    return json.dumps({"text": article_text} | fields).encode()


CASES = [
    Bad(name="empty value", value=b"", key=b"k", gives="not_json"),
    Bad(name="tombstone", value=None, key=b"k", gives="contract"),
    Bad(name="tombstone without a key", value=None, gives="contract"),
    Bad(name="not UTF-8", value=b'{"text": "caf\xe9"}', gives="not_utf8"),
    Bad(name="UTF-8 with BOM", value=b"\xef\xbb\xbf" + text(TALKS)),
    Bad(name="truncated JSON", value=text(TALKS)[:-5], gives="not_json"),
    Bad(name="a number", value=b"42", gives="contract"),
    Bad(name="a list", value=b"[]", gives="contract"),
    Bad(name="a string", value=b'"text"', gives="contract"),
    Bad(name="nesting 10,000 deep", value=b'{"text": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", gives="not_json"),
    Bad(name="missing text", value=b'{"title": "Only a title"}', gives="contract"),
    Bad(name="empty text", value=text(""), gives="contract"),
    Bad(name="white space only", value=text(" \n\t\u00a0 "), gives="contract"),
    Bad(name="2 MiB of text", value=text("x" * 2 * 1024 * 1024), gives="too_large"),
    Bad(name="200,001 characters", value=text("y" * 200_001), gives="contract"),
    Bad(name="text a number", value=b'{"text": 5}', gives="contract"),
    Bad(name="title a list", value=text(TALKS, title=["a"]), gives="contract"),
    Bad(name="url an object", value=text(TALKS, url={"a": 1}), gives="contract"),
    Bad(name="source a boolean", value=text(TALKS, source=True), gives="contract"),
    Bad(name="language a number", value=text(TALKS, language=1), gives="contract"),
    Bad(name="date that is none", value=text(TALKS, published_at="yesterday"), gives="contract"),
    Bad(name="30 February", value=text(TALKS, published_at="2024-02-30T00:00:00Z"), gives="contract"),
    Bad(name="NUL characters", value=text("\x00" + TALKS + "\x00")),
    Bad(name="lone surrogate", value=b'{"text": "a \\ud800 b"}', gives="not_json"),
    Bad(name="emoji only", value=text("\U0001f514" * 50)),
    Bad(name="HTML instead of JSON", value=b"<html><body>" + TALKS.encode() + b"</body></html>", gives="not_json"),
    Bad(name="HTML as text", value=text(f"<p>{TALKS}</p><script>alert(1)</script>")),
    Bad(name="one sentence of 100,000 characters", value=text("and " * 25_000)),
    Bad(name="one word of 100,000 characters", value=text("a" * 100_000)),
    Bad(name="id of 300 characters", value=text(TALKS, id="i" * 300), gives="contract"),
    Bad(name="duplicate keys", value=b'{"text": 5, "text": "Nothing happened at all today."}'),
    Bad(name="key not UTF-8", value=text(TALKS), key=b"\xff\xfe"),
    Bad(name="header values not UTF-8", value=text(TALKS), headers=(("content-type", b"\xff"), ("x", b"\xfe\xff"))),
    Bad(name="a header twice", value=text("", id="n"), headers=(("a", b"1"), ("a", b"2")), gives="contract"),
    Bad(name="plain text not UTF-8", value=b"caf\xe9", headers=(("content-type", b"text/plain"),), gives="not_utf8"),
]


@dataclass(frozen=True, kw_only=True)
class Ran:
    places: dict[str, Place]
    events: list[Record]
    dead: list[Record]
    exit_code: int | None


@pytest.fixture(scope="module")
def ran(broker_address: str, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """All of them in one stream, each between two good articles, in one order on one partition."""
    stream = Stream(broker_address, partitions=1, topic_max_bytes=4 * 1024 * 1024)
    messages: list[Message] = []
    for case in CASES:
        messages.append(Message(value=text(TALKS, id=f"before {case.name}"), key=b"good"))
        messages.append(Message(value=case.value, key=case.key, headers=case.headers))
        messages.append(Message(value=text(TALKS, id=f"after {case.name}"), key=b"good"))
    log: Path = tmp_path_factory.mktemp("worker") / "log"
    with worker_process(stream.settings, log) as worker:
        places = stream.send(messages)
        stream.wait_until_dealt_with(places, lambda: worker.poll() is None)
        exit_code = worker.poll()
    named = {case.name: places[3 * number + 1] for number, case in enumerate(CASES)}
    return Ran(places=named, events=stream.events(), dead=stream.dead_letters(), exit_code=exit_code)


def dead_letters_at(ran: Ran, place: Place) -> list[Record]:
    at = (str(place.partition), str(place.offset))
    return [
        record
        for record in ran.dead
        if (
            header(record.headers, "__connect.errors.partition"),
            header(record.headers, "__connect.errors.offset"),
        )
        == at
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_bad_article_is_read_or_dead_lettered_with_its_bytes_unchanged(ran: Ran, case: Bad) -> None:
    found = dead_letters_at(ran, ran.places[case.name])
    if case.gives == READ:
        assert not found
        return
    (record,) = found
    assert header(record.headers, "tocsin_reason") == case.gives
    assert (record.value, record.key) == (case.value, case.key)
    assert record.headers[: len(case.headers)] == case.headers


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_articles_before_and_after_it_come_through(ran: Ran, case: Bad) -> None:
    subjects = [header(record.headers, "ce_subject") for record in ran.events]
    assert subjects.count(f"before {case.name}") == 1
    assert subjects.count(f"after {case.name}") == 1


def test_the_worker_goes_on(ran: Ran) -> None:
    assert ran.exit_code is None


@pytest.mark.parametrize("name", ["UTF-8 with BOM", "NUL characters", "HTML as text"])
def test_an_odd_article_that_is_read_rings_with_a_quote_that_slices_back(ran: Ran, name: str) -> None:
    case = next(case for case in CASES if case.name == name)
    article = decode_article(case.value)
    events = [decode_event(r.value) for r in ran.events if header(r.headers, "ce_subject") == article.id]
    assert events
    for evidence in events[0].evidence:
        assert article.text[evidence.start : evidence.end] == evidence.quote


def test_an_event_keeps_a_key_that_is_not_utf8(ran: Ran) -> None:
    assert [record.key for record in ran.events].count(b"\xff\xfe") == 1
