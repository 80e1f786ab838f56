"""`tocsin run`: builds the parts of a worker from the settings and lets it run."""

from __future__ import annotations

from consumers.app import run_worker
from consumers.kafka.admin import topic_states
from consumers.kafka.client import KafkaSender
from consumers.logs import Log, LogEvent, set_up_logging
from consumers.metrics import Metrics
from consumers.settings import Settings
from models.classifier import load_classifier
from schemas.errors import StartupError, TocsinError


def run(settings: Settings) -> None:
    """Runs one worker until it is told to stop. Raises what made it stop otherwise, after logging it."""
    set_up_logging(settings.log_level)
    log = Log()
    try:
        _run(settings, log)
    except TocsinError as error:
        log.error(LogEvent.WORKER_FAILED, error, reason=str(error))
        raise


def _run(settings: Settings, log: Log) -> None:
    classifier = load_classifier(settings.model)
    missing = [state.name for state in topic_states(settings) if not state.partitions]
    if missing:
        raise StartupError(f"topics missing: {', '.join(missing)}; `tocsin topics create` makes them")
    metrics = Metrics()
    if settings.http_port:
        metrics.serve(settings.http_host, settings.http_port)
    producer = KafkaSender(settings)
    try:
        run_worker(settings, classifier, producer, log, metrics)
    finally:
        producer.close()
