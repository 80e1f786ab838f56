"""The part that looks at `tocsin replay`: articles a second and memory, on a file as long as an archive."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from articles import Corpus
from ground import Ground
from on_throughput import Course
from plan import Plan
from processes import Meter, alive, metered, running

from consumers.settings import Settings

_LOOK_S = 0.05


def replay(ground: Ground, plan: Plan, course: Course) -> dict[str, Any]:
    """A file of so many lines into fresh topics; the time that a file of one line takes is start-up, and taken off."""
    path = ground.folder / "replay.jsonl"
    try:
        _write(path, course.corpus, 1)
        with ground.topics() as settings:
            start_s, _ = _replayed(ground, settings, path)
        size_bytes = _write(path, course.corpus, plan.replay)
        with ground.topics() as settings:
            seconds, meter = _replayed(ground, settings, path)
            there = ground.articles(settings)
    finally:
        path.unlink(missing_ok=True)
    found: dict[str, Any] = {
        "contestant": "tocsin replay",
        "articles": plan.replay,
        "mean_bytes": round(size_bytes / plan.replay),
        "start_s": round(start_s, 2),
        "per_second": round(plan.replay / (seconds - start_s)),
        "cpu_us": round(meter.samples[-1].cpu_s / plan.replay * 1e6, 1),
        "peak_mb": round(meter.peak_bytes / 1e6, 1),
        "problems": [] if there == plan.replay else [f"{there} of {plan.replay} articles are on the broker"],
    }
    sys.stderr.write(f"{found}\n")
    return found


def _write(path: Path, corpus: Corpus, lines: int) -> int:
    """Writes the file; its bytes."""
    with path.open("wb") as out:
        return sum(out.write(corpus.value(number) + b"\n") for number in range(lines))


def _replayed(ground: Ground, settings: Settings, path: Path) -> tuple[float, Meter]:
    """Seconds from start to end."""
    began = time.monotonic()
    command = ("-P", "-m", "consumers.cli", "replay", str(path))
    with running(command, settings, ground.folder / "replay.log") as pids, metered(pids) as (meter,):
        while alive(pids):
            time.sleep(_LOOK_S)
        seconds = time.monotonic() - began
    return seconds, meter
