"""Parts that count articles a second: all contestants in turn, lengths, partitions and workers, a large backlog."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from articles import MIX, Corpus, corpus_of, eval_corpora, mix
from contestants import ALONE, ALONE_ONE, AT_LEAST_ONCE, CONTESTANTS, EXACTLY_ONCE, Contestant, Shape
from expected import Alone, Expected, alone, expected_of
from ground import Ground
from measuring import Run, measure
from plan import Plan
from work import BATCH

_CALIBRATED_ON, _ONE_CALIBRATED_ON = 3_000, 500
_LENGTH_BYTES = 1_200_000
"""Bytes of articles for each second that a length is to take: what the classifier read in one in November 2026."""
_FEWEST, _MOST = 512, 8_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The mix, what must come of it, and how many articles a contestant gets by its shape."""

    corpus: Corpus
    expected: Expected
    articles: Mapping[Shape, int]


def course_of(ground: Ground, plan: Plan) -> Course:
    """Finds out how many articles fill the time, and what must come of them."""
    corpus = mix()
    if plan.articles:
        counts = {Shape.BATCH: plan.articles, Shape.ONE: max(_ONE_CALIBRATED_ON, plan.articles // 4)}
    else:
        quick, _ = alone(ground.folder, articles=_CALIBRATED_ON, timestamp_ms=ground.timestamp_ms)
        slow, _ = alone(ground.folder, articles=_ONE_CALIBRATED_ON, timestamp_ms=ground.timestamp_ms, batch=1)
        counts = {
            Shape.BATCH: round(quick.per_second * plan.seconds),
            Shape.ONE: round(slow.per_second * plan.seconds),
        }
    most = max(*counts.values(), len(corpus.bodies))
    found, events = alone(ground.folder, articles=most, timestamp_ms=ground.timestamp_ms)
    return Course(corpus=corpus, expected=expected_of(found, events, len(corpus.bodies)), articles=counts)


def classifier(ground: Ground, plan: Plan) -> list[dict[str, Any]]:
    """The classifier alone on each kind of article: once through the file to know the time, then for the time."""
    found: list[dict[str, Any]] = []
    for name in (*eval_corpora(), MIX):
        once, _ = alone(ground.folder, articles=_CALIBRATED_ON, timestamp_ms=ground.timestamp_ms, corpus=name)
        articles = max(_FEWEST, round(once.per_second * plan.seconds))
        rounds = [
            alone(ground.folder, articles=articles, timestamp_ms=ground.timestamp_ms, corpus=name)[0]
            for _ in range(plan.rounds)
        ]
        costs = sorted(each.cpu_us for each in rounds)
        cost = statistics.median(costs)
        sys.stderr.write(f"{1e6 / cost:8,.0f} articles per CPU second: {name}\n")
        about = {"corpus": name, "articles": articles, "mean_bytes": round(rounds[0].mean_bytes)}
        found.append(about | {"cpu_us": cost, "least_cpu_us": costs[0], "most_cpu_us": costs[-1]})
    return found


def throughput(ground: Ground, plan: Plan, course: Course) -> list[Run]:
    """Rounds in which everybody has a turn; who begins changes from round to round."""
    takers = [contestant for contestant in CONTESTANTS if plan.takes(contestant.name)]
    runs: list[Run] = []
    for number in range(plan.rounds):
        turn = number * 5 % max(1, len(takers))
        done = _alone_runs(ground, takers, course)
        done += [_said(_measured(ground, taker, course)) for taker in takers[turn:] + takers[:turn]]
        runs += [replace(run, round=number) for run in done]
    return runs


def lengths(ground: Ground, plan: Plan) -> list[dict[str, Any]]:
    """The classifier alone and the worker, by the length of articles."""
    found: list[dict[str, Any]] = []
    for kilobytes in plan.lengths_kb:
        corpus = corpus_of(f"{kilobytes:g} KB")
        articles = max(_FEWEST, min(_MOST, int(plan.seconds * _LENGTH_BYTES / kilobytes / 1000)))
        limit, events = alone(ground.folder, articles=articles, timestamp_ms=ground.timestamp_ms, corpus=corpus.name)
        expected = expected_of(limit, events, len(corpus.bodies))
        run = _said(measure(ground, EXACTLY_ONCE, corpus, expected, articles=articles))
        about = {"kilobytes": limit.mean_bytes / 1000, "alone_per_second": limit.per_second}
        found.append(about | {"alone_cpu_us": limit.cpu_us, "run": asdict(run)})
    return found


def scaling(ground: Ground, plan: Plan, course: Course) -> list[dict[str, Any]]:
    """The worker by partitions, with both deliveries, and by the number of workers."""
    wanted = [(taker, count, 1) for count in plan.partitions for taker in (EXACTLY_ONCE, AT_LEAST_ONCE)]
    wanted += [(EXACTLY_ONCE, 4, count) for count in plan.workers]
    found: list[dict[str, Any]] = []
    for taker, partitions, workers in wanted:
        run = _measured(ground, taker, course, partitions=partitions, workers=workers)
        _said(replace(run, contestant=f"{run.contestant}, {partitions} partitions, {workers} workers"))
        found.append({"partitions": partitions, "workers": workers, "run": asdict(run)})
    return found


def backlog(ground: Ground, plan: Plan, course: Course) -> Run:
    """The worker before a large backlog: rate and memory, from its first third to its last."""
    counted = Expected(covers=0, identities={}, per_body=course.expected.per_body)
    return _said(measure(ground, EXACTLY_ONCE, course.corpus, counted, articles=plan.backlog))


def _measured(ground: Ground, taker: Contestant, course: Course, *, partitions: int = 4, workers: int = 1) -> Run:
    articles = course.articles[taker.shape]
    return measure(
        ground, taker, course.corpus, course.expected, articles=articles, partitions=partitions, workers=workers
    )


def _alone_runs(ground: Ground, takers: Sequence[Contestant], course: Course) -> list[Run]:
    """The limit of each shape that takes part."""
    shapes = {taker.shape for taker in takers}
    wanted = [(ALONE, Shape.BATCH, BATCH)] + ([(ALONE_ONE, Shape.ONE, 1)] if Shape.ONE in shapes else [])
    runs: list[Run] = []
    for name, shape, batch in wanted:
        count = course.articles[shape]
        found, _ = alone(ground.folder, articles=count, timestamp_ms=ground.timestamp_ms, batch=batch)
        runs.append(_said(_as_run(name, found)))
    return runs


def _as_run(name: str, found: Alone) -> Run:
    """The classifier alone as a run like the others."""
    return Run(
        contestant=name,
        articles=found.articles,
        seconds=round(found.seconds, 3),
        per_second=round(found.per_second, 1),
        cpu_us=round(found.cpu_us, 1),
    )


def _said(run: Run) -> Run:
    told = f"{run.per_second:8,.0f}/s  {run.cpu_us:7,.0f} µs CPU  {run.peak_mb:5,.0f} MB  start {run.start_s:4.1f} s"
    sys.stderr.write(f"{told}  {run.contestant}{''.join('; ' + problem for problem in run.problems)}\n")
    return run
