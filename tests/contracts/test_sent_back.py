"""A dead letter that is sent back is the message that died, byte for byte, and its next dead letter counts on."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.dead_letter import DeadLetter, attempts_of, encode_coordinates, encode_dead_letter, is_whole, sent_back
from schemas.errors import Reason
from schemas.message import NULL_HEADERS, Headers, Message, Record, header

PROPERTY = settings(deadline=None, max_examples=200, derandomize=True)
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
RECORD = Record(value=b"caf\xe9", key=b"lake", topic="articles", partition=2, offset=871, timestamp=NOON)

KEYS = st.none() | st.binary(max_size=20)
NAMES = st.text(max_size=8).filter(lambda name: not name.startswith(("__connect.errors.", "tocsin_")))
HEADERS = st.lists(st.tuples(NAMES, st.none() | st.binary(max_size=8)), max_size=5).map(tuple)


def died(message: Message, day: int = 3) -> Message:
    """The dead letter of a message that was refused."""
    record = replace(RECORD, value=message.value, key=message.key, headers=message.headers, offset=day)
    record = replace(record, timestamp=datetime(2026, 3, day, tzinfo=UTC))
    return encode_dead_letter(
        DeadLetter(record=record, reason=Reason.NOT_UTF8, stage="VALUE_CONVERTER", error_class="E", error_message="m")
    )


def read(message: Message) -> Record:
    """A message as it is read again, by way of a client that cannot write null header values."""
    null = [str(place) for place, (_, value) in enumerate(message.headers) if value is None]
    told = ((NULL_HEADERS, ",".join(null).encode()),) if null else ()
    headers = tuple((name, value or b"") for name, value in message.headers) + told
    return replace(RECORD, value=message.value, key=message.key, headers=headers, topic="dead", offset=0)


def without_count(headers: Headers) -> Headers:
    assert [name for name, _ in headers[-2:]] == ["tocsin_attempts", "tocsin_first_seen"]
    return headers[:-2]


@PROPERTY
@given(KEYS, KEYS, HEADERS)
def test_key_value_and_headers_come_back_byte_for_byte_null_ones_too(
    key: bytes | None, value: bytes | None, headers: Headers
) -> None:
    message = sent_back(read(died(Message(key=key, value=value, headers=headers))))
    assert (message.key, message.value) == (key, value)
    assert without_count(message.headers) == headers


@PROPERTY
@given(HEADERS, st.integers(2, 4))
def test_attempts_go_up_and_the_first_sight_stays_however_often_it_goes_round(headers: Headers, times: int) -> None:
    letter = died(Message(key=b"k", value=b"v", headers=headers), day=3)
    for attempt in range(2, times + 1):
        # Sent back, read by a worker, refused, written and read again: null values are lost on both ways.
        letter = died(as_message(read(sent_back(read(letter)))), day=2 + attempt)
    again = sent_back(read(letter))
    assert attempts_of(letter.headers) == attempts_of(again.headers) == times
    assert header(again.headers, "tocsin_first_seen") == "2026-03-03T00:00:00.000Z"
    assert without_count(again.headers) == headers


def as_message(record: Record) -> Message:
    return Message(key=record.key, value=record.value, headers=record.headers)


def test_the_reasons_are_taken_off() -> None:
    names = [name for name, _ in sent_back(read(died(Message(value=b"v", headers=(("feed", b"1"),))))).headers]
    assert names == ["feed", "tocsin_attempts", "tocsin_first_seen"]


def test_the_mark_of_a_replay_from_files_stays() -> None:
    headers = (("tocsin_replay", b"run-7"), ("feed", b"1"))
    assert without_count(sent_back(read(died(Message(value=b"v", headers=headers)))).headers) == headers


@pytest.mark.parametrize("told", [b"", b"1", b"0,7", b"x", b"-1", b"0,", b"\xff", None], ids=repr)
def test_a_header_that_tells_no_places_before_it_is_somebody_elses_and_stays(told: bytes | None) -> None:
    headers = (("feed", b""), (NULL_HEADERS, told), ("late", b""))
    letter = replace(RECORD, headers=headers)
    assert sent_back(letter).headers == headers


def test_a_place_with_a_value_was_not_null() -> None:
    headers = (("feed", b"evening"), (NULL_HEADERS, b"0"))
    assert sent_back(replace(RECORD, headers=headers)).headers == headers


def test_only_the_small_form_is_not_whole() -> None:
    dead = DeadLetter(record=RECORD, reason=Reason.TOO_LARGE, stage="s", error_class="E", error_message="m")
    assert not is_whole(encode_coordinates(dead).headers)
    assert is_whole(encode_dead_letter(dead).headers)
    assert is_whole(encode_dead_letter(replace(dead, record=replace(RECORD, value=None))).headers)
