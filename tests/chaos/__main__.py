"""`python tests/chaos`: runs the scenarios on real Kafka, counts, and prints one table. `make chaos` is this.

Variables: ONLY=name,name picks, RUNS=n repeats, ARTICLES, PARTITIONS, DELIVERY, SEED; BREAK=transaction takes the
transaction out, to see the suite fail; TIMED=no does not judge how soon output resumes. Results go to build/chaos.json
and build/chaos.md, logs to build/chaos/.
"""

from __future__ import annotations

import logging
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import on_brokers
import on_reading
import on_topics
import on_workers
from brokers import Broker, forget_data
from plan import Options
from results import Result, save, table, tally
from stage import Ground, StuckError

from consumers.settings import Delivery

_BUILD = Path(__file__).resolve().parents[2] / "build"
_SABOTAGES = ("", "transaction")

Scenario = Callable[[Ground], Result]

SCENARIOS: Mapping[str, Scenario] = {
    "kill": on_workers.kill,
    "kill-static": on_workers.kill_static,
    "join-leave": on_workers.join_leave,
    "kill-one": on_workers.kill_one,
    "zombie": on_workers.zombie,
    "rolling": on_workers.rolling,
    "broker-stop": on_brokers.broker_stop,
    "broker-kill": on_brokers.broker_kill,
    "broker-freeze": on_brokers.broker_freeze,
    "three-brokers": on_brokers.three_brokers,
    "disk-full": on_brokers.disk_full,
    "events-missing": on_topics.events_missing,
    "retention": on_topics.retention,
    "retention-live": on_topics.retention_live,
    "recreated": on_topics.recreated,
    "recreated-idle": on_topics.recreated_idle,
    "poison": on_reading.poison,
    "slow": on_reading.slow,
    "bugs": on_reading.bugs,
    "out-of-memory": on_reading.out_of_memory,
    "breaker": on_reading.breaker,
    "aborted": on_reading.aborted,
    "bad-header": on_reading.bad_header,
    "sigterm": on_workers.sigterm,
    "sigint": on_workers.sigint,
    "sigterm-twice": on_workers.sigterm_twice,
    "network-cut": on_brokers.network_cut,
    "half-open": on_brokers.half_open,
}


def strongest() -> Delivery:
    """The promise that is checked unless another is named: exactly-once, where the product has it."""
    return next((each for each in Delivery if each.name == "EXACTLY_ONCE"), Delivery.AT_LEAST_ONCE)


def run(ground: Ground, name: str) -> Result:
    """One run of one scenario; what it raises is its failure."""
    began = time.monotonic()
    try:
        if ground.broker.ended:
            ground.broker.start()
        result = SCENARIOS[name](ground)
    except StuckError as error:
        result = ground.given_up or Result(scenario=name, problems=[str(error)])
    except Exception as error:  # noqa: BLE001 - one scenario must not end the round
        logging.getLogger("chaos").error("%s: %s", name, traceback.format_exc())
        result = Result(scenario=name, problems=[f"{type(error).__name__}: {error}"[:500]])
    result.seconds = round(time.monotonic() - began, 1)
    result.load_average = round(os.getloadavg()[0], 1)
    return result


def chosen(only: str) -> list[str]:
    """The names that ONLY picks, all of them where it is empty; ends with exit 2 where one is unknown."""
    names = [name.strip() for name in only.split(",") if name.strip()]
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown:
        sys.exit(_refuse(f"no such scenario: {', '.join(unknown)}; there are: {', '.join(SCENARIOS)}"))
    return names or list(SCENARIOS)


def main(variables: Mapping[str, str]) -> int:
    """Runs what the variables ask for; the exit code."""
    names, runs = chosen(variables.get("ONLY", "")), int(variables.get("RUNS") or 1)
    options = Options(
        articles=int(variables.get("ARTICLES") or 10_000),
        partitions=int(variables.get("PARTITIONS") or 4),
        delivery=Delivery(variables.get("DELIVERY") or strongest()),
        seed=int(variables.get("SEED") or random.randrange(10**6)),  # noqa: S311 - moments, not secrets
        sabotage=variables.get("BREAK", ""),
        timed=variables.get("TIMED", "yes") != "no",
    )
    if options.sabotage not in _SABOTAGES:
        return _refuse(f"BREAK: expected transaction, got {options.sabotage}")
    folder = _BUILD / "chaos"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    logging.basicConfig(filename=folder / "runner.log", level=logging.WARNING)
    circumstances: dict[str, object] = {
        "delivery": options.delivery.value,
        "partitions": options.partitions,
        "articles": options.articles,
        "seed": options.seed,
        "break": options.sabotage or "nothing",
    }
    sys.stderr.write(", ".join(f"{key} {value}" for key, value in circumstances.items()) + "\n")
    results: list[Result] = []
    broker = Broker(folder / "broker")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what runs is ended and unmounted
    try:
        for number in range(1, runs + 1):
            for name in names:
                ground = Ground(options=options, broker=broker, folder=folder, run=number)
                results.append(run(ground, name))
                took = f"{results[-1].seconds:6.1f} s at load {results[-1].load_average:g}"
                sys.stderr.write(f"{took}  {'  '.join(results[-1].row())}\n")
    finally:
        broker.close()
        forget_data(folder)
        save(results, _BUILD, "chaos", circumstances)
    sys.stdout.write("\n" + table(results) + "\n\n" + tally(results) + "\n")
    return int(any(result.verdict == "failed" for result in results))


def _refuse(problem: str) -> int:
    sys.stderr.write(problem + "\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(os.environ))
