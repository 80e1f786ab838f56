"""Contestants as processes, and what they and the broker take of the machine. Linux only: it reads /proc."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from consumers.processes import proc_text, runs, tree_of
from consumers.settings import Settings
from consumers.worker_process import environment_of

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGESIZE")
_EVERY_S = 0.1
_TREE_EVERY = 10
"""Looks after which a tree is searched for new children; the broker has a hundred threads to search."""
_STOP_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look at a tree of processes: CPU seconds since they began, and resident bytes now."""

    at: float
    cpu_s: float
    resident_bytes: int


@dataclass(slots=True)
class Meter:
    """Samples of one tree of processes over its life."""

    pids: Sequence[int]
    samples: list[Sample] = field(default_factory=list)
    _tree: list[int] = field(default_factory=list)

    def look(self) -> None:
        """Takes one sample."""
        if len(self.samples) % _TREE_EVERY == 0:
            self._tree = [pid for root in self.pids for pid in tree_of(root)]
        looks = [_look(pid) for pid in self._tree]
        sample = Sample(
            at=time.time(), cpu_s=sum(look[0] for look in looks), resident_bytes=sum(look[1] for look in looks)
        )
        self.samples.append(sample)

    def cpu_between(self, begin: float, end: float) -> float:
        """CPU seconds between two moments, interpolated between samples."""
        return self._cpu_at(end) - self._cpu_at(begin)

    @property
    def peak_bytes(self) -> int:
        """The most that all of the tree had in memory at once."""
        return max((sample.resident_bytes for sample in self.samples), default=0)

    def _cpu_at(self, moment: float) -> float:
        place = bisect_left(self.samples, moment, key=lambda sample: sample.at)
        if place == 0 or place == len(self.samples):
            return self.samples[max(0, place - 1)].cpu_s
        before, after = self.samples[place - 1], self.samples[place]
        share = (moment - before.at) / (after.at - before.at)
        return before.cpu_s + share * (after.cpu_s - before.cpu_s)


@contextmanager
def metered(*trees: Sequence[int]) -> Iterator[list[Meter]]:
    """A Meter for each tree of processes, looking every tenth of a second."""
    meters = [Meter(pids) for pids in trees]
    over = threading.Event()

    def look() -> None:
        while not over.wait(_EVERY_S):
            for meter in meters:
                meter.look()

    thread = threading.Thread(target=look, daemon=True, name="meter")
    thread.start()
    try:
        yield meters
    finally:
        over.set()
        thread.join()


@contextmanager
def running(command: Sequence[str], settings: Settings, log: Path, count: int = 1) -> Iterator[list[int]]:
    """This Python with these arguments, in as many processes, with these settings; their ids. Ended at the end."""
    with log.open("ab") as out:
        processes = [
            subprocess.Popen(
                [sys.executable, *command],
                env=environment_of(settings),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
            for _ in range(count)
        ]
    try:
        yield [process.pid for process in processes]
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            _end(process)


def alive(pids: Sequence[int]) -> bool:
    """Whether all of these children of ours still run."""
    return all(map(runs, pids))


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _look(pid: int) -> tuple[float, int]:
    fields = proc_text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    memory = proc_text(Path(f"/proc/{pid}/statm")).split()
    if len(fields) < 15 or len(memory) < 2:
        return 0.0, 0
    return sum(int(ticks) for ticks in fields[11:15]) / _TICKS, int(memory[1]) * _PAGE
