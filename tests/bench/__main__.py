"""`python tests/bench`: how fast, how soon and at what cost, beside what a user would write. `make bench` is this.

Variables: PARTS=classifier,throughput,latency,startup,lengths,scaling,backlog,replay picks parts; ONLY=name,name picks
contestants of the throughput part by a part of their names; ROUNDS=5; ARTICLES=n a round, or SECONDS=12 to take about
that long. For single parts: RATES=50,200,500 (articles/s), LENGTHS=0.5,50 (KB), PARTITIONS=4,64, WORKERS=1,2,
BACKLOG=200000, REPLAY=1000000. In three minutes: `PARTS=throughput ROUNDS=1 SECONDS=3`. Results go to build/bench.json,
build/bench.md and build/bench-*.svg, logs to build/bench/. Linux only, and needs Apache Kafka (`make kafka-jars`).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from goals import goals
from ground import Ground, ground
from machine import circumstances
from on_latency import latency, startup
from on_replay import replay
from on_throughput import Course, backlog, classifier, course_of, lengths, scaling, throughput
from plan import Plan, RefusedError, plan_of, told
from plots import save_plots
from report import markdown

_BUILD = Path(__file__).resolve().parents[2] / "build"

Part = Callable[[Ground, Plan, Course], Any]

PARTS: Mapping[str, Part] = {
    "classifier": lambda ground, plan, _course: classifier(ground, plan),
    "throughput": lambda ground, plan, course: [asdict(run) for run in throughput(ground, plan, course)],
    "latency": latency,
    "startup": startup,
    "lengths": lambda ground, plan, _course: lengths(ground, plan),
    "scaling": scaling,
    "backlog": lambda ground, plan, course: asdict(backlog(ground, plan, course)),
    "replay": replay,
}


def main(variables: Mapping[str, str]) -> int:
    """Runs what the variables ask for; the exit code: 1 where a contestant failed or gave other events."""
    try:
        plan = plan_of(variables)
    except RefusedError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what runs is ended
    folder = _BUILD / "bench"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    document: dict[str, Any] = {"about": circumstances() | {"plan": told(plan)}}
    try:
        with ground(folder) as there:
            course = course_of(there, plan)
            document["about"]["articles"] = course.corpus.name
            document["about"]["articles_a_round"] = {shape.value: count for shape, count in course.articles.items()}
            for name in plan.parts:
                sys.stderr.write(f"-- {name}\n")
                document[name] = PARTS[name](there, plan, course)
                _save(document)
    finally:
        shutil.rmtree(folder / "broker" / "data", ignore_errors=True)
    text = (_BUILD / "bench.md").read_text(encoding="utf-8")
    sys.stdout.write(text)
    return int("## Not as it must be" in text)


def _save(document: Mapping[str, Any]) -> None:
    """Writes what there is so far: a run that is ended early keeps its finished parts."""
    judged = {"goals": [asdict(goal) for goal in goals(document)]}
    (_BUILD / "bench.json").write_text(json.dumps({**document, **judged}, indent=1) + "\n", encoding="utf-8")
    plots = save_plots(document, _BUILD)
    (_BUILD / "bench.md").write_text(markdown(document, plots), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(os.environ))
