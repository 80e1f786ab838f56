"""`tocsin watch`: the events topic on stdout."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import orjson

from consumers.console import data, harmless, show_event, talk
from consumers.kafka.client import KafkaReader
from consumers.settings import Settings
from consumers.subscriber import Filter, Received, Unreadable, new_events, parsed_start, start_positions
from schemas.errors import StartupError


def watch_events(settings: Settings, wanted: Filter, *, start: str, count: int | None, stop_at_end: bool) -> None:
    """Shows events from `start` on; ends after `count`, at the end of the topic, or never."""
    try:
        moment = parsed_start(start)
    except ValueError as error:
        raise StartupError(
            f"--from {start}: expected beginning, end, a number, or a time such as 2024-05-01T12:00:00Z"
        ) from error
    reader = KafkaReader(settings)
    try:
        reader.assign([settings.events_topic])
        beginnings, ends = reader.beginnings(), reader.ends()
        reader.seek(start_positions(start, beginnings, ends, reader.from_time(moment) if moment else None))
        shown = 0
        for item in new_events(reader, wanted, until=ends if stop_at_end else None, now=datetime.now(UTC)):
            shown += _shown(item)
            if shown == count:
                return
    finally:
        reader.close()


def _shown(item: Received | Unreadable | None) -> bool:
    """Shows what came, and says whether it was an event."""
    match item:
        case Received():
            if sys.stdout.isatty():
                show_event(talk(), item)
            else:
                data(event_line(item))
            return True
        case Unreadable():
            talk().print(
                f"passed over {item.record.topic}[{item.record.partition}]@{item.record.offset}: "
                f"{harmless(item.problem)}",
                markup=False,
            )
    return False


def event_line(item: Received) -> bytes:
    """An event for a pipe: its value, with its id and headers of CloudEvents beside it."""
    headers = {
        name: value.decode(errors="replace") for name, value in item.record.headers if name.startswith("ce_") and value
    }
    return orjson.dumps(headers | {"data": orjson.Fragment(item.record.value or b"null")})
