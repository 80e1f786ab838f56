"""JSON lines on stderr: every event that Tocsin logs is named here, once.

Never logged: article text, keys, header values, secrets, addresses.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import TextIO

import orjson

_LIBRARY_CHARACTERS = 400
"""Bound on what a library's message may say: enough to look it up, too little for an article."""


_REMEMBERED = 1_000
"""Messages of libraries that are remembered at most, to be recognised when they are repeated."""


_ONLY_PROCESS = "MainProcess"
"""What Python calls a process that it did not start itself: `tocsin run`, but not the workers of `--workers`."""


class LogEvent(StrEnum):
    """What happened; info is the life of the process, error means that someone should look now."""

    WORKER_STARTED = "worker_started"
    WORKER_STOPPING = "worker_stopping"
    WORKER_STOPPED = "worker_stopped"
    WORKER_FAILED = "worker_failed"
    PARTITIONS_ASSIGNED = "partitions_assigned"
    PARTITIONS_REVOKED = "partitions_revoked"
    REVOKED_WHILE_WRITING = "revoked_while_writing"
    BATCH_DROPPED = "batch_dropped"
    BATCH_WRITTEN = "batch_written"
    BUG = "bug"


class Log:
    """The worker's log: an event name and its fields, one JSON line each."""

    def __init__(self) -> None:
        self._logger = logging.getLogger("tocsin")

    def debug(self, event: LogEvent, **fields: object) -> None:
        """For those who look for a fault."""
        self._logger.debug(event.value, extra={"fields": fields})

    def info(self, event: LogEvent, **fields: object) -> None:
        """The life of the process."""
        self._logger.info(event.value, extra={"fields": fields})

    def warning(self, event: LogEvent, **fields: object) -> None:
        """Not as it should be, and dealt with."""
        self._logger.warning(event.value, extra={"fields": fields})

    def error(self, event: LogEvent, error: BaseException | None = None, **fields: object) -> None:
        """Someone should look now; of an unexpected error only its class and places are told, never its text."""
        if error is not None:
            fields["error_class"] = f"{type(error).__module__}.{type(error).__qualname__}"
            fields["places"] = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]
        self._logger.error(event.value, extra={"fields": fields})


class OncePerSpell(logging.Filter):
    """Lets a library say the same thing once in `spell_s` seconds: in an outage they repeat it many times a second."""

    def __init__(self, spell_s: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._spell_s, self._clock = spell_s, clock
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is to be shown; ours always are."""
        if record.name == "tocsin":
            return True
        key, now = (record.name, str(record.msg)), self._clock()
        if now - self._said.get(key, -self._spell_s) < self._spell_s:
            return False
        if len(self._said) >= _REMEMBERED:
            self._said.clear()
        self._said[key] = now
        return True


class JsonFormatter(logging.Formatter):
    """A log record as one JSON line; what libraries say is cut to a bounded `message`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, without a newline at its end."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
        }
        if record.processName != _ONLY_PROCESS:
            line["worker"] = record.processName
        if record.name == "tocsin":
            line |= {"event": record.getMessage()} | getattr(record, "fields", {})
        else:
            message = record.getMessage()[:_LIBRARY_CHARACTERS]
            line |= {"event": "library", "logger": record.name, "message": message}
            if record.exc_info and record.exc_info[0]:
                line["error_class"] = record.exc_info[0].__qualname__
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def set_up_logging(level: str, stream: TextIO = sys.stderr) -> None:
    """Sends Tocsin's events at `level` and above, and libraries' warnings, to the stream."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(OncePerSpell())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("tocsin").setLevel(level.upper())
