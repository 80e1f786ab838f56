"""A kafka-python client that tells why no broker let it in.

kafka-python 3.0.12 logs a refused certificate or password, tries again until its time is over, and then says only that
time is over. Remove this when its KafkaTimeoutError names the cause.
"""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Callable
from typing import Any

from kafka.errors import (
    IllegalSaslStateError,
    KafkaTimeoutError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

_KEPT = 100
"""Errors kept of a bootstrap's attempts: five seconds hold about ten of them."""


class BootstrapFailed(KafkaTimeoutError):  # type: ignore[misc]  # kafka-python has no types
    """No broker let the client in; `causes` are the errors of its attempts, oldest first."""

    def __init__(self, causes: list[BaseException]) -> None:
        self.causes = causes
        super().__init__("no broker let the client in")


_FINAL = (SaslAuthenticationFailedError, UnsupportedSaslMechanismError, IllegalSaslStateError)
"""Errors that come again at every attempt."""


class Closed(Exception):
    """A connection that was ready, and that the broker closed at the first request."""


class _ToldManager(KafkaConnectionManager):  # type: ignore[misc]  # kafka-python has no types
    """Keeps the errors of its connections until the bootstrap is over: at once, where every broker refuses us."""

    def __init__(self, net: Any, **configs: Any) -> None:
        self._causes: deque[BaseException] = deque(maxlen=_KEPT)
        self._refused_by: set[Any] = set()
        super().__init__(net, **configs)

    def get_connection(self, node_id: Any, **options: Any) -> Any:
        """See KafkaConnectionManager; listens to what becomes of the connection."""
        if self.bootstrapped:
            return super().get_connection(node_id, **options)
        if self._refused_by >= {broker.node_id for broker in self.cluster.bootstrap_brokers()}:
            raise BootstrapFailed(list(self._causes))
        connection = super().get_connection(node_id, **options)
        connection.init_future.add_errback(lambda error: self._note(node_id, error))
        connection.init_future.add_callback(lambda _: self._listen_for_close(connection))
        return connection

    async def _build_transport(self, node: Any, timeout_at: float | None = None) -> Any:
        transport = await super()._build_transport(node, timeout_at=timeout_at)
        if not self.bootstrapped:
            transport._sock_recv = _all_of(transport._sock_recv)  # noqa: SLF001 - there is no public way, see _all_of
        return transport

    def _note(self, node_id: Any, error: BaseException) -> None:
        self._causes.append(error)
        if isinstance(error, _FINAL) or isinstance(error.__context__, ssl.SSLCertVerificationError):
            self._refused_by.add(node_id)

    def _listen_for_close(self, connection: Any) -> None:
        connection.close_future.add_errback(lambda error: self._causes.append(Closed(str(error))))

    def bootstrap(self, timeout_ms: float | None = None, refresh: bool = True) -> None:
        """See KafkaConnectionManager; raises BootstrapFailed where it would raise a bare KafkaTimeoutError."""
        try:
            super().bootstrap(timeout_ms, refresh)
        except BootstrapFailed:
            raise
        except KafkaTimeoutError as error:
            raise BootstrapFailed(list(self._causes)) from error


def _all_of(receive: Callable[[], tuple[bytes, Any]]) -> Callable[[], tuple[bytes, Any]]:
    """Gives what came before the end of a connection; the end itself shows again at the next look.

    kafka-python 3.0.12 drops it, and with it the refusal of a password, which Kafka sends as its last word.
    """

    def received() -> tuple[bytes, Any]:
        data, error = receive()
        return data, None if data else error

    return received


def told_client(**configs: Any) -> Any:
    """A network client for kafka-python's argument `kafka_client`."""
    net = NetworkSelector(**configs)
    return KafkaNetClient(net=net, manager=_ToldManager(net, **configs), **configs)
