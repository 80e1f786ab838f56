"""Is the worker alive, and is it at work? Answers `/livez`, `/readyz` and `/metrics`, and ends a worker that stalls."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from schemas.errors import StartupError

_SLOW_WRITE_S = 10.0
"""Seconds after which a batch that is still being written counts as a sink that cannot: a transaction's timeout."""

_CLIENT_S = 5
"""Seconds that a client of the HTTP port may take to send its request."""


class Health:
    """What is known of a worker from outside its event loop. Thread-safe: single assignments only."""

    def __init__(self, *, stall_timeout_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._stall_timeout_s = stall_timeout_s
        self._clock = clock
        self._moved = clock()
        self._at_work = False
        self._failed = False
        self._writing_since: float | None = None

    def assigned(self, *, at_work: bool) -> None:
        """Partitions were given to the worker, or taken from it."""
        self._at_work = at_work
        self._moved = self._clock()

    def progressed(self) -> None:
        """A batch was written."""
        self._moved = self._clock()

    def writing(self, *, now: bool) -> None:
        """A batch is about to be written, or no longer is."""
        self._writing_since = self._clock() if now else None

    def idle(self) -> None:
        """Nothing waits to be read."""
        self._moved = self._clock()

    def failed(self) -> None:
        """The worker cannot go on, or has been replaced."""
        self._failed = True

    @property
    def stalled_s(self) -> float:
        """Seconds since anything moved, while something waited."""
        return self._clock() - self._moved

    @property
    def live(self) -> bool:
        """False where only a new process helps."""
        return not self._failed and self.stalled_s <= self._stall_timeout_s

    @property
    def ready(self) -> bool:
        """Whether it has its place in the group and its sink writes; never while stalled or failed."""
        since = self._writing_since
        able = since is None or self._clock() - since <= _SLOW_WRITE_S
        return self.live and self._at_work and able


class HealthServer:
    """Serves a worker's health and metrics in threads of its own, so that a blocked event loop shows."""

    def __init__(self, host: str, port: int, health: Health, registry: CollectorRegistry) -> None:
        """Raises StartupError where the port is taken."""
        handler = _handler(health, registry)
        try:
            self._server = ThreadingHTTPServer((host, port), handler)
        except OSError as error:
            raise StartupError(
                f"health and metrics cannot be served on {host}:{port}: {error.strerror}; set TOCSIN_HTTP_PORT to a "
                "free port, or to 0 for none"
            ) from error
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True, name="health").start()

    def close(self) -> None:
        """Stops answering."""
        self._server.shutdown()
        self._server.server_close()


def _handler(health: Health, registry: CollectorRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _CLIENT_S

        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/livez":
                    self._say(health.live)
                case "/readyz":
                    self._say(health.ready)
                case "/metrics":
                    self._answer(200, CONTENT_TYPE_LATEST, generate_latest(registry))
                case _:
                    self._answer(404, "text/plain", b"/livez, /readyz and /metrics are here\n")

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name is given
            """Requests are not logged."""

        def _say(self, good: bool) -> None:
            self._answer(200 if good else 503, "text/plain", b"ok\n" if good else b"not ok\n")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
