"""A worker in a process of its own, as in production; for the demo and the flow tests."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from consumers.settings import PREFIX, Settings, setting_rows

_STOP_S = 20.0
"""Seconds that a worker may take to finish its batch and leave its group; it takes one or two."""


@contextlib.contextmanager
def worker_process(settings: Settings, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs `tocsin run` with these settings and no others; stops it at the end. What it says goes to `log`."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith(PREFIX)}
    environment |= {row.variable: row.value for row in setting_rows(settings)}
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "consumers.cli", "run"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> int:
    """Asks the process to end, waits, ends it by force where it does not; gives its exit code."""
    process.terminate()
    try:
        return process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
