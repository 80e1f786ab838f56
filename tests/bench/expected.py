"""What must come out, as the classifier alone gives it, and what a contestant gave beside it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from articles import MIX, number_of
from watching import Watched
from work import BATCH

_ALONE = Path(__file__).resolve().parent / "alone.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """What the classifier alone did with so many articles."""

    articles: int
    seconds: float
    cpu_s: float
    mean_bytes: float

    @property
    def per_second(self) -> float:
        """Articles a second."""
        return self.articles / self.seconds

    @property
    def cpu_us(self) -> float:
        """CPU microseconds an article."""
        return self.cpu_s / self.articles * 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The events of the first `covers` articles, and how many events each body of the corpus gives."""

    covers: int
    identities: Mapping[int, frozenset[str]]
    per_body: Sequence[int]

    def count(self, articles: int) -> int:
        """How many events that many articles give."""
        whole, rest = divmod(articles, len(self.per_body))
        return whole * sum(self.per_body) + sum(self.per_body[:rest])

    def problems(self, watched: Watched, articles: int) -> list[str]:
        """What is not as it must be; empty where all is equal byte for byte."""
        wanted = {identity for number in range(articles) for identity in self.identities.get(number, ())}
        found = {sight.identity for sight in watched.sights if sight.number < self.covers}
        told = {
            "missing": len(wanted - found),
            "other than expected": len(found - wanted),
            "twice": len(watched.sights) - len(watched.identities),
        }
        return [f"{count} {what}" for what, count in told.items() if count]


def alone(
    folder: Path, *, articles: int, timestamp_ms: int, batch: int = BATCH, corpus: str = MIX
) -> tuple[Alone, Mapping[int, frozenset[str]]]:
    """The classifier alone, in a process of its own, on the corpus of that name; and the events."""
    request, answer = folder / "alone-request.json", folder / "alone-answer.json"
    asked = {
        "articles": articles,
        "batch": batch,
        "corpus": corpus,
        "timestamp_ms": timestamp_ms,
        "answer": str(answer),
    }
    request.write_text(json.dumps(asked), encoding="utf-8")
    subprocess.run([sys.executable, str(_ALONE), str(request)], check=True)
    told = json.loads(answer.read_text(encoding="utf-8"))
    events = {number_of(subject): frozenset(found) for subject, found in told.pop("events").items()}
    return Alone(**told), events


def expected_of(found: Alone, events: Mapping[int, frozenset[str]], bodies: int) -> Expected:
    """From what the classifier alone made of at least as many articles as there are bodies."""
    per_body = [len(events.get(number, ())) for number in range(bodies)]
    return Expected(covers=found.articles, identities=events, per_body=per_body)
