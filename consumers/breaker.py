"""Stops the worker when the fault is ours: a circuit breaker over outcomes with reason `bug`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from consumers.outcome import Outcome, Rejected
from schemas.errors import Reason


class Breaker:
    """Trips when more than `share` of the last `window` articles failed for reason `bug`.

    Contract errors never count: they are the sender's. Before `window` articles were seen the missing ones count as
    good, so that the first odd article after a start does not stop a worker.
    """

    def __init__(self, *, window: int, share: float) -> None:
        self._limit = share * window
        self._last: deque[bool] = deque(maxlen=window)
        self._bugs = 0

    def trips(self, outcomes: Iterable[Outcome]) -> bool:
        """Whether these outcomes, counted one after the other, trip it at any point."""
        tripped = [self._count(_is_bug(outcome)) for outcome in outcomes]
        return any(tripped)

    def _count(self, bug: bool) -> bool:
        if len(self._last) == self._last.maxlen:
            self._bugs -= self._last[0]
        self._last.append(bug)
        self._bugs += bug
        return self._bugs > self._limit


def _is_bug(outcome: Outcome) -> bool:
    return isinstance(outcome, Rejected) and outcome.dead_letter.reason is Reason.BUG
