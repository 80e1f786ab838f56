"""Dead letters: nothing of the message is lost, and the headers say why it could not be read."""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import schemas
from consumers.detect import detect_batch
from consumers.outcome import Rejected
from models.tags import Tags
from schemas.article import Article
from schemas.dead_letter import DeadLetter, encode_coordinates, encode_dead_letter
from schemas.errors import Reason
from schemas.event import ModelRef
from schemas.message import Headers, Message, Record, header

PROPERTY = settings(deadline=None, max_examples=100, derandomize=True)
EXAMPLES = sorted((Path(schemas.__file__).parent / "v1" / "examples" / "dead_letter").rglob("*.json"))
WHOLE = ["not_utf8", "not_json", "contract", "contract_sent_back_and_refused_again", "contract_tombstone", "bug"]
SMALL = ["too_large", "undecodable"]
OURS = ("__connect.errors.", "tocsin_")

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
RECORD = Record(value=b"caf\xe9", key=b"lake", topic="articles", partition=2, offset=871, timestamp=NOON)


class Broken:
    """A classifier with a fault of ours, with which every article that can be read is a `bug`."""

    model = ModelRef(name="broken", version="1", sha256="0" * 64)

    def tag(self, articles: Sequence[Article]) -> list[Tags]:
        raise ValueError(articles[0].text)


def dead(record: Record = RECORD, message: str = "articles[2]@871: value: expected UTF-8") -> DeadLetter:
    return DeadLetter(
        record=record,
        reason=Reason.NOT_UTF8,
        stage="VALUE_CONVERTER",
        error_class="schemas.errors.ContractError",
        error_message=message,
    )


def refused(record: Record) -> DeadLetter:
    (outcome,) = detect_batch([record], Broken())
    assert isinstance(outcome, Rejected)
    return outcome.dead_letter


def text_of(message: Message, name: str) -> str | None:
    return header(message.headers, name)


def sent_back(message: Message, offset: int, day: int) -> Record:
    """The dead letter as it is read after someone sent it to the articles topic again."""
    return Record(
        value=message.value,
        key=message.key,
        headers=message.headers,
        topic="articles",
        partition=0,
        offset=offset,
        timestamp=datetime(2026, 3, day, 8, 0, tzinfo=UTC),
    )


def example(name: str) -> Any:
    (path,) = [path for path in EXAMPLES if path.stem == name]
    return json.loads(path.read_bytes())


def message_of(shown: Any) -> Message:
    return Message(
        key=None if shown["key"] is None else shown["key"].encode(),
        value=None if shown["value_base64"] is None else base64.b64decode(shown["value_base64"], validate=True),
        headers=tuple((name, None if text is None else text.encode()) for name, text in shown["headers"]),
    )


def refused_record_of(message: Message) -> Record:
    """The record that became this dead letter, as far as the letter tells."""
    first_seen = datetime.fromisoformat(text_of(message, "tocsin_first_seen") or "")
    return Record(
        value=message.value,
        key=message.key,
        headers=tuple(pair for pair in message.headers if not pair[0].startswith(OURS)),
        topic=text_of(message, "__connect.errors.topic") or "",
        partition=int(text_of(message, "__connect.errors.partition") or ""),
        offset=int(text_of(message, "__connect.errors.offset") or ""),
        timestamp=first_seen,
    )


def test_there_is_an_example_for_every_reason() -> None:
    assert {path.stem for path in EXAMPLES} == {*WHOLE, *SMALL}
    reasons = [text_of(message_of(example(path.stem)), "tocsin_reason") for path in EXAMPLES]
    assert set(reasons) == {reason.value for reason in Reason}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_name_of_an_example_begins_with_its_reason(path: Path) -> None:
    assert path.stem.startswith(text_of(message_of(example(path.stem)), "tocsin_reason") or "no reason")


@pytest.mark.parametrize("name", ["not_utf8", "not_json", "contract", "contract_tombstone"])
def test_an_example_is_what_its_message_gives(name: str) -> None:
    letter = message_of(example(name))
    assert encode_dead_letter(refused(refused_record_of(letter))) == letter


