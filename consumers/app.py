"""The worker: a Faust agent that hands batches of bytes to `detect_batch` and its outcomes to the sink.

The only module that imports faust. What Faust does of itself with offsets, sends and acknowledgements is not used,
because it loses and doubles messages (DECISIONS.md): here bytes come in, and everything else is ours.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import faust
import uvloop
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport

from consumers.breaker import Breaker
from consumers.detect import Reading, detect_batch
from consumers.kafka.group import commit_offsets, undecodable
from consumers.logs import Log, LogEvent
from consumers.metrics import Metrics
from consumers.settings import Settings
from consumers.sink import AtLeastOnceSink, Positions, Producer, Sink, outgoing_of, positions_after
from models.tags import Classifier
from schemas.errors import TocsinError, TransientError
from schemas.message import Record

_FETCH_BYTES = 4_194_304
"""Bytes fetched per partition and request; larger single messages still come, one at a time."""


class BreakerTripped(TocsinError):
    """Too many of the last articles failed for a fault of ours; nothing of the batch that showed it is committed."""


class Worker:
    """Deals with batches, one after the other; the first thing that goes wrong for good ends it."""

    def __init__(
        self,
        *,
        settings: Settings,
        classifier: Classifier,
        sink: Sink,
        metrics: Metrics,
        log: Log,
    ) -> None:
        self._settings = settings
        self._classifier = classifier
        self._reading = Reading(
            event_source=settings.event_source,
            max_article_bytes=settings.max_article_bytes,
            fields=settings.article_fields,
        )
        self._sink = sink
        self._metrics = metrics
        self._log = log
        self._breaker = Breaker(window=settings.breaker_window, share=settings.breaker_share)
        self.stopping = asyncio.Event()
        self.failure: Exception | None = None
        self.in_hand = asyncio.Lock()

    async def handle(self, records: Sequence[Record]) -> None:
        """Reads and writes one batch. Never raises: a failure is kept in `failure` and stops the worker."""
        async with self.in_hand:
            if self.stopping.is_set():
                return
            try:
                await self._handle(records)
            except Exception as error:  # noqa: BLE001 - no exception may leave the agent's loop
                self.fail(error)

    def fail(self, error: Exception) -> None:
        """Ends the worker with exit 1; the offsets of the batch in hand stay uncommitted."""
        self.failure = self.failure or error
        self.stopping.set()

    async def _handle(self, records: Sequence[Record]) -> None:
        began = time.perf_counter()
        outcomes = await asyncio.to_thread(detect_batch, records, self._classifier, self._reading, self._bug)
        if self._breaker.trips(outcomes):
            raise BreakerTripped(
                f"more than {self._settings.breaker_share:g} of the last {self._settings.breaker_window} articles "
                "failed for a fault of Tocsin; nothing of this batch is committed. The log's `bug` lines say where"
            )
        read = time.perf_counter()
        sent = outgoing_of(
            records, outcomes, events_topic=self._settings.events_topic, dead_topic=self._settings.dead_topic
        )
        await self._sink.write(sent, positions_after(records))
        written = time.perf_counter()
        self._metrics.read_seconds.observe(read - began)
        self._metrics.write_seconds.observe(written - read)
        self._metrics.count(outcomes)
        self._log.debug(LogEvent.BATCH_WRITTEN, articles=len(records), sent=len(sent), seconds=written - began)

    def _bug(self, record: Record, error: Exception) -> None:
        self._log.error(LogEvent.BUG, error, topic=record.topic, partition=record.partition, offset=record.offset)


class _CommittedThread(AIOKafkaConsumerThread):
    """Reads committed records only: Faust 0.15 reads `read_uncommitted` unless its own exactly-once mode is on.

    An aborted transaction's article reached the agent without this (measured). Remove it when Faust has a setting.
    """

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - there is no public way, see the class
        return consumer

    async def _fetch_records(self, consumer: Any, *args: Any, **options: Any) -> Any:
        try:
            return await super()._fetch_records(consumer, *args, **options)
        except UnicodeDecodeError as error:
            raise undecodable(consumer) or error from error


class _CommittedConsumer(Consumer):
    """Faust's consumer on a thread that reads committed records."""

    def _new_consumer_thread(self) -> Any:
        return _CommittedThread(self, loop=self.loop, beacon=self.beacon)


class _CommittedTransport(Transport):
    """Faust's Kafka transport with that consumer."""

    Consumer = _CommittedConsumer


class _App(faust.App):
    """A Faust app without tables, and so without the folder for them that Faust makes where it is started."""

    def _create_directories(self) -> None:
        pass


