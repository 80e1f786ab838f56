"""A real Apache Kafka on this machine, one node in KRaft mode, for tests, benchmarks and trying things out.

`python -m consumers.local_kafka start|stop` is what `make kafka` and `make kafka-stop` run. The jars come from
`deploy/kafka/pom.xml` by Maven. Everything it writes lies in one folder.
"""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from consumers.embedded import LOOPBACK, STOP_S, free_port, listens, refuse_taken, stop_process
from consumers.kafka.admin import cluster_id
from schemas.errors import StartupError, TocsinError

_HEAP = "-Xmx512m"
_START_S = 60.0
"""Seconds the broker may take to answer; it takes two to five."""

_LISTENERS = "listeners=PLAINTEXT://{address},CONTROLLER://{controller}\nadvertised.listeners=PLAINTEXT://{address}\n"
_PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{controller}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalKafka:
    """A running broker: where it listens, its process, and the folder that it writes to."""

    address: str
    process: subprocess.Popen[bytes]
    folder: Path


def jars() -> Path:
    """The folder of Kafka's jars; raises StartupError where Maven has not brought them."""
    folder = Path(__file__).resolve().parent.parent / "deploy" / "kafka" / "lib"
    if not list(folder.glob("kafka_*.jar")):
        raise StartupError(f"Kafka's jars are not in {folder}: `make kafka-jars` brings them (needs Maven)")
    return folder


def start_kafka(
    folder: Path, *, port: int, properties: Mapping[str, str] | None = None, cluster: str | None = None
) -> LocalKafka:
    """Formats `folder` if it is new, starts a broker on that port of the loopback interface, and waits for it.

    `cluster` is the id that the brokers of one cluster share; without, a new folder gets one of its own. Raises
    StartupError where the port is taken, Java or the jars are missing, or the broker does not come up.
    """
    refuse_taken(port)
    folder.mkdir(parents=True, exist_ok=True)
    address = f"{LOOPBACK}:{port}"
    config = _configured(folder, address, properties or {}, cluster or new_cluster_id())
    log = folder / "kafka.log"
    with log.open("ab") as out:
        process = subprocess.Popen(  # noqa: S603 - Java with our own arguments
            [_java(), _HEAP, *_class_path(), "kafka.Kafka", config],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    if not _answers(process, address):
        stop_process(process)
        raise StartupError(f"Kafka did not come up on {address}; its log is {log}")
    return LocalKafka(address=address, process=process, folder=folder)


@contextlib.contextmanager
def local_kafka(folder: Path, properties: Mapping[str, str] | None = None) -> Iterator[LocalKafka]:
    """A broker on a free port for as long as the block lasts."""
    running = start_kafka(folder, port=free_port(), properties=properties)
    try:
        yield running
    finally:
        stop_process(running.process)


def stop_kafka(pid: int) -> None:
    """Asks the broker of that process id to end, and waits until it is gone; does nothing where it is."""
    until = time.monotonic() + STOP_S
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        while time.monotonic() < until:
            os.kill(pid, 0)
            time.sleep(0.1)
        os.kill(pid, signal.SIGKILL)


def _configured(folder: Path, address: str, properties: Mapping[str, str], cluster: str) -> Path:
    """Writes the broker's properties, and formats its log directory the first time."""
    config, data = folder / "server.properties", folder / "data"
    controller = f"{LOOPBACK}:{free_port()}"
    lines = (_LISTENERS + _PROPERTIES).format(address=address, controller=controller, data=data.resolve())
    config.write_text(lines + "".join(f"{name}={value}\n" for name, value in properties.items()), encoding="utf-8")
    if not (data / "meta.properties").exists():
        formatted = subprocess.run(  # noqa: S603 - Java with our own arguments
            [_java(), *_class_path(), "kafka.tools.StorageTool", "format", "-t", cluster, "-c", config],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if formatted.returncode:
            raise StartupError(f"Kafka's folder {data} could not be formatted: {formatted.stderr[-500:]}")
    return config


def _class_path() -> list[str]:
    return ["-cp", str(jars() / "*"), "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]


def new_cluster_id() -> str:
    """A random id in the form that Kafka wants: 22 characters of URL-safe base64, the first no `-`, as in an option."""
    while (made := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return made


def _java() -> str:
    home = os.environ.get("JAVA_HOME", "")
    found = shutil.which("java", path=str(Path(home) / "bin")) if home else None
    found = found or shutil.which("java")
    if found is None:
        raise StartupError("Kafka needs Java 17 or newer: no `java` on the PATH and no JAVA_HOME")
    return found


def _answers(process: subprocess.Popen[bytes], address: str) -> bool:
    until = time.monotonic() + _START_S
    while time.monotonic() < until and process.poll() is None:
        if listens(address):
            with contextlib.suppress(StartupError):
                cluster_id(address, timeout_s=1.0)
                return True
        time.sleep(0.1)
    return False


def main(arguments: list[str]) -> None:
    """`start PORT` leaves a broker running, `stop` ends it; its folder is build/kafka."""
    folder = Path("build/kafka").resolve()
    pid_file = folder / "pid"
    try:
        if arguments[:1] == ["start"] and len(arguments) == 2 and arguments[1].isdigit():
            running = start_kafka(folder, port=int(arguments[1]))
            pid_file.write_text(str(running.process.pid), encoding="utf-8")
            sys.stderr.write(f"Kafka on {running.address}, process {running.process.pid}, log {folder / 'kafka.log'}\n")
        elif arguments == ["stop"]:
            if pid_file.exists():
                stop_kafka(int(pid_file.read_text(encoding="utf-8")))
                pid_file.unlink()
        else:
            raise StartupError("expected: start PORT, or stop")
    except TocsinError as error:
        sys.stderr.write(f"tocsin: {error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main(sys.argv[1:])