def test_the_example_of_a_second_refusal_is_what_its_message_gives_when_it_is_sent_back() -> None:
    letter = message_of(example("contract_sent_back_and_refused_again"))
    first = encode_dead_letter(refused(refused_record_of(letter)))
    assert encode_dead_letter(refused(sent_back(first, offset=1503, day=9))).headers == tuple(
        (name, b"0" if name == "__connect.errors.partition" else value and value.replace(b"[2]", b"[0]"))
        for name, value in letter.headers
    )


def test_the_example_of_a_bug_differs_from_what_its_message_gives_in_class_and_place_alone() -> None:
    letter = message_of(example("bug"))
    given_letter = encode_dead_letter(refused(refused_record_of(letter)))
    differing = [ours[0] for ours, theirs in zip(letter.headers, given_letter.headers, strict=True) if ours != theirs]
    assert differing == ["__connect.errors.exception.message"]
    assert text_of(given_letter, "tocsin_reason") == "bug"
    assert "The ferry sank." not in str(given_letter.headers)


def test_the_example_of_a_large_message_is_the_small_form_of_three_mebibytes() -> None:
    letter = message_of(example("too_large"))
    value = b'{"text": "' + b"x" * (3 * 1024 * 1024) + b'"}'
    assert encode_coordinates(refused(replace(refused_record_of(letter), value=value))) == letter


@pytest.mark.parametrize("name", SMALL)
def test_an_example_of_the_small_form_has_a_digest_in_place_of_its_value(name: str) -> None:
    letter = message_of(example(name))
    assert (letter.key, letter.value) == (None, None)
    assert len(text_of(letter, "tocsin_value_sha256") or "") == 64
    assert int(text_of(letter, "tocsin_value_bytes") or "0") > 0


def test_a_dead_letter_says_where_why_and_since_when_in_a_fixed_order() -> None:
    assert encode_dead_letter(dead()).headers == (
        ("__connect.errors.topic", b"articles"),
        ("__connect.errors.partition", b"2"),
        ("__connect.errors.offset", b"871"),
        ("__connect.errors.stage", b"VALUE_CONVERTER"),
        ("__connect.errors.exception.class.name", b"schemas.errors.ContractError"),
        ("__connect.errors.exception.message", b"articles[2]@871: value: expected UTF-8"),
        ("tocsin_reason", b"not_utf8"),
        ("tocsin_attempts", b"1"),
        ("tocsin_first_seen", b"2026-03-02T12:00:00.000Z"),
    )


KEYS = st.none() | st.binary(max_size=20)
HEADERS = st.lists(
    st.tuples(st.text(max_size=8).filter(lambda name: not name.startswith(OURS)), st.none() | st.binary(max_size=8)),
    max_size=5,
).map(tuple)


@PROPERTY
@given(KEYS, KEYS, HEADERS)
def test_key_value_and_headers_are_carried_byte_for_byte(
    key: bytes | None, value: bytes | None, headers: Headers
) -> None:
    letter = encode_dead_letter(dead(replace(RECORD, key=key, value=value, headers=headers)))
    assert (letter.key, letter.value) == (key, value)
    assert letter.headers[: len(headers)] == headers
    assert len(letter.headers) == len(headers) + 9


@PROPERTY
@given(KEYS, KEYS, HEADERS, st.integers(2, 5))
def test_a_letter_sent_back_again_and_again_differs_in_its_attempts_and_coordinates_alone(
    key: bytes | None, value: bytes | None, headers: Headers, times: int
) -> None:
    letter = encode_dead_letter(dead(replace(RECORD, key=key, value=value, headers=headers)))
    first = letter
    for attempt in range(2, times + 1):
        letter = encode_dead_letter(dead(sent_back(letter, offset=attempt, day=attempt)))
    assert (letter.key, letter.value) == (first.key, first.value)
    assert [name for name, _ in letter.headers] == [name for name, _ in first.headers]
    changed = {name for (name, new), (_, old) in zip(letter.headers, first.headers, strict=True) if new != old}
    assert changed == {"__connect.errors.partition", "__connect.errors.offset", "tocsin_attempts"}
    assert text_of(letter, "tocsin_attempts") == str(times)
    assert text_of(letter, "tocsin_first_seen") == "2026-03-02T12:00:00.000Z"


