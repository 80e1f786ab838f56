"""A hundred thousand hostile messages: each gives exactly one outcome, none ends the reading, none takes long.

Mutants of the seeds and of the contract's examples, and plain noise; the same ones every time.
"""

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema

from consumers.detect import Reading, detect_batch
from consumers.outcome import Ignored, Outcome, Published, Rejected
from consumers.testing import KeywordClassifier, Stream
from consumers.worker_process import worker_process
from models.classifier import load_classifier
from models.tags import Classifier
from schemas.codec import decode_article, decode_event
from schemas.dead_letter import encode_dead_letter, sent_back
from schemas.errors import Reason
from schemas.mapping import parse_field_map
from schemas.message import Headers, Message, Record, header

ROOT = Path(__file__).resolve().parents[2]
V1 = ROOT / "schemas" / "v1"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BATCH = 100
FIELDS = ("text", "title", "id", "url", "source", "language", "published_at")


def schema(name: str) -> Any:
    return jsonschema.Draft202012Validator(json.loads((V1 / f"{name}.schema.json").read_text()))


def sources() -> list[bytes]:
    """Every seed and every example of an article, good and bad, as bytes."""
    files = [*(ROOT / "seeds").glob("*-*.*"), *(V1 / "examples" / "article").rglob("*.*")]
    return [path.read_bytes() for path in sorted(files)]


