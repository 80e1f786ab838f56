"""Reading on past a record with a header key that is not UTF-8, at which aiokafka 0.14 raises for ever.

Kafka's protocol says that header keys are UTF-8 and no broker checks it. aiokafka decodes a batch record by record and
gives nothing of what follows such a record in its batch; neither does kafka-python.
"""

from __future__ import annotations

from typing import Any, SupportsIndex, overload

import aiokafka.consumer.fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy

_FIRST_WITH_HEADERS = 2
"""The `magic` of the record format that has headers (Kafka 0.11 and newer)."""


class _Lenient(bytearray):
    """Bytes of which every slice decodes: what is not UTF-8 becomes lone surrogates (PEP 383)."""

    @overload
    def __getitem__(self, at: SupportsIndex) -> int: ...

    @overload
    def __getitem__(self, at: slice) -> bytearray: ...

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _Lenient(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Never raises for UTF-8."""
        del errors
        return super().decode(encoding, "surrogateescape")


class _LenientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]  # aiokafka has no types here
    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer: Any = self._buffer if isinstance(self._buffer, _Lenient) else _Lenient(self._buffer)


class _LenientRecords(_MemoryRecordsPy):  # type: ignore[misc]  # aiokafka has no types here
    def next_batch(self, *arguments: Any) -> Any:
        following = self._next_slice
        batch = super().next_batch(*arguments)
        return _LenientBatch(following) if batch is not None and batch.magic >= _FIRST_WITH_HEADERS else batch


def decode_leniently() -> bool:
    """From now on, aiokafka's consumers of this process decode every record; False where they already did.

    In pure Python, and so some ten times slower than aiokafka's own decoder: to be called when it has raised.
    """
    module: Any = aiokafka.consumer.fetcher
    if module.MemoryRecords is _LenientRecords:
        return False
    module.MemoryRecords = _LenientRecords
    return True


def misnamed(headers: Any) -> bool:
    """Whether a header key of a leniently decoded record was not UTF-8."""
    return any("\ud800" <= letter <= "\udfff" for name, _ in headers if not name.isascii() for letter in name)
