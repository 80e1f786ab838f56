"""The load: numbered articles that keep arriving at a steady rate, and a ledger of where Kafka put each.

Only what Kafka has acknowledged counts: that is what the promise is about.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from articles import Kind, Recipe, partition_of
from kafka import KafkaProducer
from kafka.errors import KafkaError

UNACKNOWLEDGED_AT_MOST = 20_000
"""Articles that wait for the broker at most, e.g. while it is down; above, the load waits with them."""
_PATIENCE_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One acknowledged article: its number, its kind, and where it was put."""

    number: int
    kind: Kind
    partition: int
    offset: int


class Ledger:
    """What Kafka has acknowledged so far, and what it has not; written by the producer's thread."""

    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}
        self.failed: dict[int, str] = {}
        self.sent = 0

    def told(self, number: int, kind: Kind) -> tuple[Callable[[Any], None], Callable[[BaseException], None]]:
        """What to call when the article is acknowledged, and what when it never will be."""

        def put(place: Any) -> None:
            self.entries[number] = Entry(number=number, kind=kind, partition=place.partition, offset=place.offset)

        def refused(error: BaseException) -> None:
            self.failed[number] = repr(error)

        return put, refused

    @property
    def waiting(self) -> int:
        """Articles sent of which nothing is known yet."""
        return self.sent - len(self.entries) - len(self.failed)

    def ends(self) -> dict[int, int]:
        """Per partition, the offset after the last acknowledged article."""
        ends: dict[int, int] = {}
        for entry in list(self.entries.values()):
            ends[entry.partition] = max(ends.get(entry.partition, 0), entry.offset + 1)
        return ends


def idempotent_producer(address: str, **changes: object) -> Any:
    """A producer that waits for its broker as long as a scenario may last, and never doubles."""
    options: dict[str, object] = {
        "bootstrap_servers": address.split(","),
        "acks": "all",
        "enable_idempotence": True,
        "linger_ms": 5,
        "batch_size": 65_536,
        "request_timeout_ms": 10_000,
        "delivery_timeout_ms": int(_PATIENCE_S * 1000),
        "max_block_ms": int(_PATIENCE_S * 1000),
        "retry_backoff_ms": 20,
        "reconnect_backoff_max_ms": 500,
        "metadata_max_age_ms": 5_000,
    }
    return KafkaProducer(**(options | changes))


class Load(threading.Thread):
    """Sends `backlog` articles at once and then `rate` a second, until told to stop, and at least `at_least` in all."""

    def __init__(
        self,
        *,
        address: str,
        topic: str,
        partitions: int,
        recipe: Recipe,
        at_least: int,
        backlog: int,
        rate: float,
        first: int = 0,
        ledger: Ledger | None = None,
    ) -> None:
        super().__init__(daemon=True, name="load")
        self.address, self.topic, self.partitions, self.recipe = address, topic, partitions, recipe
        self.at_least, self.rate, self.next = at_least, rate, first
        self.first = first
        self._base, self._since = backlog, time.monotonic()
        self.ledger = ledger or Ledger()
        self.braked: Callable[[], bool] = lambda: False
        """Whether to wait with more, because the workers are far enough behind."""
        self._enough = threading.Event()
        self._abandoned = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        """The thread's work; an error is kept in `error`."""
        try:
            producer = self.build_producer()
            try:
                self._send_all(producer)
            finally:
                producer.close(timeout=5)
        except Exception as error:  # noqa: BLE001 - a scenario without its load must fail, not hang
            self.error = error

    def build_producer(self) -> Any:
        """An idempotent producer; other loads send by another."""
        return idempotent_producer(self.address)

    def send(self, producer: Any) -> None:
        """Sends the next article."""
        number, self.next = self.next, self.next + 1
        message = self.recipe.message(number)
        self.ledger.sent += 1
        put, refused = self.ledger.told(number, self.recipe.kind(number))
        future = producer.send(
            self.topic,
            key=message.key,
            value=message.value,
            headers=list(message.headers),
            partition=partition_of(number, self.partitions),
        )
        future.add_callback(put)
        future.add_errback(refused)

    def go_on_at(self, rate: float) -> None:
        """Another number of articles a second from now on."""
        self._base, self._since, self.rate = self.next - self.first, time.monotonic(), rate

    def end(self, producer: Any) -> None:
        """What is left to do once the last article is sent; other loads have something."""

    def _send_all(self, producer: Any) -> None:
        self._since = time.monotonic()
        while not (self._abandoned.is_set() or (self._enough.is_set() and self.next - self.first >= self.at_least)):
            due = self._base + int((time.monotonic() - self._since) * self.rate)
            if self.ledger.waiting > UNACKNOWLEDGED_AT_MOST or (self.braked() and not self._enough.is_set()):
                time.sleep(0.02)
            elif self.next - self.first < due or self._enough.is_set():
                self.send(producer)
            else:
                time.sleep(0.02)
        self.end(producer)
        until = time.monotonic() + _PATIENCE_S
        while self.ledger.waiting and time.monotonic() < until and not self._abandoned.is_set():
            time.sleep(0.05)

    def wait_for(self, articles: int) -> None:
        """Returns when that many are acknowledged."""
        while len(self.ledger.entries) < articles:
            if not self.is_alive():
                raise KafkaError(f"the load ended with {len(self.ledger.entries)} articles: {self.error!r}")
            time.sleep(0.05)

    def abandon(self) -> None:
        """Ends the thread soon, whatever is not sent or not acknowledged."""
        self._abandoned.set()

    def finish(self) -> None:
        """Sends what is left to `at_least`, waits for every acknowledgement, and ends the thread."""
        self._enough.set()
        self.join()
        if self.error is not None:
            raise KafkaError(f"the load failed: {self.error!r}") from self.error


class TransactionalLoad(Load):
    """Sends by transactions of one to fifty articles, and aborts every third: those are articles of no one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.aborted: set[int] = set()
        self._open: list[int] = []
        self._count = 0

    def build_producer(self) -> Any:
        """See Load; `init_transactions` is done."""
        producer = idempotent_producer(
            self.address, transactional_id=f"load-{self.topic}", transaction_timeout_ms=60_000, retry_backoff_ms=2
        )
        producer.init_transactions()
        return producer

    def send(self, producer: Any) -> None:
        """Sends the next article, and ends the transaction where it is full."""
        if not self._open:
            producer.begin_transaction()
        self._open.append(self.next)
        super().send(producer)
        if len(self._open) >= 1 + self._count * 7 % 50:
            self._end(producer)

    def _end(self, producer: Any) -> None:
        producer.flush()
        if self._count % 3 == 2:
            producer.abort_transaction()
            self.aborted.update(self._open)
        else:
            producer.commit_transaction()
        self._open.clear()
        self._count += 1

    def end(self, producer: Any) -> None:
        """Ends the last transaction."""
        if self._open:
            self._end(producer)

    def finish(self) -> None:
        """See Load; aborted articles leave the ledger."""
        super().finish()
        for number in self.aborted & set(self.ledger.entries):
            del self.ledger.entries[number]
            self.ledger.sent -= 1