@pytest.mark.parametrize(
    ("found", "counted"),
    [
        (b"1", "2"),
        (b"41", "42"),
        (b"", "1"),
        (b"many", "1"),
        (b"-3", "1"),
        (b"\xff", "1"),
        (b"\xd9\xa3", "1"),
        (b"9" * 5_000, "1"),
        (None, "1"),
    ],
)
def test_attempts_are_counted_up_from_a_whole_number_and_else_from_nothing(found: bytes | None, counted: str) -> None:
    letter = encode_dead_letter(dead(replace(RECORD, headers=(("tocsin_attempts", found),))))
    assert text_of(letter, "tocsin_attempts") == counted
    assert [name for name, _ in letter.headers].count("tocsin_attempts") == 1


@pytest.mark.parametrize("found", [b"", b"\xff", None])
def test_a_first_seen_that_cannot_be_read_begins_anew(found: bytes | None) -> None:
    letter = encode_dead_letter(dead(replace(RECORD, headers=(("tocsin_first_seen", found),))))
    assert text_of(letter, "tocsin_first_seen") == "2026-03-02T12:00:00.000Z"


@pytest.mark.parametrize("found", [b"yesterday", b"2026-03-02", b"x" * 10_000])
def test_a_first_seen_that_is_no_time_begins_anew(found: bytes) -> None:
    letter = encode_dead_letter(dead(replace(RECORD, headers=(("tocsin_first_seen", found),))))
    assert text_of(letter, "tocsin_first_seen") == "2026-03-02T12:00:00.000Z"


def test_a_message_of_any_length_is_bounded_in_its_header() -> None:
    letter = encode_dead_letter(dead(message="é" * 1_000_000))
    assert text_of(letter, "__connect.errors.exception.message") == "é" * 2_000


def test_a_message_with_a_lone_surrogate_can_still_be_written() -> None:
    letter = encode_dead_letter(dead(message="file \udce9"))
    assert text_of(letter, "__connect.errors.exception.message") == "file ?"


def test_the_small_form_has_neither_key_nor_value_nor_headers_of_its_own() -> None:
    record = replace(RECORD, headers=(("feed", b"evening"), ("traceparent", b"00")))
    letter = encode_coordinates(dead(record))
    assert (letter.key, letter.value) == (None, None)
    assert letter.headers[:9] == encode_dead_letter(dead()).headers
    assert letter.headers[9:] == (
        ("tocsin_value_sha256", hashlib.sha256(b"caf\xe9").hexdigest().encode()),
        ("tocsin_value_bytes", b"4"),
    )


def test_the_small_form_of_a_tombstone_has_the_digest_of_no_bytes() -> None:
    letter = encode_coordinates(dead(replace(RECORD, value=None)))
    assert text_of(letter, "tocsin_value_sha256") == hashlib.sha256(b"").hexdigest()
    assert text_of(letter, "tocsin_value_bytes") == "0"


def test_the_small_form_counts_attempts_as_the_whole_one_does() -> None:
    record = replace(RECORD, headers=(("tocsin_attempts", b"2"), ("tocsin_first_seen", b"2026-01-01T00:00:00.000Z")))
    letter = encode_coordinates(dead(record))
    assert text_of(letter, "tocsin_attempts") == "3"
    assert text_of(letter, "tocsin_first_seen") == "2026-01-01T00:00:00.000Z"


def test_the_digest_of_a_small_form_does_not_stay_when_a_whole_letter_follows() -> None:
    again = sent_back(encode_coordinates(dead()), offset=1, day=3)
    names = [name for name, _ in encode_dead_letter(dead(again)).headers]
    assert "tocsin_value_sha256" not in names
    assert "tocsin_value_bytes" not in names
