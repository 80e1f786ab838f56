"""Waits until a replay has been dealt with, and gathers what came of it from the events and dead-letter topics."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from consumers.expectations import Given
from consumers.in_flight import Place, Sent
from consumers.settings import Settings
from schemas.errors import TransientError
from schemas.message import REPLAY_HEADER, Record, header

NO_PROGRESS_S = 30.0
"""Seconds without a commit of the worker group after which waiting is given up; a first join takes about ten."""


class Offsets(Protocol):
    """Reads the committed offsets of the workers' group."""

    def committed(self, topic: str) -> dict[tuple[str, int], int]:
        """Committed offsets by topic and partition."""
        ...


def dealt_with(places: Sequence[Place], offsets: Offsets, topic: str) -> int:
    """How many of these messages the group's committed offsets have passed."""
    committed = offsets.committed(topic)
    return sum(place.offset < committed.get((topic, place.partition), 0) for place in places)


def wait_until_dealt_with(
    sent: Sequence[Sent], offsets: Offsets, settings: Settings, on_progress: Callable[[int], None]
) -> None:
    """Returns when the worker group's committed offsets have passed every article sent.

    `on_progress` is told how many have been passed. Raises TransientError after 30 seconds without progress.
    """
    best, since = -1, time.monotonic()
    while True:
        passed = dealt_with(sent, offsets, settings.articles_topic)
        on_progress(passed)
        if passed == len(sent):
            return
        if passed > best:
            best, since = passed, time.monotonic()
        if time.monotonic() - since > NO_PROGRESS_S:
            raise TransientError(
                f"group {settings.group!r} has dealt with {passed:,} of {len(sent):,} articles and has not moved for "
                f"{NO_PROGRESS_S:g} s: is `tocsin run` up, with this group and topic?"
            )
        time.sleep(0.1)


def gather(
    sent: Sequence[Sent], events: Sequence[Record], dead_letters: Sequence[Record], run_id: str, settings: Settings
) -> list[tuple[Sent, Given]]:
    """What each article sent gave, from the records of both topics; only those of this run count."""
    labels: dict[str, set[str]] = {}
    for record in events:
        if header(record.headers, "ce_replay") == run_id:
            subject = header(record.headers, "ce_subject") or ""
            event_type = (header(record.headers, "ce_type") or "").removeprefix("tocsin.").partition(".")[0]
            labels.setdefault(subject, set()).add(event_type)
    reasons: dict[tuple[str | None, str | None], str] = {}
    for record in dead_letters:
        if header(record.headers, "__connect.errors.topic") == settings.articles_topic:
            at = (
                header(record.headers, "__connect.errors.partition"),
                header(record.headers, "__connect.errors.offset"),
            )
            if header(record.headers, REPLAY_HEADER) in {run_id, None}:
                reasons[at] = header(record.headers, "tocsin_reason") or "?"
    return [
        (
            item,
            Given(
                labels=labels.get(item.id or "", set()),
                dead_letter=reasons.get((str(item.partition), str(item.offset))),
            ),
        )
        for item in sent
    ]
