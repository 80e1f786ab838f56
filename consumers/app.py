"""The worker's Faust app: an agent that hands what comes to the Worker, and the life around it.

What Faust does of itself with offsets, sends and acknowledgements is not used, because it loses and doubles messages
(DECISIONS.md): here bytes come in, and everything else is ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import faust
import uvloop
from faust.tables.manager import TableManager

from consumers.apart import ReadingProcess
from consumers.health import Health, HealthServer
from consumers.inbox import Inbox
from consumers.intake import Positions
from consumers.kafka.group import GroupOffsets, commit_offsets
from consumers.kafka.security import sasl_password, ssl_context
from consumers.logs import Log, LogEvent
from consumers.metrics import Metrics
from consumers.settings import Settings
from consumers.sink import Sink
from consumers.transport import SEEK_S, arrived, ends_of, transport_of
from consumers.worker import StalledError, Worker
from schemas.errors import TocsinError, TransientError
from schemas.event import ModelRef

_PARTITION_BYTES = 1_048_576
"""Bytes fetched per partition and request; larger single messages still come, one at a time."""

_STOP_S = 20.0
"""Seconds that leaving the group may take before the process ends without it."""

Commit = Callable[[Positions], Awaitable[bool]]
"""Commits offsets as the member of the group that the worker is; False where it no longer is."""


class _App(faust.App):
    """A Faust app without tables, and so without the folder for them that Faust makes where it is started."""

    def _create_directories(self) -> None:
        pass


class _NoTables(TableManager):
    """No tables, and so no second of waiting for some to be declared."""

    async def on_start(self) -> None:
        """As Faust does it, at once."""
        await self._update_channels()
        await self.recovery.start()


def credentials(settings: Settings) -> Any:
    """What Faust shows Kafka: user, password and certificate as the settings have them; None for plaintext."""
    context = ssl_context(settings)
    if settings.security_protocol.has_sasl:
        return faust.SASLCredentials(
            username=settings.sasl_username,
            password=sasl_password(settings),
            ssl_context=context,
            mechanism=settings.sasl_mechanism.value,
        )
    return faust.SSLCredentials(context) if context is not None else None


def build_app(settings: Settings) -> Any:
    """The Faust app: one consumer group, no web server, no topics of its own, no commits of its own."""
    return _App(
        settings.group,
        broker=[f"kafka://{host}" for host in settings.brokers],
        broker_credentials=credentials(settings),
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_wait_empty=False,
        TableManager=_NoTables,
        table_standby_replicas=0,  # no tables: round robin, where Faust's own assignor leaves a third worker idle
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 3,
        broker_request_timeout=max(SEEK_S + 2, settings.session_timeout_s * 2),
        broker_max_poll_records=settings.batch_articles,
        consumer_max_fetch_size=_PARTITION_BYTES,
        consumer_auto_offset_reset="none",
        consumer_group_instance_id=settings.group_instance or None,
        key_serializer="raw",
        value_serializer="raw",
        autodiscover=False,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a worker is made of. `sink_of` builds the sink, given how the group's own consumer commits."""

    settings: Settings
    reader: ReadingProcess
    model: ModelRef
    offsets: GroupOffsets
    sink_of: Callable[[Commit], Sink]
    log: Log
    metrics: Metrics


def run_worker(parts: Parts) -> None:
    """Reads articles until SIGTERM or SIGINT, finishes the batches in hand, and leaves the group.

    Raises TransientError, StartupError, LostArticlesError, BreakerTripped or StalledError when it cannot go on; what
    was not committed is read again.
    """
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(_serve(parts))


def _new_loop() -> asyncio.AbstractEventLoop:
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


async def _serve(parts: Parts) -> None:
    settings = parts.settings
    app = build_app(settings)
    health = Health(stall_timeout_s=settings.stall_timeout_s)
    sink = parts.sink_of(_group_commit(app, parts.offsets, settings.delivery_timeout_s))
    worker = Worker(
        settings=settings,
        read=parts.reader.read,
        sink=sink,
        offsets=parts.offsets,
        health=health,
        metrics=parts.metrics,
        log=parts.log,
    )
    inbox = Inbox(most_articles=2 * settings.batch_articles, most_bytes=settings.buffer_bytes)
    app.transport = transport_of(app, worker, inbox.has_room, settings.buffer_bytes)
    _add_agent(app, inbox, settings)
    _connect(app, worker)
    app.finalize()
    with _served(settings, health, parts.metrics):
        try:
            await _live(app, worker, inbox, health, parts)
        finally:
            _end_after(_STOP_S)
            await app.stop()
    if worker.failure is not None:
        raise worker.failure
    sink.close()
    parts.log.info(LogEvent.WORKER_STOPPED)


def _served(settings: Settings, health: Health, metrics: Metrics) -> contextlib.AbstractContextManager[object]:
    if not settings.http_port:
        return contextlib.nullcontext()
    return contextlib.closing(HealthServer(settings.http_host, settings.http_port, health, metrics.registry))


