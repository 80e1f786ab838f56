"""What every kafka-python client shares: its arguments from Settings, and its errors turned into ours."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kafka.errors import AuthorizationError, KafkaError, KafkaTimeoutError

from consumers.kafka.bootstrap import BootstrapFailed, told_client
from consumers.kafka.refusals import missing_acl, refusal
from consumers.kafka.security import sasl_password, ssl_context
from consumers.settings import Settings
from schemas.errors import StartupError

BOOTSTRAP_TIMEOUT_S = 5.0
"""Seconds that a command looks for a broker: with its imports within the ten in which a user wants to be told."""


_RECONNECT_MS = 1_000
"""Most milliseconds between two tries to reach a broker that is away; kafka-python's 30 s would delay its return."""

_METADATA_MS = 10_000
"""Milliseconds after which a client asks again who leads which partition; kafka-python's default is five minutes."""


class _WaitingIsNoError(logging.Filter):
    """kafka-python logs an error each time that it asks again for an offset in an open transaction, as it should."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is to be shown."""
        return "UnstableOffsetCommitError" not in record.getMessage()


_WAITING_IS_NO_ERROR = _WaitingIsNoError()


REQUEST_TIMEOUT_S = 10.0
"""Seconds after which a request of the worker to a broker that has gone silent is given up, and another connection
tried: with kafka-python's 30 s a half-open connection held output up for 80 s (measured)."""


@contextmanager
def broker_errors(settings: Settings) -> Iterator[None]:
    """Turns kafka-python's errors of starting up into a StartupError that says what to look at.

    Of these an AccessError says that a broker answers, and does not let us in.
    """
    try:
        yield
    except AuthorizationError as error:
        raise missing_acl(error, settings) from error
    except BootstrapFailed as error:
        raise (refusal(error.causes, settings) or _no_broker(settings)) from error
    except (KafkaError, OSError) as error:
        if isinstance(error, KafkaTimeoutError) or not isinstance(error, KafkaError):
            raise _no_broker(settings) from error
        where = ", ".join(settings.brokers)
        raise (refusal([error], settings) or StartupError(f"the Kafka broker at {where} refused: {error}")) from error


def _no_broker(settings: Settings) -> StartupError:
    return StartupError(
        f"no Kafka broker answers at {', '.join(settings.brokers)} (waited {BOOTSTRAP_TIMEOUT_S:g} s): is it running? "
        "TOCSIN_BROKERS says where to look; `tocsin broker` and `make kafka` start one"
    )


def connection(settings: Settings) -> dict[str, Any]:
    """The arguments of every kafka-python client. Raises AccessError where a file of the settings cannot be used."""
    logging.getLogger("kafka.coordinator.consumer").addFilter(_WAITING_IS_NO_ERROR)
    protocol = settings.security_protocol
    arguments: dict[str, Any] = {
        "bootstrap_servers": list(settings.brokers),
        "bootstrap_timeout_ms": int(BOOTSTRAP_TIMEOUT_S * 1000),
        "kafka_client": told_client,
        "reconnect_backoff_max_ms": _RECONNECT_MS,
        "metadata_max_age_ms": _METADATA_MS,
        "security_protocol": protocol.upper(),
        "ssl_context": ssl_context(settings),
    }
    if protocol.has_sasl:
        arguments |= {
            "sasl_mechanism": settings.sasl_mechanism.value,
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": sasl_password(settings),
        }
    return arguments
