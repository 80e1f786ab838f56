"""Blocking calls beside the event loop, in threads that never keep a process from ending."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from schemas.errors import TransientError

T = TypeVar("T")


class Lane:
    """One daemon thread that runs blocking calls, one after the other.

    Kept for the life of a worker: where memory has run out no new thread can be started. A lane that cannot even hand
    its result over ends the process with exit 1: whoever waits for it would wait for ever.
    """

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True, name=name).start()

    async def call(self, call: Callable[[], T], *, timeout_s: float | None = None, what: str = "") -> T:
        """The result of the call, or what it raises.

        Raises TransientError naming `what` where it takes longer than `timeout_s`: the lane is then stuck, and the
        process is to end soon after.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._calls.put(lambda: _settle(loop, future, call))
        try:
            return await asyncio.wait_for(future, timeout_s)
        except TimeoutError as error:
            if not future.cancelled():
                raise
            raise TransientError(f"{what} took longer than {timeout_s:g} s") from error

    def close(self) -> None:
        """Lets the thread end after the calls that were given."""
        self._calls.put(None)

    def _run(self) -> None:
        try:
            while (run := self._calls.get()) is not None:
                run()
        except BaseException:  # noqa: BLE001 - see the class
            os._exit(1)


async def in_thread(call: Callable[[], T], *, timeout_s: float | None = None, what: str = "") -> T:
    """As Lane.call, in a lane of its own."""
    lane = Lane(what or "call")
    try:
        return await lane.call(call, timeout_s=timeout_s, what=what)
    finally:
        lane.close()


def _settle(loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any], call: Callable[[], object]) -> None:
    result, failure = None, None
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - handed to whoever waits
        failure = error

    def hand_over() -> None:
        if future.done():
            return
        if failure is None:
            future.set_result(result)
        else:
            future.set_exception(failure)

    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
        loop.call_soon_threadsafe(hand_over)
