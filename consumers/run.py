"""`tocsin run`: builds the parts of a worker from the settings and lets it run."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Callable

from consumers.apart import ReadingProcess
from consumers.app import Commit, Parts, run_worker
from consumers.detect import Reading
from consumers.kafka.access import require, worker_access
from consumers.kafka.admin import holds_transactions, topic_states
from consumers.kafka.client import KafkaSender
from consumers.kafka.group import GroupOffsets
from consumers.kafka.transactions import TransactionalWriter
from consumers.logs import Log, LogEvent, set_up_logging
from consumers.metrics import Metrics
from consumers.settings import Delivery, Settings
from consumers.sink import AtLeastOnceSink, ExactlyOnceSink, Sink
from models.tags import Classifier
from schemas.errors import StartupError, TocsinError

_SWITCH_S = 0.001
"""Seconds for which a busy thread keeps the interpreter from the others: a transaction takes some twenty hand-overs,
and Python's 5 ms for each would be more than the transaction itself (DECISIONS.md)."""

_BESIDE_S = 15.0
"""Seconds by which a write may exceed TOCSIN_DELIVERY_TIMEOUT_S: the client's own clean-up after it."""


def run(settings: Settings) -> None:
    """Runs one worker until it is told to stop. Raises what made it stop otherwise, after logging it."""

    def shipped() -> Classifier:
        from models.classifier import load_classifier  # noqa: PLC0415 - 100 MB that only the reading process needs

        return load_classifier(settings.model)

    serve(settings, shipped)


def serve(settings: Settings, classifier: Callable[[], Classifier]) -> None:
    """Runs one worker with a classifier that is loaded beside it, so that what is wrong with that is logged too."""
    set_up_logging(settings.log_level)
    sys.setswitchinterval(_SWITCH_S)
    gc.collect()
    gc.freeze()  # what is imported stays: to look through it for garbage stops every thread (DECISIONS.md, 15)
    log = Log()
    try:
        with contextlib.closing(ReadingProcess(classifier, _reading(settings), log)) as reader:
            _serve(settings, reader, log)
    except TocsinError as error:
        log.error(LogEvent.WORKER_FAILED, error, reason=str(error))
        raise


def _reading(settings: Settings) -> Reading:
    return Reading(
        event_source=settings.event_source,
        max_article_bytes=settings.max_article_bytes,
        fields=settings.article_fields,
    )


def _serve(settings: Settings, reader: ReadingProcess, log: Log) -> None:
    require(settings, worker_access(settings))
    missing = [state.name for state in topic_states(settings) if not state.partitions]
    if missing:
        raise StartupError(f"topics missing: {', '.join(missing)}; `tocsin topics create` makes them")
    offsets = GroupOffsets(settings)
    try:
        run_worker(
            Parts(
                settings=settings,
                reader=reader,
                model=reader.loaded(),
                offsets=offsets,
                sink_of=_sinks(settings, offsets),
                log=log,
                metrics=Metrics(),
            )
        )
    finally:
        offsets.close()


def _sinks(settings: Settings, offsets: GroupOffsets) -> Callable[[Commit], Sink]:
    timeout_s = settings.delivery_timeout_s + _BESIDE_S
    match settings.delivery:
        case Delivery.EXACTLY_ONCE:
            if not holds_transactions(settings):
                raise StartupError(
                    f"the broker at {', '.join(settings.brokers)} has no transactions, and cannot hold "
                    "TOCSIN_DELIVERY=exactly_once: set at_least_once, or use Apache Kafka 3.0 or newer"
                )
            writer = TransactionalWriter(settings, offsets)
            return lambda _commit: ExactlyOnceSink(writer, timeout_s)
        case Delivery.AT_LEAST_ONCE:
            sender = KafkaSender(settings)
            return lambda commit: AtLeastOnceSink(sender, commit, timeout_s)