def build_app(settings: Settings, log: Log) -> Any:
    """The Faust app: one consumer group, no web server, no topics of its own, no commits of its own."""
    app = _App(
        settings.group,
        broker=[f"kafka://{host}" for host in settings.brokers],
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_wait_empty=False,
        stream_buffer_maxsize=settings.batch_articles * 4,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 3,
        broker_request_timeout=max(90.0, settings.session_timeout_s + 5),
        broker_max_poll_records=settings.batch_articles,
        consumer_max_fetch_size=_FETCH_BYTES,
        consumer_auto_offset_reset="earliest",
        key_serializer="raw",
        value_serializer="raw",
        autodiscover=False,
    )
    app.transport = _CommittedTransport(app.conf.broker_consumer, app, loop=app.loop)
    app.on_partitions_assigned.connect(_told(log, LogEvent.PARTITIONS_ASSIGNED), weak=False)
    app.on_partitions_revoked.connect(_told(log, LogEvent.PARTITIONS_REVOKED), weak=False)
    return app


def _told(log: Log, event: LogEvent) -> Callable[..., Awaitable[None]]:
    async def tell(_app: Any, partitions: Any, **_: Any) -> None:
        log.info(event, partitions=sorted(f"{tp.topic}[{tp.partition}]" for tp in partitions))

    return tell


def add_agent(app: Any, worker: Worker, settings: Settings) -> None:
    """The agent: takes what has come, as raw bytes, and hands it on; order per partition is the broker's."""
    articles = app.topic(
        settings.articles_topic,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        acks=False,
    )

    @app.agent(articles, concurrency=1)  # type: ignore[untyped-decorator]  # faust has no types
    async def read_articles(stream: Any) -> AsyncIterator[None]:
        async for events in stream.noack_take(settings.batch_articles, within=settings.batch_wait_ms / 1000):
            await worker.handle([record_of(event.message) for event in events])
            yield


def record_of(message: Any) -> Record:
    """A Faust message as a Record; headers as ordered pairs, repeated names kept."""
    return Record(
        value=message.value,
        key=message.key,
        headers=tuple(message.headers or ()),
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        timestamp=datetime.fromtimestamp(max(message.timestamp, 0.0), UTC),
    )


def group_commit(app: Any, timeout_s: float) -> Callable[[Positions], Awaitable[None]]:
    """A commit by Faust's own consumer, in its thread. Raises TransientError where it is not done in `timeout_s`."""

    async def commit(positions: Positions) -> None:
        thread = app.consumer._thread  # noqa: SLF001 - Faust offers no commit that says whether it was done

        async def in_consumer_thread() -> None:
            await commit_offsets(thread._consumer, positions)  # noqa: SLF001 - see above

        try:
            await asyncio.wait_for(thread.call_thread(in_consumer_thread), timeout_s)
        except TimeoutError as error:
            raise TransientError(f"offsets could not be committed within {timeout_s:g} s") from error

    return commit


def run_worker(settings: Settings, classifier: Classifier, producer: Producer, log: Log, metrics: Metrics) -> None:
    """Reads articles until SIGTERM or SIGINT, finishes the batch in hand, and leaves the group.

    Raises TransientError, StartupError or BreakerTripped when it cannot go on; what was not committed is read again.
    """
    runner = asyncio.Runner(loop_factory=_new_loop)
    with runner:
        runner.run(_serve(settings, classifier, producer, log, metrics))


def _new_loop() -> asyncio.AbstractEventLoop:
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


async def _serve(settings: Settings, classifier: Classifier, producer: Producer, log: Log, metrics: Metrics) -> None:
    app = build_app(settings, log)
    sink = AtLeastOnceSink(producer, group_commit(app, settings.delivery_timeout_s))
    worker = Worker(settings=settings, classifier=classifier, sink=sink, metrics=metrics, log=log)
    add_agent(app, worker, settings)
    app.finalize()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, worker.stopping.set)
    try:
        await app.start()
        log.info(LogEvent.WORKER_STARTED, group=settings.group, model=classifier.model.version)
        await _until_over(app, worker)
        log.info(LogEvent.WORKER_STOPPING)
        async with worker.in_hand:
            pass
    finally:
        await app.stop()
    if worker.failure is not None:
        raise worker.failure
    log.info(LogEvent.WORKER_STOPPED)


async def _until_over(app: Any, worker: Worker) -> None:
    """Waits for a signal, a failure of the worker, or a crash of Faust's services."""
    over = {asyncio.ensure_future(worker.stopping.wait()), asyncio.ensure_future(app.wait_until_stopped())}
    _, waiting = await asyncio.wait(over, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    if app.crashed:
        reason = app.crash_reason
        worker.fail(reason if isinstance(reason, TocsinError) else TransientError(f"Faust stopped: {reason!r}"))