class Mutator:
    """Makes messages out of sources; the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - the same ones every time
        self.sources = sources()
        self.documents = [found for found in map(_document, self.sources) if found is not None]
        self.plain = [source for source in self.sources if _document(source) is None]

    def messages(self, count: int) -> Iterator[Message]:
        for _ in range(count):
            yield Message(value=self._value(), key=self._key(), headers=self._headers())

    def _value(self) -> bytes | None:
        kind = self.chance.random()
        if kind < 0.01:
            return self.chance.choice((None, b"", b" ", b"\xef\xbb\xbf", b"null", b"0", b"[]", b'""', b"{}"))
        if kind < 0.06:
            return self.chance.randbytes(self.chance.choice((1, 7, 64, 500)))
        if kind < 0.8:
            value = self._written(self._changed(dict(self.chance.choice(self.documents))))
        else:
            value = self.chance.choice(self.sources)
        for _ in range(self.chance.choice((0, 0, 0, 0, 1, 1, 2, 5))):
            value = self.chance.choice(BYTE_CHANGES)(value, self.chance, self)
        return value

    def _changed(self, document: dict[str, Any]) -> dict[str, Any]:
        for _ in range(self.chance.choice((0, 1, 1, 2, 3))):
            field = self.chance.choice(FIELDS)
            match self.chance.randrange(7):
                case 0:
                    document[field] = self._odd()
                case 1:
                    other = self.chance.choice(FIELDS)
                    document[field], document[other] = document.get(other), document.get(field)
                case 2:
                    document.pop(field, None)
                case 3:
                    document[field] = self._long()
                case 4:
                    document["text"] = str(document.get("text")) + " " + self.chance.choice(ODD_TEXTS)
                case 5:
                    document["text"] = f"{document.get('text')} {self.chance.choice(RINGING)}"
                case 6:
                    document[self.chance.choice(ODD_TEXTS)] = document.get(field)
        return document

    def _odd(self) -> Any:
        if self.chance.random() < 0.3:
            return self.chance.choice(ODD_TEXTS)
        value = self.chance.choice(ODD_VALUES)
        for _ in range(self.chance.choice((0, 0, 0, 1, 3, 50, 300))):
            value = [value] if self.chance.random() < 0.5 else {"text": value}
        return value

    def _long(self) -> str:
        """A text about as long as a limit allows; the longest ones seldom."""
        limit = 200_000 if self.chance.random() < 0.01 else self.chance.choice((64, 256, 4_096))
        unit = self.chance.choice(("a", "talks ", "é", "漢", "\U0001f514", "e\u0301", " ", ". ", "(", "A. "))
        return (unit * limit)[: limit + self.chance.choice((-1, 0, 1))]

    def _written(self, document: dict[str, Any]) -> bytes:
        """As JSON, sometimes with a key twice, a number that no double holds, or raw characters that JSON forbids."""
        text = json.dumps(document, ensure_ascii=self.chance.random() < 0.5)
        match self.chance.randrange(12):
            case 0:
                text = text[:-1] + f', "{self.chance.choice(FIELDS)}": {self.chance.choice(RAW_VALUES)}}}'
            case 1:
                text = f'{{"{self.chance.choice(FIELDS)}": {self.chance.choice(RAW_VALUES)}, ' + text[1:]
            case 2:
                text = text.replace(" ", self.chance.choice(("\n", "\x00", "\u2028", "\t")), 1)
        return text.encode(errors=self.chance.choice(("surrogatepass", "replace")))

    def _key(self) -> bytes | None:
        return self.chance.choice((None, b"", b"k", b"\xff\xfe", b"\x00", b"k" * 1_000, self.chance.randbytes(8)))

    def _headers(self) -> Headers:
        if self.chance.random() < 0.4:
            return ()
        return tuple(self._header() for _ in range(self.chance.choice((1, 1, 2, 5))))

    def _header(self) -> tuple[str, bytes | None]:
        if self.chance.random() < 0.5:
            return "content-type", self.chance.choice(CONTENT_TYPES)
        return self.chance.choice(HEADER_NAMES), self.chance.choice(HEADER_VALUES)


def _document(source: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(source)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def flip(value: bytes, chance: random.Random, _: Mutator) -> bytes:
    flipped = bytearray(value)
    for _number in range(chance.choice((1, 1, 2, 8))):
        if flipped:
            flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def cut(value: bytes, chance: random.Random, _: Mutator) -> bytes:
    return value[: chance.randrange(len(value) + 1)]


def drop(value: bytes, chance: random.Random, _: Mutator) -> bytes:
    start = chance.randrange(len(value) + 1)
    return value[:start] + value[start + chance.choice((1, 2, 30)) :]


def double(value: bytes, chance: random.Random, _: Mutator) -> bytes:
    start = chance.randrange(len(value) + 1)
    return value[:start] + value[start : start + 200] * chance.choice((2, 3, 10)) + value[start + 200 :]


def splice(value: bytes, chance: random.Random, mutator: Mutator) -> bytes:
    other = chance.choice(mutator.sources)
    return value[: chance.randrange(len(value) + 1)] + other[chance.randrange(len(other) + 1) :]


def insert(value: bytes, chance: random.Random, _: Mutator) -> bytes:
    start = chance.randrange(len(value) + 1)
    return value[:start] + chance.choice(ODD_BYTES) + value[start:]


BYTE_CHANGES = (flip, cut, drop, double, splice, insert)
ODD_BYTES = (
    *(b"\x00", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x80", b"\xef\xbb\xbf", b"\x1b[2J"),
    *(b'"', b"\\", b"\\u0000", b"\\ud800", b"\\udc00\\ud800", b"}", b"{", b",", b"[" * 2_000, b'{"a":' * 500),
    *(b"1e999", b"-", b"9" * 400, b"NaN", b"/*", b"\r\n", b"talks", b"sanctions warning", b"program exclusion"),
)
RINGING = ("talks", "sanctions warning", "program exclusion")
"""What the KeywordClassifier hears."""

ODD_TEXTS = (
    *("", " ", "\x00", "\u2028", "\u202e", "\ufeff", "\ud800", "\udfff", "\U000e0041" * 30, "\u0300" * 500, "ﷺ" * 50),
    *(*RINGING, "en", "x-klingon", "EN_us", "2026-02-30T00:00:00Z"),
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-03-02T12:00:60Z", "٢٠٢٦-٠٣-٠٢T12:00:00Z"),
    *("\n" * 300, "Mr. " * 200, "“" * 100, "((((" * 100, "a" * 5_000, "<b>" * 300, "\U0001f468\u200d\U0001f469" * 40),
)
ODD_VALUES = (None, True, False, 0, -1, 1.5, -0.0, 10**30, -(10**400), 1e308, [], {}, [None], {"": ""}, "text")
RAW_VALUES = ("1e999", "-1e-999", "9" * 500, "NaN", "Infinity", '"\\ud800"', '"\\u0000"', "null", "[" * 999, "tru", '"')
CONTENT_TYPES = (
    *(b"text/plain", b"TEXT/Plain ; charset=latin-1", b"text/plain;charset=utf-16", b" text/plain", b"text/plain\x00"),
    *(b"application/json", b"text/html", b"", b"\xff", None, b";", b"text/plain," * 500, "text/plаin".encode()),
)
HEADER_NAMES = (
    *("", "x", "\x00", "é", "tocsin_replay", "tocsin_attempts", "tocsin_first_seen", "tocsin_reason"),
    *("tocsin_null_headers", "__connect.errors.topic", "traceparent", "tracestate", "ce_id", "x" * 500),
)
HEADER_VALUES = (
    None,
    b"",
    b"1",
    b"-1",
    b"999999999",
    b"\xff\xfe",
    b"a\r\nb: c",
    b"\x00",
    b"x" * 5_000,
    b"0,1",
    b"run-7",
)


def check(record: Record, outcome: Outcome, schemas: dict[str, Any] | None) -> str:
    """Fails where the outcome is not a proper one; with schemas, also where its bytes do not hold the contract."""
    match outcome:
        case Ignored():
            return "ignored"
        case Published(events=events):
            assert events
            assert len({header(event.headers, "ce_id") for event in events}) == len(events)
            for event in events if schemas else ():
                check_event(record, event, schemas or {})
            return "published"
        case Rejected(dead_letter=dead):
            assert dead.reason is not Reason.BUG, dead.error_message
            assert dead.record == record
            if schemas:
                check_letter(record, encode_dead_letter(dead), schemas)
            return dead.reason.value


def check_event(record: Record, event: Message, schemas: dict[str, Any]) -> None:
    assert event.value is not None
    schemas["event"].validate(json.loads(event.value))
    carried = ("traceparent", "tracestate")  # as they came, whatever they are
    ours = {name: (value or b"").decode() for name, value in event.headers if name not in carried}
    schemas["event_headers"].validate(ours)
    decoded = decode_event(event.value)
    assert event.key == (record.key if record.key is not None else decoded.article.id.encode())
    if "mapped" not in schemas:
        article = decode_article(record.value, header(record.headers, "content-type"))
        for found in decoded.evidence:
            whole = article.text if found.part.value == "text" else article.title or ""
            assert whole[found.start : found.end] == found.quote


def check_letter(record: Record, letter: Message, schemas: dict[str, Any]) -> None:
    assert (letter.key, letter.value) == (record.key, record.value)
    theirs = tuple(pair for pair in record.headers if not pair[0].startswith("__connect") and pair[0] not in OURS)
    assert letter.headers[: len(theirs)] == theirs
    schemas["dead_letter_headers"].validate(
        {name: (value or b"").decode() for name, value in letter.headers[len(theirs) :]}
    )
    again = sent_back(replace(record, headers=letter.headers))
    assert (again.key, again.value) == (record.key, record.value)


OURS = ("tocsin_reason", "tocsin_attempts", "tocsin_first_seen", "tocsin_value_sha256", "tocsin_value_bytes")


def fuzz(classifier: Classifier, *, count: int, seed: int, every: int) -> tuple[Counter[str], float]:
    """How many gave what, and the processor seconds of the slowest batch; every so manieth is looked at closely."""
    schemas = {name: schema(name) for name in ("event", "event_headers", "dead_letter_headers")}
    found: Counter[str] = Counter()
    slowest_s = 0.0
    records = [
        Record(value=m.value, key=m.key, headers=m.headers, topic="articles", partition=n % 3, offset=n, timestamp=NOON)
        for n, m in enumerate(Mutator(seed).messages(count))
    ]
    readings = (Reading(), Reading(max_article_bytes=100_000), Reading(fields=MAPPED))
    for number, start in enumerate(range(0, count, BATCH)):
        batch, reading = records[start : start + BATCH], readings[number % 3 if number % 5 == 0 else 0]
        began = time.process_time()
        outcomes = detect_batch(batch, classifier, reading)
        slowest_s = max(slowest_s, time.process_time() - began)
        looked_at = schemas | ({"mapped": True} if reading.fields else {})
        for record, outcome in zip(batch, outcomes, strict=True):
            found[check(record, outcome, looked_at if record.offset % every == 0 else None)] += 1
    return found, slowest_s


MAPPED = parse_field_map("text=/text,title=/source,id=/title,url=/a/0/b")


def test_a_hundred_thousand_hostile_messages_give_an_outcome_each() -> None:
    found, slowest_s = fuzz(KeywordClassifier(), count=100_000, seed=2026, every=10)
    assert found.total() == 100_000
    # Every kind of outcome is met often, or else the mutants have become dull.
    assert set(found) == {"ignored", "published", "not_utf8", "not_json", "contract", "too_large"}
    assert min(found[kind] for kind in ("ignored", "published", "not_utf8", "not_json", "contract")) > 3_000
    assert slowest_s < 5


def test_the_shipped_model_reads_five_thousand_of_them() -> None:
    found, slowest_s = fuzz(load_classifier(), count=5_000, seed=7, every=2)
    assert found.total() == 5_000
    assert min(found["ignored"], found["published"]) > 300
    assert slowest_s < 30


def test_a_running_worker_accounts_for_five_thousand_of_them(broker_address: str, tmp_path: Path) -> None:
    stream = Stream(broker_address, topic_max_bytes=4 * 1024 * 1024)
    with worker_process(stream.settings, tmp_path / "log") as worker:
        places = stream.send(list(Mutator(99).messages(5_000)))
        stream.wait_until_dealt_with(places, lambda: worker.poll() is None)
        assert worker.poll() is None
    records = stream.articles()
    assert len(records) == 5_000

    events: Counter[tuple[bytes | None, bytes | None, str | None]] = Counter()
    letters: dict[tuple[str, str], tuple[bytes | None, bytes | None, str]] = {}
    for record, outcome in zip(records, detect_batch(records, load_classifier()), strict=True):
        check(record, outcome, None)
        if isinstance(outcome, Published):
            events.update((event.key, event.value, header(event.headers, "ce_id")) for event in outcome.events)
        if isinstance(outcome, Rejected):
            at = (str(record.partition), str(record.offset))
            letters[at] = (record.key, record.value, outcome.dead_letter.reason.value)

    assert Counter((r.key, r.value, header(r.headers, "ce_id")) for r in stream.events()) == events
    dead = stream.dead_letters()
    assert len(dead) == len(letters)
    assert {_coordinates(r): (r.key, r.value, header(r.headers, "tocsin_reason") or "") for r in dead} == letters


def _coordinates(letter: Record) -> tuple[str, str]:
    names = ("__connect.errors.partition", "__connect.errors.offset")
    partition, offset = (header(letter.headers, name) or "" for name in names)
    return partition, offset
