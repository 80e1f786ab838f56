"""Brokers to be hurt: stopped, killed, frozen, filled up; one alone, or three that replicate to one another."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from consumers.embedded import LOOPBACK, free_port, stop_process
from consumers.local_kafka import LocalKafka, new_cluster_id, start_kafka


class Broker:
    """A broker on a port and a folder that stay the same however often it is started again.

    Clients that come by `proxied` are told to go by the address of a proxy, which may cut them off.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.inner_port, self.proxy_port = free_port(), free_port(), free_port()
        self._controller_port = free_port()
        self._running: LocalKafka | None = None

    @property
    def address(self) -> str:
        """Where clients go."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def proxied(self) -> str:
        """Where clients go that are to be cut off; a Proxy must listen there."""
        return f"{LOOPBACK}:{self.proxy_port}"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The broker's process; raises RuntimeError where it does not run."""
        if self._running is None:
            raise RuntimeError("the broker does not run")
        return self._running.process

    @property
    def ended(self) -> bool:
        """Whether it does not run, or not yet."""
        return self._running is None or self._running.process.poll() is not None

    def start(self) -> None:
        """Starts it, on what its folder holds."""
        self._running = start_kafka(self.folder, port=self.port, properties=self.properties())

    def properties(self) -> dict[str, str]:
        """What it has beyond the ordinary: the second listener, and a controller port that stays."""
        controller = f"{LOOPBACK}:{self._controller_port}"
        inner = f"{LOOPBACK}:{self.inner_port}"
        return {
            "listeners": f"PLAINTEXT://{self.address},PROXIED://{inner},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.address},PROXIED://{self.proxied}",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT",
            "controller.quorum.voters": f"1@{controller}",
        }

    def stop(self) -> None:
        """SIGTERM, and waits for the end."""
        stop_process(self.process)

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        """SIGSTOP."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Ends it, frozen or not, running or not."""
        if self._running is not None and self._running.process.poll() is None:
            self.thaw()
            stop_process(self._running.process)


class Trio:
    """Three brokers that are controllers as well; every partition on all three, two of which must have a message."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = {node: (free_port(), free_port()) for node in (1, 2, 3)}
        self._cluster = new_cluster_id()
        self.nodes: dict[int, LocalKafka] = {}

    @property
    def address(self) -> str:
        """All three, as bootstrap servers."""
        return ",".join(f"{LOOPBACK}:{port}" for port, _ in self._ports.values())

    def start(self) -> None:
        """Starts all three at once: none answers before two are there."""
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(self.start_node, self._ports))

    def start_node(self, node: int) -> None:
        """Starts one on what its folder holds."""
        self.nodes[node] = start_kafka(
            self._folder / f"node-{node}",
            port=self._ports[node][0],
            properties=self._properties(node),
            cluster=self._cluster,
        )

    def kill(self, node: int) -> None:
        """SIGKILL."""
        self.nodes[node].process.kill()
        self.nodes[node].process.wait()

    def close(self) -> None:
        """Ends all that run, at once: a last one alone would wait for the others."""
        for running in self.nodes.values():
            if running.process.poll() is None:
                running.process.kill()
                running.process.wait()

    def _properties(self, node: int) -> dict[str, str]:
        port, controller = self._ports[node]
        voters = ",".join(f"{each}@{LOOPBACK}:{ports[1]}" for each, ports in self._ports.items())
        threes = ("offsets.topic", "transaction.state.log", "default")
        return {
            "node.id": str(node),
            "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller}",
            "controller.quorum.voters": voters,
            "transaction.state.log.min.isr": "2",
            "min.insync.replicas": "2",
            **{f"{name}.replication.factor": "3" for name in threes},
        }


class FullDisk:
    """A broker whose log directory is a small tmpfs that can be filled and freed. Needs the right to mount."""

    def __init__(self, folder: Path, *, megabytes: int = 96) -> None:
        self.broker = Broker(folder)
        self._data = folder / "data"
        self._ballast = self._data / "ballast"
        self._megabytes = megabytes

    def start(self) -> None:
        """Mounts and starts. Raises CalledProcessError where mounting is not permitted."""
        self._data.mkdir(parents=True)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={self._megabytes}m", "tmpfs", str(self._data)]
        subprocess.run(mount, check=True, capture_output=True)
        self.broker.start()

    def fill(self, *, left_bytes: int) -> None:
        """Takes all room but `left_bytes`."""
        free = shutil.disk_usage(self._data).free - left_bytes
        with self._ballast.open("wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, max(free, 1))

    def free(self) -> None:
        """Gives the room back."""
        self._ballast.unlink()

    def close(self) -> None:
        """Ends the broker and unmounts."""
        self.broker.close()
        with contextlib.suppress(subprocess.CalledProcessError):
            subprocess.run(["umount", self._data], check=True, capture_output=True)


@contextlib.contextmanager
def full_disk(folder: Path) -> Iterator[FullDisk]:
    """A FullDisk for as long as the block lasts."""
    disk = FullDisk(folder)
    try:
        disk.start()
        yield disk
    finally:
        disk.close()


@contextlib.contextmanager
def trio(folder: Path) -> Iterator[Trio]:
    """A Trio for as long as the block lasts."""
    three = Trio(folder)
    try:
        three.start()
        yield three
    finally:
        three.close()


def forget_data(folder: Path) -> None:
    """Deletes what the brokers below a folder have stored; their logs stay."""
    for data in (*folder.glob("*/data"), *folder.glob("*/node-*/data")):
        shutil.rmtree(data, ignore_errors=True)
