"""Blocking calls beside the event loop, in threads that never keep a process from ending."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from schemas.errors import TransientError

T = TypeVar("T")


async def in_thread(call: Callable[[], T], *, timeout_s: float | None = None, what: str = "") -> T:
    """The result of a blocking call, run in a daemon thread of its own.

    Raises what the call raises, and TransientError naming `what` where it takes longer than `timeout_s`: the thread
    is then left behind, which is why the process is to end soon after.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # None only where T is None

    def run() -> None:
        result, failure = None, None
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            failure = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, daemon=True, name=what or "call").start()
    try:
        return await asyncio.wait_for(future, timeout_s)
    except TimeoutError as error:
        if not future.cancelled():
            raise
        raise TransientError(f"{what} took longer than {timeout_s:g} s") from error
