"""What could not be read, kept whole, with the reason in headers that Kafka Connect's users know."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from schemas.errors import Reason
from schemas.message import Message, Record, header
from schemas.times import parsed_time, rfc3339

_CONNECT = "__connect.errors."
_OURS = ("tocsin_reason", "tocsin_attempts", "tocsin_first_seen", "tocsin_value_sha256", "tocsin_value_bytes")
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
        "tocsin_attempts": str(_attempts(record) + 1),
        "tocsin_first_seen": first_seen,
    }
    return tuple((name, text.encode(errors="replace")) for name, text in fields.items())


def _attempts(record: Record) -> int:
    text = header(record.headers, "tocsin_attempts") or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0
