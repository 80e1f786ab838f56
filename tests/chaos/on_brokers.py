"""What befalls brokers and the network: they stop, die, freeze, fill up, and are cut off."""

from __future__ import annotations

import subprocess
import time

from brokers import full_disk, trio
from plan import Plan
from proxy import Proxy
from results import Result
from stage import Ground

_OUTAGE_S = 60.0
_FROZEN_S = 30.0
_CUT_S = 20.0
_LEFT_BYTES = 1_500_000
"""Room that is left on the disk: a few seconds of load."""


def broker_stop(ground: Ground) -> Result:
    """The broker is stopped (SIGTERM) for 60 s."""
    with ground.stage("broker-stop") as stage:
        stage.crew.add()
        stage.begin()
        stage.random_pause(1.0, 3.0)
        with stage.fault():
            ground.broker.stop()
            time.sleep(_OUTAGE_S)
            ground.broker.start()
        time.sleep(3)
        return stage.finish()


def broker_kill(ground: Ground) -> Result:
    """The broker is killed (SIGKILL) and started again on the same folder and port, twice."""
    with ground.stage("broker-kill") as stage:
        stage.crew.add()
        stage.begin()
        for _ in range(2):
            stage.random_pause(2.0, 4.0)
            with stage.fault():
                ground.broker.kill()
                ground.broker.start()
        time.sleep(3)
        return stage.finish()


def broker_freeze(ground: Ground) -> Result:
    """The broker is frozen (SIGSTOP) for 30 s: connections stay open and nothing answers."""
    with ground.stage("broker-freeze") as stage:
        stage.crew.add()
        stage.begin()
        stage.random_pause(1.0, 3.0)
        with stage.fault():
            ground.broker.freeze()
            try:
                time.sleep(_FROZEN_S)
            finally:
                ground.broker.thaw()
        time.sleep(3)
        return stage.finish()


def three_brokers(ground: Ground) -> Result:
    """Three brokers, replication 3, min.insync 2: one is killed under load; another after the first is back."""
    plan = Plan(replication=3)
    with (
        trio(ground.folder_of("three-brokers-data")) as three,
        ground.stage("three-brokers", plan, address=three.address) as stage,
    ):
        stage.crew.add()
        stage.begin()
        for node in (1, 2):
            stage.random_pause(1.0, 3.0)
            with stage.fault():
                three.kill(node)
            time.sleep(5)
            three.start_node(node)
            time.sleep(10)
        return stage.finish()


def disk_full(ground: Ground) -> Result:
    """The broker's log directory is full; it shuts down, room is made, and it is started again."""
    try:
        with (
            full_disk(ground.folder_of("disk-full-data")) as disk,
            ground.stage("disk-full", address=disk.broker.address) as stage,
        ):
            stage.crew.add()
            stage.begin()
            time.sleep(2)
            with stage.fault():
                disk.fill(left_bytes=_LEFT_BYTES)
                try:
                    disk.broker.process.wait(90)
                except subprocess.TimeoutExpired:
                    stage.result.notes.append("the broker did not shut down by itself on a full disk")
                    disk.broker.kill()
                disk.free()
                disk.broker.start()
            time.sleep(3)
            return stage.finish()
    except subprocess.CalledProcessError as error:
        return Result(scenario="disk-full", skipped=f"mounting a tmpfs is not permitted: {error.stderr!r}")


def network_cut(ground: Ground) -> Result:
    """The network between worker and broker is cut for 20 s: connections are closed, and none is taken."""
    proxy = Proxy(ground.broker.proxy_port, ground.broker.inner_port)
    proxy.start()
    try:
        with ground.stage("network-cut", worker_address=ground.broker.proxied) as stage:
            stage.crew.add()
            stage.begin()
            stage.random_pause(1.0, 3.0)
            with stage.fault(), proxy.cut():
                time.sleep(_CUT_S)
            time.sleep(3)
            return stage.finish()
    finally:
        proxy.close()


def half_open(ground: Ground) -> Result:
    """Nothing passes for 20 s though connections stay open; after it only new connections work, the old stay deaf."""
    proxy = Proxy(ground.broker.proxy_port, ground.broker.inner_port)
    proxy.start()
    try:
        plan = Plan(slow_because="a request into the silence is given up after 20 s, the shortest that Faust bears")
        with ground.stage("half-open", plan, worker_address=ground.broker.proxied) as stage:
            stage.crew.add()
            stage.begin()
            stage.random_pause(1.0, 3.0)
            with stage.fault(), proxy.swallowing():
                time.sleep(_CUT_S)
            time.sleep(3)
            return stage.finish()
    finally:
        proxy.close()
