"""`tocsin run --workers N`: several workers that share the partitions, and live and end together."""

import json
import os
import signal
from pathlib import Path

import pytest

from consumers.processes import children_of, runs
from consumers.settings import Settings
from consumers.testing import Stream, eventually
from consumers.worker_process import TOCSIN_RUN, worker_process
from consumers.workers import of_worker
from schemas.errors import StartupError
from schemas.message import Message, header

TWO = (*TOCSIN_RUN, "--workers", "2")
TALKS = "The foreign ministers of Ghana and Togo held talks in Accra on Monday."
ARTICLES = [Message(value=json.dumps({"id": str(n), "text": TALKS}).encode(), key=b"%d" % n) for n in range(60)]


def lines(log: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


def shared_out(log: Path) -> bool:
    """Whether each of two workers was assigned partitions last."""
    last = {line["worker"]: line["partitions"] for line in lines(log) if line["event"] == "partitions_assigned"}
    return len(last) == 2 and all(last.values())


def children(pid: int) -> list[int]:
    """Processes that multiprocessing started to work; beside them it has one that only watches over resources."""
    return [child for child in children_of(pid) if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()]


def test_each_worker_has_a_port_and_a_name_of_its_own() -> None:
    settings = Settings(http_port=9_464, group_instance="desk")
    assert [of_worker(settings, number).http_port for number in range(3)] == [9_464, 9_465, 9_466]
    assert [of_worker(settings, number).group_instance for number in range(2)] == ["desk-1", "desk-2"]
    assert of_worker(Settings(), 1) == Settings()
    with pytest.raises(StartupError, match="TOCSIN_HTTP_PORT"):
        of_worker(Settings(http_port=65_535), 1)


def test_two_workers_share_the_partitions_and_a_signal_lets_both_finish(broker_address: str, tmp_path: Path) -> None:
    stream, log = Stream(broker_address), tmp_path / "log"
    with worker_process(stream.settings, log, TWO) as process:
        assert eventually(lambda: shared_out(log))
        stream.wait_until_dealt_with(stream.send(ARTICLES), lambda: process.poll() is None)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert sorted(int(header(event.headers, "ce_subject") or -1) for event in stream.events()) == list(range(60))
    stopped = [line["worker"] for line in lines(log) if line["event"] == "worker_stopped"]
    assert sorted(map(str, stopped)) == ["worker-1", "worker-2"]


def test_where_one_is_killed_the_other_is_stopped_and_the_command_says_so(broker_address: str, tmp_path: Path) -> None:
    stream, log = Stream(broker_address), tmp_path / "log"
    with worker_process(stream.settings, log, TWO) as process:
        assert eventually(lambda: shared_out(log))
        both = children(process.pid)
        assert len(both) == 2
        os.kill(both[0], signal.SIGKILL)
        assert process.wait(30) == 1
        assert not any(map(runs, both))
    assert "was killed by signal 9; the others were stopped" in log.read_text()


def test_a_worker_that_cannot_start_ends_the_command_with_exit_2(broker_address: str, tmp_path: Path) -> None:
    stream, log = Stream(broker_address), tmp_path / "log"
    settings = Settings(brokers=stream.settings.brokers, articles_topic="none-such", delivery=stream.settings.delivery)
    with worker_process(settings, log, TWO) as process:
        assert process.wait(60) == 2
    assert "topics missing: none-such" in log.read_text()


def test_workers_end_with_the_process_that_started_them(broker_address: str, tmp_path: Path) -> None:
    stream, log = Stream(broker_address), tmp_path / "log"
    with worker_process(stream.settings, log, TWO) as process:
        assert eventually(lambda: shared_out(log))
        both = children(process.pid)
        process.kill()
        assert eventually(lambda: not any(map(runs, both)), within_s=30)
