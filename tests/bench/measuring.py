"""One contestant on fresh topics, from its start until all of its events were seen, and what that took."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from articles import Corpus
from contestants import Contestant
from expected import Expected
from ground import Ground
from processes import Meter, alive, metered, running
from watching import Sight, StuckError, watch, watcher

_SAME_WRITE_S = 0.02
"""Events that the broker appended that soon after the first belong to the same batch."""


@dataclass(slots=True, kw_only=True)
class Run:
    """One run. The clock starts when the broker has the first event, and ends when it has the last.

    What was read for the first batch falls before that, and its articles are not counted; so start-up is not in it.
    """

    contestant: str
    articles: int
    round: int = 0
    problems: list[str] = field(default_factory=list)
    start_s: float = 0.0
    """From the start of the process, imports included, to the first event that the broker has."""
    seconds: float = 0.0
    per_second: float = 0.0
    cpu_us: float = 0.0
    """CPU microseconds an article, of all processes of the contestant."""
    broker_cpu_us: float = 0.0
    peak_mb: float = 0.0
    load_average: float = 0.0
    """Of the machine, before the run."""
    thirds: list[float] = field(default_factory=list)
    """Articles a second in the first, second and last third of the time."""


def measure(
    ground: Ground,
    contestant: Contestant,
    corpus: Corpus,
    expected: Expected,
    *,
    articles: int,
    partitions: int = 4,
    workers: int = 1,
) -> Run:
    """A run; what goes wrong in it is told in `problems`."""
    run = Run(contestant=contestant.name, articles=articles)
    log = ground.folder / f"{contestant.file_name}.log"
    with ground.topics(delivery=contestant.delivery, partitions=partitions) as settings:
        ground.fill(settings, corpus, articles)
        run.load_average = round(os.getloadavg()[0], 2)
        with watcher(settings) as consumer:
            started = time.time()
            try:
                with (
                    running(contestant.command, settings, log, workers) as pids,
                    metered(pids, [ground.broker.process.pid]) as (meter, broker),
                ):
                    watched = watch(consumer, expected.count(articles), alive=lambda: alive(pids))
            except StuckError as error:
                run.problems.append(f"{error}; see build/bench/{log.name}")
                return run
    run.problems += expected.problems(watched, articles)
    _reckon(run, watched.sights, started, meter, broker)
    return run


def _reckon(run: Run, sights: Sequence[Sight], started: float, meter: Meter, broker: Meter) -> None:
    moments = sorted(sight.appended for sight in sights)
    begin, end = moments[0], moments[-1]
    per_event = run.articles / len(moments)
    counted = per_event * sum(moment > begin + _SAME_WRITE_S for moment in moments)
    run.start_s = round(begin - started, 2)
    run.peak_mb = round(meter.peak_bytes / 1e6, 1)
    run.seconds = round(end - begin, 3)
    if not counted:
        run.problems.append("all events came at once: too few articles")
        return
    run.per_second = round(counted / run.seconds, 1)
    run.cpu_us = round(meter.cpu_between(begin, end) / counted * 1e6, 1)
    run.broker_cpu_us = round(broker.cpu_between(begin, end) / counted * 1e6, 1)
    third = run.seconds / 3
    for place in range(3):
        since = begin + _SAME_WRITE_S + place * third
        inside = sum(since < moment <= since + third for moment in moments)
        run.thirds.append(round(inside * per_event / third, 1))
