"""Workers under a supervisor, as a process manager would run them: one that ends by itself is started again.

What ended, with which code and which last words, is kept for the report.
"""

from __future__ import annotations

import contextlib
import os
import signal as signals
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import orjson

from consumers.settings import Settings
from consumers.worker_process import environment_of

RESTART_S = 1.0
"""Seconds after which a worker that ended is started again."""
HANG_S = 90.0
"""Seconds after which a worker that was told to stop counts as hanging; then it is killed."""
_LAUNCHER = Path(__file__).resolve().parent / "workers.py"
_Process = subprocess.Popen[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """A worker's end: code (negative: the signal), whether the scenario wanted it, and its last log line."""

    slot: int
    code: int
    wanted: bool
    last_words: str


class Member:
    """One slot of the crew: the process that runs in it now, and whether the supervisor restarts it."""

    def __init__(self, slot: int, kind: str) -> None:
        self.slot, self.kind = slot, kind
        self.process: _Process | None = None
        self.started_at = 0.0
        self.wanted_end = False
        self.supervised = True
        self.ended_at = 0.0

    @property
    def running(self) -> _Process:
        """The process; raises RuntimeError where there is none."""
        if self.process is None:
            raise RuntimeError(f"worker {self.slot} does not run")
        return self.process


class Crew(threading.Thread):
    """Starts workers and keeps them going."""

    def __init__(self, settings: Settings, folder: Path, extra: dict[str, str] | None = None) -> None:
        super().__init__(daemon=True, name="crew")
        self.settings, self.folder = settings, folder
        self.extra = extra or {}
        self.members: dict[int, Member] = {}
        self.exits: list[Exit] = []
        self.instances = ""
        """Setting variable for static membership, if the workers are to have it; each gets its slot as instance."""
        self._lock = threading.RLock()
        self._over = threading.Event()
        self.start()

    def run(self) -> None:
        """The supervisor."""
        while not self._over.wait(0.05):
            with self._lock:
                for member in list(self.members.values()):
                    self._look_after(member)

    def _look_after(self, member: Member) -> None:
        if member.process is not None and member.process.poll() is not None:
            self._note_end(member, member.process.returncode)
        if member.process is None and member.supervised and time.monotonic() - member.ended_at > RESTART_S:
            self._start(member)

    def _note_end(self, member: Member, code: int) -> None:
        member.process, member.ended_at = None, time.monotonic()
        words = self.last_words(member.slot)
        self.exits.append(Exit(slot=member.slot, code=code, wanted=member.wanted_end, last_words=words))
        member.wanted_end = False

    def _start(self, member: Member) -> None:
        environment = environment_of(self.settings) | self.extra
        if self.instances:
            environment[self.instances] = f"{self.settings.group}-{member.slot}"
        with self.log(member.slot).open("ab") as out:
            member.process = subprocess.Popen(
                [sys.executable, "-P", _LAUNCHER, member.kind],
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        member.started_at = time.time()

    def add(self, kind: str = "steady") -> int:
        """Starts one more worker; gives its slot."""
        with self._lock:
            slot = len(self.members)
            self.members[slot] = Member(slot, kind)
            self._start(self.members[slot])
            return slot

    def signal(self, slot: int, number: signals.Signals) -> None:
        """Sends a signal to the worker in a slot."""
        with self._lock:
            self.members[slot].running.send_signal(number)

    def kill(self, slot: int) -> float:
        """SIGKILL; returns when the supervisor has started another in its place, with the moment of that start."""
        with self._lock:
            member = self.members[slot]
            member.wanted_end = True
            process = member.running
            process.kill()
        self._await(lambda: member.process is not None and member.process is not process)
        return member.started_at

    def stop(self, slot: int, *numbers: signals.Signals, again: bool = False) -> int:
        """Sends the signals (SIGTERM if none is named) 0.2 s apart and waits for the end; gives the exit code.

        With `again` the supervisor starts the next one. A worker that hangs is killed, and its code is then -9.
        """
        with self._lock:
            member = self.members[slot]
            if member.process is None:
                member.supervised = again
                return 0
            member.wanted_end, member.supervised = True, again
            process = member.running
        for number in numbers or (signals.SIGTERM,):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
            time.sleep(0.2)
        try:
            process.wait(HANG_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._await(lambda: member.process is not process)
        return process.returncode

    def start_again(self, slot: int, kind: str | None = None) -> None:
        """Starts a slot that was stopped, with another classifier if one is named."""
        with self._lock:
            member = self.members[slot]
            member.kind, member.supervised = kind or member.kind, True
            if member.process is None:
                self._start(member)

    def stop_all(self) -> list[int]:
        """Stops every worker at once with SIGTERM; gives their exit codes."""
        with self._lock:
            living = [member for member in self.members.values() if member.process is not None]
            for member in self.members.values():
                member.supervised = False
        threads = [threading.Thread(target=self.stop, args=(member.slot,)) for member in living]
        before = len(self.exits)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [each.code for each in self.exits[before:]]

    def close(self) -> None:
        """Ends the supervisor, and by force whatever still runs."""
        self._over.set()
        self.join()
        for member in self.members.values():
            if member.process is not None and member.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(member.process.pid, signals.SIGCONT)
                member.process.kill()
                member.process.wait()

    def log(self, slot: int) -> Path:
        """Where a worker's words go."""
        return self.folder / f"worker-{slot}.log"

    def said(self) -> str:
        """Everything that every worker said."""
        return "".join(self.log(slot).read_text("utf-8", errors="replace") for slot in sorted(self.members))

    def last_words(self, slot: int) -> str:
        """What a worker said last that tells why: its `reason`, or the line."""
        text = self.log(slot).read_text("utf-8", errors="replace")
        lines = [line for line in text.splitlines() if line.strip()]
        for line in reversed(lines[-5:]):
            with contextlib.suppress(orjson.JSONDecodeError):
                said = orjson.loads(line)
                if "reason" in said:
                    return str(said["reason"])[:300]
        return lines[-1][:300] if lines else ""

    def _await(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + HANG_S
        while not condition():
            if time.monotonic() > until:
                raise TimeoutError("the supervisor does not see what it should")
            time.sleep(0.02)
