"""Figures from arrays: what was true, what was said, how probable it was held to be. Pure NumPy; knows no articles.

Where nothing is true and nothing was said, precision, recall, F1 and average precision are 0, as scikit-learn has them
with `zero_division=0`; `positives` tells that case apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

RESAMPLES = 1_000
"""Bootstrap resamples: enough for 90 % percentile intervals (Efron and Tibshirani 1993, An Introduction to the
Bootstrap, §13: 1,000 or more)."""

INTERVAL_PERCENTILES = (5.0, 95.0)
_SEED = 20_250_304
"""Any number does; a fixed one gives the same intervals every time."""

DRAWS = 200
"""Draws of events for `calibration_by_chance`: its mean is then sure to some 0.003."""

BINS = 10
"""Equal-width bins of the expected calibration error; a usual choice, and few enough for our small files."""

LEAST_PROBABILITY = 0.1
"""Decisions below it do not count for calibration: nearly all are trivially and rightly near 0 and would hide the
rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A bootstrap 90 % interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """All figures of one label, or of all labels together (macro, micro); each in [0, 1].

    Higher is better but for `brier` and `calibration_error`. `calibration_decisions` is how many decisions the
    calibration error is of, and `calibration_by_chance` what perfect probabilities would show of so many; `positives`
    how many there are to find.
    """

    precision: float
    recall: float
    f1: float
    f1_interval: Interval
    average_precision: float
    brier: float
    calibration_error: float
    calibration_by_chance: float
    calibration_decisions: int
    positives: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Decisions of about the same probability: how many, their mean probability, and the share that is true."""

    decisions: int
    probability: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTable:
    """Scores per label in the order of the columns; macro: their means; micro: all decisions in one pool."""

    labels: tuple[Scores, ...]
    macro: Scores
    micro: Scores


def score_table(truth: Bools, said: Bools, p: Floats) -> ScoreTable:
    """All figures of decisions. truth, said, p: (n_articles, n_labels); p in [0, 1]."""
    *of_labels, macro, micro = f1_intervals(truth, said)
    labels = tuple(scores(truth[:, k], said[:, k], p[:, k], interval) for k, interval in enumerate(of_labels))
    return ScoreTable(
        labels=labels,
        macro=_mean(labels, macro),
        micro=scores(truth.ravel(), said.ravel(), p.ravel(), micro),
    )


def scores(truth: Bools, said: Bools, p: Floats, f1_interval: Interval) -> Scores:
    """All figures of one pool of decisions. truth, said, p: (n,)."""
    hits = int((truth & said).sum())
    bins = reliability(truth, p)
    return Scores(
        precision=hits / max(int(said.sum()), 1),
        recall=hits / max(int(truth.sum()), 1),
        f1=f1_of(truth, said),
        f1_interval=f1_interval,
        average_precision=average_precision(truth, p),
        brier=brier_score(truth, p),
        calibration_error=calibration_error(bins),
        calibration_by_chance=calibration_by_chance(p),
        calibration_decisions=sum(each.decisions for each in bins),
        positives=int(truth.sum()),
    )


def f1_of(truth: Bools, said: Bools) -> float:
    """F1 in [0, 1]; 0 where nothing is true and nothing was said."""
    hits = int((truth & said).sum())
    return 2 * hits / max(int(truth.sum()) + int(said.sum()), 1)


def precision_recall(truth: Bools, p: Floats) -> tuple[Floats, Floats]:
    """(n_thresholds,) each: precision and recall at every distinct probability, from the highest down.

    Equal probabilities are decided together: no threshold can part them.
    """
    order = np.argsort(-p, kind="stable")
    last_of_ties = np.flatnonzero(np.diff(p[order], append=-np.inf))
    hits = np.cumsum(truth[order])[last_of_ties]
    return hits / (last_of_ties + 1), hits / max(int(truth.sum()), 1)


def average_precision(truth: Bools, p: Floats) -> float:
    """The sum over thresholds of precision times gain in recall, in [0, 1]; not interpolated.

    Source: scikit-learn, `average_precision_score`; Zhu 2004, Recall, Precision and Average Precision.
    """
    precision, recall = precision_recall(truth, p)
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def brier_score(truth: Bools, p: Floats) -> float:
    """The mean squared distance of the probability from what was so, in [0, 1]; 0 is best, and for no decision.

    Source: Brier 1950, Verification of Forecasts Expressed in Terms of Probability; the one-sided form for two classes.
    """
    return float(((p - truth) ** 2).mean()) if len(p) else 0.0


def reliability(truth: Bools, p: Floats) -> tuple[Bin, ...]:
    """The bins [0.1, 0.2) … [0.9, 1.0] that hold a decision, by rising probability."""
    place = _bins(p)
    inside = [place == number for number in range(BINS)]
    return tuple(
        Bin(decisions=int(here.sum()), probability=float(p[here].mean()), share=float(truth[here].mean()))
        for here in inside
        if here.any()
    )


def calibration_error(bins: Sequence[Bin]) -> float:
    """The expected calibration error in [0, 1]: the distance of a bin's probability from its share, over decisions.

    Over decisions with p ≥ 0.1, in 10 bins of equal width over [0, 1]; 0 where there is none. Source: Naeini, Cooper
    and Hauskrecht 2015; Guo et al. 2017, On Calibration of Modern Neural Networks, eq. 3; here of the probability of
    the event itself, not of the likelier class. Of few decisions it is high by chance: read it with their number.
    """
    decisions = sum(each.decisions for each in bins)
    return sum(each.decisions * abs(each.probability - each.share) for each in bins) / max(decisions, 1)


def calibration_by_chance(p: Floats) -> float:
    """The mean calibration error, in [0, 1], of events drawn with these very probabilities: what is no fault of theirs.

    Of 40 decisions it is about 0.14. Source: Bröcker and Smith 2007, Increasing the Reliability of Reliability
    Diagrams, who draw the same to tell chance from miscalibration.
    """
    counted = p[p >= LEAST_PROBABILITY]
    places, random = _bins(counted).astype(np.int64), np.random.default_rng(_SEED)
    drawn = (np.bincount(places, (random.random(len(counted)) < counted) - counted) for _ in range(DRAWS))
    return sum(float(np.abs(off).sum()) for off in drawn) / DRAWS / max(len(counted), 1)


def f1_intervals(truth: Bools, said: Bools) -> list[Interval]:
    """Percentile bootstrap intervals of F1: one per label, then macro, then micro.

    Articles are drawn with replacement, all labels of an article together. Says how much the figure depends on which
    articles happen to be in the file; nothing of readers' errors or of news of another kind.
    """
    random = np.random.default_rng(_SEED)
    n = len(truth)
    counts = np.concatenate([truth & said, truth, said], axis=1).astype(np.int64)
    draws = (np.bincount(random.integers(max(n, 1), size=n), minlength=n) for _ in range(RESAMPLES))
    hits, true, told = np.split(np.stack([draw @ counts for draw in draws]), 3, axis=1)
    f1 = _f1(hits, true + told)
    micro = _f1(hits.sum(axis=1), (true + told).sum(axis=1))
    columns = np.column_stack([f1, f1.mean(axis=1), micro])
    low, high = np.percentile(columns, INTERVAL_PERCENTILES, axis=0)
    return [Interval(low=float(a), high=float(b)) for a, b in zip(low, high, strict=True)]


def _bins(p: Floats) -> Floats:
    """(n,): the number of each probability's bin, -1 for those that do not count."""
    return np.where(p >= LEAST_PROBABILITY, np.minimum(np.floor(p * BINS), BINS - 1), -1)


def _f1(hits: npt.NDArray[np.int64], both: npt.NDArray[np.int64]) -> Floats:
    found: Floats = 2 * hits / np.maximum(both, 1)
    return found


def _mean(labels: Sequence[Scores], f1_interval: Interval) -> Scores:
    """The mean of every figure over the labels; numbers of decisions and positives are sums."""

    def mean(values: Sequence[float]) -> float:
        return sum(values) / len(values)

    return Scores(
        precision=mean([each.precision for each in labels]),
        recall=mean([each.recall for each in labels]),
        f1=mean([each.f1 for each in labels]),
        f1_interval=f1_interval,
        average_precision=mean([each.average_precision for each in labels]),
        brier=mean([each.brier for each in labels]),
        calibration_error=mean([each.calibration_error for each in labels]),
        calibration_by_chance=mean([each.calibration_by_chance for each in labels]),
        calibration_decisions=sum(each.calibration_decisions for each in labels),
        positives=sum(each.positives for each in labels),
    )
