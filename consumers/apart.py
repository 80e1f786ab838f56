"""The reading in a process of its own, so that it shares the interpreter with none of Kafka's threads (DECISIONS.md).

Forked, and so with whatever classifier it is given, before the worker's process has a client or a thread that works.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import io
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import datetime, timedelta, timezone
from multiprocessing.connection import Connection
from typing import Any

from consumers.detect import Reading, detect_batch
from consumers.logs import Log, LogEvent
from consumers.outcome import Ignored, IgnoredReason, Outcome, Published, Rejected
from consumers.processes import how_it_ended
from models.tags import Classifier, Tags
from schemas.dead_letter import DeadLetter
from schemas.errors import Reason, StartupError, TocsinError, TransientError
from schemas.event import Evidence, ModelRef, Part
from schemas.event_type import EventType
from schemas.message import Message, Record

_END_S = 5.0
"""Seconds that the reading process has to end by itself; it does at once, unless it hangs."""

_PR_SET_PDEATHSIG = 1
"""From linux/prctl.h: the signal that comes when the parent dies, also to one that hangs."""


class ReadingProcess:
    """Reads batches, one after the other, with a classifier that is loaded there.

    It ends when its parent closes it or dies, in whatever way. It does not answer the signals that tell a worker to
    stop: the batches in hand are read to their end.
    """

    def __init__(self, classifier: Callable[[], Classifier], reading: Reading, log: Log) -> None:
        """Returns while the classifier is still being loaded. To be called in the main thread: it dies with that."""
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("fork").Process(
            target=_serve,
            args=(self._pipe, theirs, classifier, reading, log),
            name=multiprocessing.current_process().name,
        )
        self._process.start()
        theirs.close()
        self._giving, self._answered = threading.Lock(), threading.Lock()

    def loaded(self) -> ModelRef:
        """Waits for the classifier and says which it is; to be called once. Raises what loading it raised."""
        model: ModelRef = self._answer()
        return model

    def read(self, records: Sequence[Record]) -> list[Outcome]:
        """See detect_batch. Raises MemoryError where that did, TransientError where the process has ended.

        Two threads may call it at once: the second batch then waits at the pipe when the first is read. Who gave first
        is answered first, for the next may give already, but waits for its answer until then.
        """
        content = packed(list(records))
        with self._giving:
            with contextlib.suppress(OSError):  # it has ended: the answer says so
                self._pipe.send_bytes(content)
            del content  # as large as the batch: it is not kept while the answer is waited for
            self._answered.acquire()
        try:
            outcomes: list[Outcome] = self._answer()
        finally:
            self._answered.release()
        return outcomes

    def look(self) -> None:
        """Raises TransientError where the process has ended, though nothing is being read."""
        if not self._process.is_alive():
            raise self._ended()

    def close(self) -> None:
        """Ends the process."""
        self._pipe.close()
        self._process.join(_END_S)
        self._process.kill()
        self._process.join()

    def _answer(self) -> Any:
        try:
            answer = unpacked(self._pipe.recv_bytes())
        except (EOFError, OSError) as error:
            self._process.join(_END_S)
            raise self._ended() from error
        except pickle.UnpicklingError as error:
            raise TransientError(f"the process that reads articles gave what it must not: {error}") from error
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _ended(self) -> TransientError:
        how = how_it_ended(self._process)
        return TransientError(f"the process that reads articles {how}; nothing of the batches in hand is committed")


def packed(value: object) -> bytes:
    """What goes through the pipe; `pickle` makes it anew, and writes our values five times as fast as by itself."""
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = _HOW_TO_PACK
    pickler.dump(value)
    return buffer.getvalue()


def unpacked(content: bytes) -> object:
    """The value that `packed` made. Raises UnpicklingError for all but our own types: no pickle names foreign code."""
    return _Values(io.BytesIO(content)).load()


class _Values(pickle.Unpickler):
    """Knows the types that go through the pipe and no others, should what reads hostile text ever send some."""

    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" not in _KNOWN:
            raise pickle.UnpicklingError(f"{module}.{name} is none of the values that the reading gives")
        return super().find_class(module, name)


_NAMES = {
    kind: tuple(field.name for field in fields(kind))
    for kind in (Record, Message, Tags, Evidence, Published, Ignored, Rejected, DeadLetter)
}


def _taken_apart(value: Any) -> tuple[Any, ...]:
    kind = type(value)
    return _put_together, (kind, *[getattr(value, name) for name in _NAMES[kind]])


_WORDS = (EventType, Part, Reason, IgnoredReason)
"""Enumerations. Up to Python 3.11.3 they pickle themselves as a call of `getattr`, which is refused."""


def _by_value(member: Any) -> tuple[Any, ...]:
    return type(member), (member.value,)


_HOW_TO_PACK: dict[type, Any] = dict.fromkeys(_NAMES, _taken_apart) | dict.fromkeys(_WORDS, _by_value)


def _put_together(kind: Any, *values: object) -> object:
    return kind(**dict(zip(_NAMES[kind], values, strict=True)))


_KNOWN = {
    f"{known.__module__}.{known.__qualname__}"
    for known in (
        *_NAMES,
        *_WORDS,
        ModelRef,
        *(StartupError, TransientError, MemoryError),
        *(datetime, timedelta, timezone),
        _put_together,
    )
}


def _serve(
    parents: Connection, pipe: Connection, classifier: Callable[[], Classifier], reading: Reading, log: Log
) -> None:
    """The life of the reading process."""
    _end_with_parent()
    parents.close()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)

    def bug(record: Record, error: Exception) -> None:
        log.error(LogEvent.BUG, error, topic=record.topic, partition=record.partition, offset=record.offset)

    with contextlib.suppress(EOFError, OSError):  # the parent has closed the pipe
        try:
            ready = classifier()
        except TocsinError as error:
            pipe.send_bytes(packed(StartupError(str(error))))
            return
        gc.collect()
        gc.freeze()  # the model stays
        pipe.send_bytes(packed(ready.model))
        while True:
            records: Any = unpacked(pipe.recv_bytes())
            try:
                answer: object = detect_batch(records, ready, reading, bug)
            except MemoryError as error:
                answer = MemoryError(str(error))  # NumPy's is of a class of its own
            pipe.send_bytes(packed(answer))


def _end_with_parent() -> None:
    """Where it is idle the end of the pipe says so too; in the middle of a batch, or hanging, only Linux does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid != os.getppid():
        os._exit(1)  # it died before that was said
