"""What every kafka-python client shares: its arguments from Settings, and its errors turned into ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kafka.errors import AuthorizationError, KafkaError, KafkaTimeoutError

from consumers.settings import Settings
from schemas.errors import StartupError

BOOTSTRAP_TIMEOUT_S = 5.0
"""Seconds that a command looks for a broker: with its imports within the ten in which a user wants to be told."""


@contextmanager
def broker_errors(settings: Settings) -> Iterator[None]:
    """Turns kafka-python's errors of starting up into a StartupError that says what to look at."""
    try:
        yield
    except (AuthorizationError, KafkaError, OSError) as error:
        where = ", ".join(settings.brokers)
        if isinstance(error, KafkaTimeoutError) or not isinstance(error, KafkaError):
            raise StartupError(
                f"no Kafka broker answers at {where} (waited {BOOTSTRAP_TIMEOUT_S:g} s): is it running? "
                "TOCSIN_BROKERS says where to look; `tocsin broker` and `make kafka` start one"
            ) from error
        raise StartupError(f"the Kafka broker at {where} refused: {error}") from error


def connection(settings: Settings) -> dict[str, Any]:
    """The arguments of every kafka-python client."""
    return {
        "bootstrap_servers": list(settings.brokers),
        "bootstrap_timeout_ms": int(BOOTSTRAP_TIMEOUT_S * 1000),
    }
