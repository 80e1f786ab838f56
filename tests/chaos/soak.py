"""`python tests/chaos/soak.py`: half of what two workers can do for MINUTES, one of them killed every few minutes.

The worker that is not killed must not grow, the lag must return to zero, nothing may be lost or doubled. Variables:
MINUTES, EVERY (minutes between kills), PARTITIONS, DELIVERY, SEED. Results go to build/soak.json and build/soak.md.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from brokers import Broker, forget_data
from on_workers import join
from plan import Options, Plan
from results import Result, save, table, tally
from stage import Ground, Stage
from workers import SHIPPED

from consumers.processes import tree_of
from consumers.settings import Delivery

GROWTH_AT_MOST = 0.05
"""Growth of memory over the last 20 minutes, or the last two thirds of a shorter soak."""
_WINDOW_S = 1_200.0
_SAMPLE_S = 2.0
_MEASURED_ARTICLES = 10_000
_BUILD = Path(__file__).resolve().parents[2] / "build"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look: seconds since the load became steady, memory of the worker that is not killed, lag of the group."""

    at_s: float
    resident_bytes: int
    lag_messages: int


def soak(ground: Ground, *, minutes: float, every_s: float) -> Result:
    """The whole soak; raises what makes it impossible."""
    plan = Plan(backlog=_MEASURED_ARTICLES, rate=0)
    with ground.stage("soak", plan) as stage:
        stage.crew.add(SHIPPED)
        join(stage, SHIPPED)
        rate = _capacity(stage) / 2
        stage.load.go_on_at(rate)
        sys.stderr.write(f"two workers read {2 * rate:,.0f} articles a second; {rate:,.0f} a second from now on\n")
        samples = _watch(stage, minutes * 60, every_s)
        result = stage.finish()
    _judge_memory(result, samples)
    _judge_lag(result, samples, every_s, rate)
    result.notes.insert(0, f"{minutes:g} min at {rate:,.0f} articles/s, {len(result.resumed_s)} kills")
    return result


def _capacity(stage: Stage) -> float:
    """Articles a second that the workers read of a backlog, the first seconds included."""
    stage.begin()
    began = time.monotonic()
    already = sum(stage.committed().values())
    stage.wait(lambda: sum(stage.committed().values()) >= _MEASURED_ARTICLES, "the backlog was not read", most_s=300)
    return max(100.0, (_MEASURED_ARTICLES - already) / (time.monotonic() - began))


def _watch(stage: Stage, seconds: float, every_s: float) -> list[Sample]:
    """Looks every two seconds, and kills the second worker every now and then."""
    began = time.monotonic()
    next_kill = began + every_s / 2
    survivor = stage.crew.members[0].running.pid
    samples: list[Sample] = []
    while time.monotonic() - began < seconds:
        if time.monotonic() > next_kill:
            next_kill += every_s
            with stage.fault():
                stage.crew.kill(1)
        at_s = round(time.monotonic() - began, 1)
        samples.append(Sample(at_s=at_s, resident_bytes=_resident(survivor), lag_messages=_lag(stage)))
        time.sleep(_SAMPLE_S)
    if stage.crew.members[0].running.pid != survivor:
        stage.result.problems.append("the worker that is not killed ended by itself")
    return samples


def _resident(pid: int) -> int:
    """Bytes of a worker: of the process that talks to Kafka and of the one that reads."""
    statms = [Path(f"/proc/{each}/statm").read_text("ascii") for each in tree_of(pid)]
    return sum(int(statm.split()[1]) for statm in statms) * os.sysconf("SC_PAGESIZE")


def _lag(stage: Stage) -> int:
    ends, committed = stage.load.ledger.ends(), stage.committed()
    return sum(max(0, end - committed.get(partition, 0)) for partition, end in ends.items())


def _judge_memory(result: Result, samples: Sequence[Sample]) -> None:
    window_s = min(_WINDOW_S, samples[-1].at_s * 2 / 3)
    looked_at = [sample.resident_bytes for sample in samples if sample.at_s >= samples[-1].at_s - window_s]
    tenth = max(1, len(looked_at) // 10)
    before, after = statistics.mean(looked_at[:tenth]), statistics.mean(looked_at[-tenth:])
    growth = after / before - 1
    said = f"memory {before / 1e6:.1f} MB, {window_s / 60:.1f} min later {after / 1e6:.1f} MB ({growth:+.1%})"
    result.notes.append(said)
    if growth > GROWTH_AT_MOST:
        result.problems.append(f"{said}, more than {GROWTH_AT_MOST:.0%}")


def _judge_lag(result: Result, samples: Sequence[Sample], every_s: float, rate: float) -> None:
    """Lag has returned in every stretch between two kills; "zero" is what arrives within a second."""
    result.notes.append(f"lag at most {max(sample.lag_messages for sample in samples):,}")
    last_s = samples[-1].at_s
    stretches = int(last_s // every_s)
    for stretch in range(stretches):
        inside = [
            s.lag_messages for s in samples if stretch * every_s <= s.at_s - every_s / 2 < (stretch + 1) * every_s
        ]
        if inside and min(inside) > rate:
            result.problems.append(f"lag never returned to zero after kill {stretch + 1}: at least {min(inside):,}")


def main(variables: Mapping[str, str]) -> int:
    """Runs what the variables ask for; the exit code."""
    minutes = float(variables.get("MINUTES") or 30)
    every_s = min(60 * float(variables.get("EVERY") or 3), minutes * 60 / 3)
    options = Options(
        articles=_MEASURED_ARTICLES,
        partitions=int(variables.get("PARTITIONS") or 4),
        delivery=Delivery(variables.get("DELIVERY") or Delivery.EXACTLY_ONCE),
        seed=int(variables.get("SEED") or 1),
    )
    folder = _BUILD / "soak"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    logging.basicConfig(filename=folder / "runner.log", level=logging.WARNING)
    broker = Broker(folder / "broker")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what runs is ended
    try:
        broker.start()
        result = soak(Ground(options=options, broker=broker, folder=folder), minutes=minutes, every_s=every_s)
    finally:
        broker.close()
        forget_data(folder)
    save([result], _BUILD, "soak", {"delivery": options.delivery.value, "partitions": options.partitions})
    sys.stdout.write(table([result]) + "\n\n" + tally([result]) + "\n")
    return int(result.verdict == "failed")


if __name__ == "__main__":
    sys.exit(main(os.environ))
