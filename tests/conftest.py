"""What all tests share: an environment without our variables, and the brokers."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.embedded import embedded_broker
from consumers.local_kafka import local_kafka


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