async def _live(app: Any, worker: Worker, inbox: Inbox, health: Health, parts: Parts) -> None:
    """From start to the batch that is finished last."""
    settings, log = parts.settings, parts.log
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _stop_or_end, worker)
    threading.Thread(target=_watch, args=(health, worker, settings), daemon=True, name="watchdog").start()
    if not await _started(app, worker):
        return
    model = parts.model.version
    log.info(LogEvent.WORKER_STARTED, group=settings.group, model=model, delivery=settings.delivery.value)
    beside = [
        asyncio.ensure_future(_look(app, worker, parts.reader)),
        asyncio.ensure_future(_read_on(worker, inbox, settings.batch_articles)),
    ]
    await _until_over(app, worker)
    health.assigned(at_work=False)
    log.info(LogEvent.WORKER_STOPPING)
    if worker.failure is None:
        await worker.finish()
    for task in beside:
        task.cancel()


async def _started(app: Any, worker: Worker) -> bool:
    """Whether the app has started, before anybody told the worker to stop."""
    starting = asyncio.ensure_future(app.start())
    stopping = asyncio.ensure_future(worker.stopping.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if starting.done():
        starting.result()
        return True
    starting.cancel()
    return False


def _add_agent(app: Any, inbox: Inbox, settings: Settings) -> None:
    """The agent: hands on what comes, fetch by fetch; order per partition is the broker's."""
    articles = app.topic(settings.articles_topic, key_serializer="raw", value_serializer="raw", acks=False)

    @app.agent(articles, concurrency=1)  # type: ignore[untyped-decorator]  # faust has no types
    async def read_articles(stream: Any) -> None:
        async for fetched in stream.noack():
            inbox.put(arrived(fetched))


def _connect(app: Any, worker: Worker) -> None:
    """Tells the worker of what Faust tells of the group."""

    @app.on_partitions_revoked.connect(weak=False)  # type: ignore[untyped-decorator]  # faust has no types
    async def give_back(_app: Any, _partitions: Any, **_: Any) -> None:
        await worker.revoked()

    @app.on_partitions_assigned.connect(weak=False)  # type: ignore[untyped-decorator]  # faust has no types
    async def stand_by(_app: Any, partitions: Any, **_: Any) -> None:
        if not partitions:
            await worker.standing_by()


def _group_commit(app: Any, offsets: GroupOffsets, timeout_s: float) -> Commit:
    """A commit by Faust's own consumer, in its thread. Raises TransientError where it is not done in `timeout_s`."""

    async def commit(positions: Positions) -> bool:
        thread = app.consumer._thread  # noqa: SLF001 - Faust offers no commit that says whether it was done

        async def in_consumer_thread() -> bool:
            return await commit_offsets(thread._consumer, positions)  # noqa: SLF001 - see above

        try:
            committed: bool = await asyncio.wait_for(thread.call_thread(in_consumer_thread), timeout_s)
        except TimeoutError as error:
            raise TransientError(f"offsets could not be committed within {timeout_s:g} s") from error
        if committed:
            offsets.written(positions)
        return committed

    return commit


async def _until_over(app: Any, worker: Worker) -> None:
    """Waits for a signal, a failure of the worker, or a crash of Faust's services."""
    over = {asyncio.ensure_future(worker.stopping.wait()), asyncio.ensure_future(app.wait_until_stopped())}
    _, waiting = await asyncio.wait(over, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    worker.stopping.set()  # whoever ended it, no more is taken
    if app.crashed:
        reason = app.crash_reason
        worker.fail(reason if isinstance(reason, TocsinError) else TransientError(f"Faust stopped: {reason!r}"))


async def _read_on(worker: Worker, inbox: Inbox, most: int) -> None:
    while not worker.stopping.is_set():
        await worker.handle(await inbox.take(most))


async def _look(app: Any, worker: Worker, reader: ReadingProcess) -> None:
    while True:
        try:
            reader.look()
        except TocsinError as error:
            worker.fail(error)
        with contextlib.suppress(AssertionError, RuntimeError):  # the consumer's thread was changing its state
            worker.look(ends_of(app))
        await asyncio.sleep(1)


def _watch(health: Health, worker: Worker, settings: Settings) -> None:
    """Ends a worker in which nothing moves; in a thread, because the event loop may be what hangs."""
    while health.live:
        time.sleep(1)
    if worker.failure is None:
        worker.fail(
            StalledError(f"articles wait, and nothing was written for {settings.stall_timeout_s:g} s: the worker ends")
        )
        time.sleep(_STOP_S)
        os._exit(1)


def _stop_or_end(worker: Worker) -> None:
    """The first signal lets the batches in hand be finished; a second one ends the process, and loses nothing."""
    if worker.stopping.is_set():
        os._exit(1)
    worker.stopping.set()


def _end_after(seconds: float) -> None:
    """Ends the process with exit 1 that late, whatever hangs in it; what was not committed is read again."""

    def end() -> None:
        time.sleep(seconds)
        os._exit(1)

    threading.Thread(target=end, daemon=True, name="end").start()
