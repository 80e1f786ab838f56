"""What all tests share: an environment without our variables, and the brokers."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from consumers.embedded import embedded_broker
from consumers.local_kafka import local_kafka
from consumers.settings import Settings
from consumers.testing import Stream
from consumers.worker_process import environment_of


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("TOCSIN_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def embedded_address() -> Iterator[str]:
    with embedded_broker() as broker:
        yield broker.address


@pytest.fixture(scope="session")
def kafka_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with local_kafka(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker.address


@pytest.fixture(scope="session", params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker_address(request: pytest.FixtureRequest) -> str:
    """The same flow tests run on the embedded broker by default and on Apache Kafka with `-m kafka`."""
    return str(request.getfixturevalue(f"{request.param}_address"))


@pytest.fixture(scope="session")
def seeds() -> Path:
    return Path(__file__).resolve().parent.parent / "seeds"


@pytest.fixture
def interruptible() -> Iterator[None]:
    """SIGINT as a terminal's child has it: a shell's background job ignores it, and its children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a run of the command gave."""

    code: int
    out: str
    err: str


Tocsin = Callable[..., Said]


@pytest.fixture
def tocsin(tmp_path: Path) -> Tocsin:
    """Runs `tocsin` in a process of its own, in an empty folder; keywords are settings."""

    def run(*arguments: object, settings: Settings | None = None, stdin: bytes = b"", **variables: str) -> Said:
        environment = environment_of(settings) if settings else dict(os.environ)
        done = subprocess.run(
            [sys.executable, "-P", "-m", "consumers.cli", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            env=environment | variables,
            cwd=tmp_path,
            timeout=120,
            check=False,
        )
        return Said(code=done.returncode, out=done.stdout.decode(), err=done.stderr.decode())

    return run


@pytest.fixture
def stream(broker_address: str) -> Stream:
    return Stream(broker_address)
