"""Watches the output as it appears to a read_committed subscriber, to tell when it stood still and when it went on."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
import time
from collections import defaultdict
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from articles import number_of, partition_of

_RETRY_S = 0.2


class Watcher(threading.Thread):
    """Per partition of the input, when something new came out; `time.time()` throughout.

    A record counts as new output from the moment at which the broker appended it, if the subscriber saw it then: what
    was written before a fault and fetched after it is nothing new.
    """

    def __init__(self, *, address: str, events: str, dead: str, partitions: int) -> None:
        super().__init__(daemon=True, name="watcher")
        self._address, self._events, self._dead, self._partitions = address, events, dead, partitions
        self.seen: dict[int, list[tuple[float, float]]] = defaultdict(list)
        """Input partition → (appended at, seen at) of each new output, in order of sight."""
        self._known: set[tuple[str, str]] = set()
        self._positions: dict[Any, int] = {}
        self._over = threading.Event()

    def run(self) -> None:
        """The thread's work."""
        asyncio.run(self._watch())

    def stop(self) -> None:
        """Ends the thread."""
        self._over.set()
        self.join()

    def partitions_seen(self) -> int:
        """How many partitions of the input have given output so far."""
        return len(self.seen)

    def outputs(self) -> int:
        """How much new output there was so far; on average an article gives one."""
        return len(self._known)

    def last_seen(self) -> float:
        """When something new was seen last; 0 if never."""
        return max((times[-1][1] for times in list(self.seen.values()) if times), default=0.0)

    def resumed_after(self, moment: float) -> tuple[float, float] | None:
        """Seconds from `moment` until there was new output, and until every partition had some; None before that."""
        firsts: list[float] = []
        for partition in range(self._partitions):
            times = self.seen.get(partition, [])
            first = next((seen for appended, seen in times if appended >= moment), None)
            if first is None:
                return None
            firsts.append(first)
        return max(0.0, min(firsts) - moment), max(0.0, max(firsts) - moment)

    def longest_gap_s(self, until: float) -> float:
        """The longest time in which one partition gave nothing new, from its first output until that moment."""
        longest = 0.0
        for times in list(self.seen.values()):
            moments = [seen for _, seen in times if seen <= until] + [until]
            longest = max([longest, *(later - sooner for sooner, later in itertools.pairwise(moments))])
        return longest

    async def _watch(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(KafkaError, OSError):
                await self._watch_until_broken()
            await asyncio.sleep(_RETRY_S)

    async def _watch_until_broken(self) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._address,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
            request_timeout_ms=5_000,
            metadata_max_age_ms=2_000,
        )
        await consumer.start()
        try:
            parts = [TopicPartition(n, p) for n in (self._events, self._dead) for p in range(self._partitions)]
            consumer.assign(parts)
            for part in parts:
                consumer.seek(part, self._positions.get(part, 0))
            while not self._over.is_set():
                for part, records in (await consumer.getmany(timeout_ms=200, max_records=2_000)).items():
                    for record in records:
                        self._see(record)
                        self._positions[part] = record.offset + 1
        finally:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(consumer.stop(), 5)

    def _see(self, record: Any) -> None:
        headers = dict(record.headers)
        if record.topic == self._events:
            subject = headers["ce_subject"].decode()
            identity = (subject, headers["ce_type"].decode())
            partition = partition_of(number_of(subject), self._partitions)
        else:
            partition = int(headers["__connect.errors.partition"])
            identity = (str(partition), headers["__connect.errors.offset"].decode())
        if identity not in self._known:
            self._known.add(identity)
            self.seen[partition].append((record.timestamp / 1000, time.time()))
