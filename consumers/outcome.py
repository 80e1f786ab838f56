"""What became of one record: values, never exceptions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from models.tags import Tags
from schemas.dead_letter import DeadLetter
from schemas.message import Message


class IgnoredReason(StrEnum):
    """Why an article that was read gave no event."""

    NO_EVENT = "no_event"
    LANGUAGE = "language"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The article reports one or more events; `events` are ready to be sent."""

    tags: Tags
    events: tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The record could not be read; `dead_letter` is kept whole."""

    dead_letter: DeadLetter


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """The article was read and gives no event, for the reason named."""

    tags: Tags
    reason: IgnoredReason


Outcome = Published | Rejected | Ignored
"""Exactly one of them per record."""
