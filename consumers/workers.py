"""`tocsin run --workers N`: several workers on one machine, in processes of their own, that live and end together."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from types import FrameType

from consumers.processes import how_it_ended
from consumers.settings import Settings, variable
from schemas.errors import StartupError, TocsinError, TransientError

_LAST_PORT = 65_535


def run_workers(settings: Settings, count: int) -> None:
    """Runs so many workers of one group until SIGTERM or Ctrl-C, which is passed on to each of them.

    Where one of them ends by itself, the others are told to stop, and this process ends as that one did, so that
    whatever watches it starts all of them anew. Raises StartupError (that one ended with exit 2) or TransientError.
    """
    each = [of_worker(settings, number) for number in range(count)]
    context = multiprocessing.get_context("spawn")
    processes: list[BaseProcess] = [
        context.Process(target=_work, args=(theirs,), name=f"worker-{number}") for number, theirs in enumerate(each, 1)
    ]
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()
        _stop(processes)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    for process in processes:
        if not stopping.is_set():
            process.start()
    started = [process for process in processes if process.pid is not None]
    if not started:
        return
    ready = wait([process.sentinel for process in started])
    first = next(process for process in started if process.sentinel in ready)
    told_to = stopping.is_set()
    first.join()
    if not told_to:
        _stop(started)  # a second signal would end at once those that were told to stop
    for process in started:
        process.join()
    if not told_to:
        raise _error_of(first)


def of_worker(settings: Settings, number: int) -> Settings:
    """The settings of worker 0, 1, …: ports of their own one after the other, and names of their own in the group.

    Raises StartupError where there is no such port.
    """
    port = settings.http_port + number if settings.http_port else 0
    if port > _LAST_PORT:
        raise StartupError(
            f"{variable('http_port')}: each worker has a port of its own, one after the other from "
            f"{settings.http_port}, and {port} is none"
        )
    instance = f"{settings.group_instance}-{number + 1}" if settings.group_instance else ""
    return replace(settings, http_port=port, group_instance=instance)


def _work(settings: Settings) -> None:
    """The life of one worker's process."""
    os.setsid()  # Ctrl-C on a terminal reaches the first process only, which passes it on once
    threading.Thread(target=_end_with_parent, daemon=True, name="parent").start()
    from consumers.run import run  # noqa: PLC0415 - heavy, and of no use to the first process

    try:
        run(settings)
    except TocsinError as error:
        sys.stderr.write(f"tocsin: {multiprocessing.current_process().name}: {error}\n")
        sys.exit(error.exit_code)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)


def _stop(processes: Sequence[BaseProcess]) -> None:
    for process in processes:
        if process.pid is not None and process.exitcode is None:
            process.terminate()


def _error_of(ended: BaseProcess) -> TocsinError:
    told = f"{ended.name} {how_it_ended(ended)}; the others were stopped"
    return StartupError(told) if ended.exitcode == StartupError.exit_code else TransientError(told)
