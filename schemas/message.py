"""A Kafka message as bytes, before anything is known of its content."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

Headers = tuple[tuple[str, bytes | None], ...]
"""Ordered pairs: Kafka allows a header name to occur more than once, and order is kept."""

REPLAY_HEADER = "tocsin_replay"
"""Header of an article sent by `tocsin replay`; its value is the id of that run."""


NULL_HEADERS = "tocsin_null_headers"
"""Header of a message that was to carry null header values and carries empty ones: their places, from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One consumed Kafka message and its coordinates; `value` is None for a tombstone."""

    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    topic: str
    partition: int
    offset: int
    timestamp: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One Kafka message to be sent."""

    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()


def header(headers: Headers, name: str) -> str | None:
    """The last header of that name as text, or None; bytes that are not UTF-8 count as absent.

    Kafka's convention is that the last of several headers of one name holds.
    """
    for key, value in reversed(headers):
        if key == name and value is not None:
            try:
                return value.decode()
            except UnicodeDecodeError:
                return None
    return None
