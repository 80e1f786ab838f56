"""What could not be read, kept whole, with the reason in headers that Kafka Connect's users know."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from schemas.errors import Reason
from schemas.message import NULL_HEADERS, Headers, Message, Record, header
from schemas.times import parsed_time, rfc3339

_CONNECT = "__connect.errors."
_OURS = ("tocsin_reason", "tocsin_attempts", "tocsin_first_seen", "tocsin_value_sha256", "tocsin_value_bytes")
_COUNTED_ON = ("tocsin_attempts", "tocsin_first_seen")
"""Those of ours that go with a message that is sent back, so that its next dead letter counts on."""

_PLACES = re.compile(rb"\d{1,6}(,\d{1,6})*")
_MESSAGE_CHARACTERS = 2_000
"""Bound on the text of an error in a header: a thousand bad fields must not make a header of a megabyte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A refused record with the reason; `stage` is the step that refused it, in Kafka Connect's words."""

    record: Record
    reason: Reason
    stage: str
    error_class: str
    error_message: str


def encode_dead_letter(dead: DeadLetter) -> Message:
    """The original key, value and headers byte for byte, plus text headers that say what was wrong.

    A record that has died before keeps its `tocsin_first_seen` and counts one more in `tocsin_attempts`.
    """
    return Message(key=dead.record.key, value=dead.record.value, headers=_carried(dead.record) + _reasons(dead))


def encode_coordinates(dead: DeadLetter) -> Message:
    """The small form, for a record too large to be carried: no value and no headers of its own, only where it stands.

    `tocsin_value_sha256` and `tocsin_value_bytes` (a number of bytes) tell the value apart when it is looked up.
    """
    value = dead.record.value or b""
    digest = (
        ("tocsin_value_sha256", hashlib.sha256(value).hexdigest().encode()),
        ("tocsin_value_bytes", str(len(value)).encode()),
    )
    return Message(key=None, value=None, headers=_reasons(dead) + digest)


def _carried(record: Record) -> tuple[tuple[str, bytes | None], ...]:
    return tuple((k, v) for k, v in record.headers if not k.startswith(_CONNECT) and k not in _OURS)


def _reasons(dead: DeadLetter) -> tuple[tuple[str, bytes | None], ...]:
    record = dead.record
    first_seen = rfc3339(parsed_time(header(record.headers, "tocsin_first_seen") or "") or record.timestamp)
    fields = {
        _CONNECT + "topic": record.topic,
        _CONNECT + "partition": str(record.partition),
        _CONNECT + "offset": str(record.offset),
        _CONNECT + "stage": dead.stage,
        _CONNECT + "exception.class.name": dead.error_class,
        _CONNECT + "exception.message": dead.error_message[:_MESSAGE_CHARACTERS],
        "tocsin_reason": dead.reason.value,
        "tocsin_attempts": str(attempts_of(record.headers) + 1),
        "tocsin_first_seen": first_seen,
    }
    return tuple((name, text.encode(errors="replace")) for name, text in fields.items())


def attempts_of(headers: Headers) -> int:
    """How often a message has been refused, as its headers say; 0 where they do not."""
    text = header(headers, "tocsin_attempts") or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0


def is_whole(headers: Headers) -> bool:
    """Whether the dead letter with these headers holds the message itself: the small form has only its digest."""
    return header(headers, "tocsin_value_sha256") is None


def sent_back(letter: Record) -> Message:
    """The message in a whole dead letter as it was before it died: key, value and headers byte for byte.

    Header values that were null are null again where `tocsin_null_headers` tells. Behind the original headers go
    `tocsin_attempts` and `tocsin_first_seen`, by which its next dead letter counts on.
    """
    headers = _with_nulls(letter.headers)
    original = tuple((k, v) for k, v in headers if not k.startswith(_CONNECT) and k not in _OURS)
    return Message(
        key=letter.key, value=letter.value, headers=original + tuple(pair for pair in headers if pair[0] in _COUNTED_ON)
    )


def _with_nulls(headers: Headers) -> Headers:
    """The headers before a client that cannot write null values wrote them; see NULL_HEADERS.

    Its places count from 0 among the headers before it. A header of that name which tells no such places is somebody
    else's and stays.
    """
    null: set[int] = set()
    markers: set[int] = set()
    for index, (name, value) in enumerate(headers):
        if name == NULL_HEADERS and value is not None and _PLACES.fullmatch(value):
            places = {int(place) for place in value.split(b",")}
            if all(place < index and not headers[place][1] for place in places):
                null |= places
                markers.add(index)
    return tuple((k, None if i in null else v) for i, (k, v) in enumerate(headers) if i not in markers)
