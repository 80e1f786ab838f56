"""What stands in the log: one JSON line per event, libraries bounded in length and in repeats."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from consumers.logs import Log, LogEvent, OncePerSpell, set_up_logging


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    set_up_logging("info", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_library_that_repeats_itself_is_heard_once(stream: io.StringIO) -> None:
    for number in range(50):
        logging.getLogger("kafka.net").warning("Connection %d failed", number)
    logging.getLogger("kafka.net").warning("Something else")
    assert [line["message"] for line in lines(stream)] == ["Connection 0 failed", "Something else"]


def test_our_own_events_are_all_heard(stream: io.StringIO) -> None:
    for _ in range(3):
        Log().info(LogEvent.PARTITIONS_REVOKED)
    assert [line["event"] for line in lines(stream)] == ["partitions_revoked"] * 3


def test_a_library_is_heard_again_after_a_while() -> None:
    now = [0.0]
    spell = OncePerSpell(spell_s=10, clock=lambda: now[0])
    record = logging.LogRecord("kafka", logging.WARNING, "x.py", 1, "the same", (), None)
    said = []
    for now[0] in (0.0, 9.9, 10.0, 15.0, 20.0):
        said.append(spell.filter(record))
    assert said == [True, False, True, False, True]


def test_a_long_message_of_a_library_is_cut(stream: io.StringIO) -> None:
    logging.getLogger("aiokafka").error("x" * 10_000)
    (line,) = lines(stream)
    assert line["message"] == "x" * 400
