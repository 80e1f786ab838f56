"""`tocsin watch`: the events topic on stdout."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import orjson

from consumers.console import data, harmless, show_event, talk
from consumers.kafka.access import require, watch_access
from consumers.kafka.client import KafkaReader
from consumers.settings import Settings
from consumers.subscriber import Filter, Received, Unreadable, new_events, parsed_start, start_positions
from schemas.errors import StartupError


def watch_events(
    settings: Settings, wanted: Filter, *, start: str, group: str | None, count: int | None, stop_at_end: bool
) -> None:
    """Shows events from `start` on; ends after `count`, at the end of the topic, or never.

    With `group` it goes on where that group stopped, shares partitions with its other members, and commits what it has
    shown; `start` (beginning or end) then only counts for a group that is new.
    """
    try:
        moment = parsed_start(start)
    except ValueError as error:
        raise StartupError(
            f"--from {start}: expected beginning, end, a number, or a time such as 2024-05-01T12:00:00Z"
        ) from error
    if group and start not in {"beginning", "end"}:
        raise StartupError(f"--from {start}: with --group only beginning or end, for a group that is new")
    require(settings, watch_access(settings, group))
    reader = KafkaReader(settings, group=group, reset="earliest" if start == "beginning" else "latest")
    try:
        if group:
            reader.join(settings.events_topic)
        else:
            reader.assign([settings.events_topic])
            from_time = reader.from_time(moment) if moment else None
            reader.seek(start_positions(start, reader.beginnings(), reader.ends(), from_time))
        _show(reader, wanted, until=reader.ends() if stop_at_end else None, count=count, commits=group is not None)
    finally:
        reader.close()


def _show(
    reader: KafkaReader, wanted: Filter, *, until: dict[tuple[str, int], int] | None, count: int | None, commits: bool
) -> None:
    """Shows events until `count` of them or the end; commits behind them where it is a member of a group."""
    shown = 0
    read: dict[tuple[str, int], int] = {}
    for item in new_events(reader, wanted, until=until, now=datetime.now(UTC)):
        if item is not None:
            read[item.record.topic, item.record.partition] = item.record.offset + 1
        shown += _shown(item)
        if shown == count:
            break
        if commits and item is None:
            reader.commit(reader.positions())
    else:
        read = reader.positions()
    if commits:
        reader.commit(read)


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
