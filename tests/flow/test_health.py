"""What a supervisor may rely on: live, ready, and the end of a worker in which nothing moves."""

import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, Counter

from consumers.embedded import free_port
from consumers.health import Health, HealthServer
from schemas.errors import StartupError


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(stall_timeout_s=30, clock=clock)


def test_a_worker_is_live_from_the_start_and_ready_once_it_has_its_place(health: Health) -> None:
    assert (health.live, health.ready) == (True, False)
    health.assigned(at_work=True)
    assert (health.live, health.ready) == (True, True)
    health.assigned(at_work=False)
    assert (health.live, health.ready) == (True, False)


def test_without_progress_it_is_neither_live_nor_ready(health: Health, clock: Clock) -> None:
    health.assigned(at_work=True)
    clock.now += 31
    assert (health.live, health.ready) == (False, False)


@pytest.mark.parametrize("sign", ["progressed", "idle"])
def test_a_written_batch_or_an_empty_topic_counts_as_progress(health: Health, clock: Clock, sign: str) -> None:
    health.assigned(at_work=True)
    clock.now += 29
    getattr(health, sign)()
    clock.now += 29
    assert (health.live, health.ready) == (True, True)


def test_a_failed_worker_is_neither_live_nor_ready(health: Health) -> None:
    health.assigned(at_work=True)
    health.failed()
    assert (health.live, health.ready) == (False, False)


def test_while_a_batch_cannot_be_written_it_is_live_and_not_ready(health: Health, clock: Clock) -> None:
    health.assigned(at_work=True)
    health.writing(now=True)
    clock.now += 11
    assert (health.live, health.ready) == (True, False)
    health.writing(now=False)
    assert (health.live, health.ready) == (True, True)


def test_the_port_tells_health_and_metrics(health: Health) -> None:
    registry = CollectorRegistry()
    Counter("tocsin_things", "Things.", registry=registry).inc()
    port = free_port()
    server = HealthServer("127.0.0.1", port, health, registry)
    try:
        assert said(port, "/livez") == (200, b"ok\n")
        assert said(port, "/readyz") == (503, b"not ok\n")
        health.assigned(at_work=True)
        assert said(port, "/readyz?verbose") == (200, b"ok\n")
        assert b"tocsin_things_total 1.0" in said(port, "/metrics")[1]
        assert said(port, "/etc/passwd")[0] == 404
        with pytest.raises(StartupError, match=f"127.0.0.1:{port}"):
            HealthServer("127.0.0.1", port, health, registry)
    finally:
        server.close()


def said(port: int, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
