"""Who takes part: each does the same work, in one reading process, on the same two topics."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from consumers.settings import Delivery
from consumers.worker_process import TOCSIN_RUN

_HERE = Path(__file__).resolve().parent


class Promise(StrEnum):
    """What becomes of events when the process dies."""

    EXACTLY_ONCE = "exactly once"
    NO_FENCING = "transactions, no fencing"
    AT_LEAST_ONCE = "at least once"
    NONE = "may lose or double"


class Shape(StrEnum):
    """How articles reach the classifier."""

    BATCH = "batches of 256"
    ONE = "one per call"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One who takes part; `command` are arguments of this Python."""

    name: str
    command: tuple[str, ...]
    promise: Promise
    shape: Shape
    delivery: Delivery = Delivery.EXACTLY_ONCE

    @property
    def file_name(self) -> str:
        """The name as part of a file's name."""
        return self.name.replace(" ", "-").replace(",", "")


def _tocsin(delivery: Delivery, promise: Promise) -> Contestant:
    return Contestant(
        name=f"tocsin run, {delivery.value}",
        command=("-P", *TOCSIN_RUN),
        promise=promise,
        shape=Shape.BATCH,
        delivery=delivery,
    )


def _rival(name: str, module: str, form: str, promise: Promise) -> Contestant:
    return Contestant(
        name=f"{name}, {form}",
        command=(str(_HERE / f"{module}.py"), form),
        promise=promise,
        shape=Shape.ONE if form == "documented" else Shape.BATCH,
    )


EXACTLY_ONCE = _tocsin(Delivery.EXACTLY_ONCE, Promise.EXACTLY_ONCE)
AT_LEAST_ONCE = _tocsin(Delivery.AT_LEAST_ONCE, Promise.AT_LEAST_ONCE)

CONTESTANTS = (
    EXACTLY_ONCE,
    _rival("confluent-kafka", "rival_confluent", "transactions", Promise.EXACTLY_ONCE),
    _rival("aiokafka", "rival_aiokafka", "transactions", Promise.NO_FENCING),
    AT_LEAST_ONCE,
    _rival("confluent-kafka", "rival_confluent", "batch", Promise.AT_LEAST_ONCE),
    _rival("aiokafka", "rival_aiokafka", "batch", Promise.AT_LEAST_ONCE),
    _rival("kafka-python", "rival_kafka_python", "batch", Promise.AT_LEAST_ONCE),
    _rival("confluent-kafka", "rival_confluent", "documented", Promise.NONE),
    _rival("aiokafka", "rival_aiokafka", "documented", Promise.NONE),
    _rival("kafka-python", "rival_kafka_python", "documented", Promise.NONE),
    _rival("quixstreams", "rival_quixstreams", "documented", Promise.AT_LEAST_ONCE),
    _rival("FastStream", "rival_faststream", "documented", Promise.NONE),
    _rival("Faust", "rival_faust", "documented", Promise.NONE),
)

ALONE = "classifier alone"
ALONE_ONE = "classifier alone, one per call"
