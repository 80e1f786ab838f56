"""Times on the wire: RFC 3339, always with an offset, written in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)


def parsed_time(text: str) -> datetime | None:
    """The aware UTC time that an RFC 3339 text names, or None if it names none (a date alone, no offset, 30 February).

    A leap second (`:60`) names none: Python's datetime cannot hold it.
    """
    if not _RFC3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def rfc3339(moment: datetime) -> str:
    """An aware time as RFC 3339 in UTC with milliseconds, e.g. `2024-05-01T12:00:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
