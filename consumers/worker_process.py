"""A worker in a process of its own, as in production; for the demo and the flow tests."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from consumers.embedded import stop_process
from consumers.settings import PREFIX, Settings, environment

TOCSIN_RUN = ("-m", "consumers.cli", "run")
"""`tocsin run`, as arguments of this Python."""


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment of this process with the variables of these settings, and none of ours from outside."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(PREFIX)}
    return inherited | environment(settings)


@contextlib.contextmanager
def worker_process(
    settings: Settings, log: Path, command: Sequence[str] = TOCSIN_RUN
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs `tocsin run`, or another command, with these settings and no others; stops it at the end.

    What it says goes to `log`.
    """
    with log.open("ab") as out:
        process = subprocess.Popen(  # noqa: S603 - this Python, with arguments of ours
            [sys.executable, "-P", *command],
            env=environment_of(settings),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        stop_process(process)
