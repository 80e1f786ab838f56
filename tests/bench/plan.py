"""What a bench run is asked to do: the variables of `make bench` as one value. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PARTS = ("classifier", "throughput", "latency", "startup", "lengths", "scaling", "backlog", "replay")


class RefusedError(Exception):
    """A variable that makes no sense; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The variables, read."""

    parts: tuple[str, ...] = PARTS
    only: tuple[str, ...] = ()
    rounds: int = 5
    articles: int = 0
    """Articles of a batch form in a round; 0 for as many as the classifier alone reads in `seconds`. A form that reads
    one article per call gets as many as the classifier alone, one by one, reads in that time."""
    seconds: float = 12.0
    """About how long a contestant takes a round, and half of how long a rate of the latency part is held."""
    rates: tuple[int, ...] = (50, 200, 500)
    lengths_kb: tuple[float, ...] = (0.5, 1, 2, 5, 10, 20, 50)
    partitions: tuple[int, ...] = (4, 16, 64)
    workers: tuple[int, ...] = (1, 2)
    backlog: int = 200_000
    replay: int = 1_000_000
    """Lines of the file that is replayed."""

    def takes(self, name: str) -> bool:
        """Whether a contestant is among those that ONLY names, by the whole name or a part of it."""
        return not self.only or any(part in name for part in self.only)


def plan_of(variables: Mapping[str, str]) -> Plan:
    """The plan that environment variables ask for. Raises RefusedError."""
    parts = _words(variables.get("PARTS", "")) or PARTS
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        raise RefusedError(f"PARTS: no such part: {', '.join(unknown)}; there are: {', '.join(PARTS)}")
    return Plan(
        parts=tuple(part for part in PARTS if part in parts),
        only=_words(variables.get("ONLY", "")),
        rounds=_whole(variables, "ROUNDS", 5),
        articles=_whole(variables, "ARTICLES", 0),
        seconds=float(_whole(variables, "SECONDS", 12)),
        rates=_wholes(variables, "RATES", (50, 200, 500)),
        lengths_kb=_numbers(variables, "LENGTHS", (0.5, 1, 2, 5, 10, 20, 50)),
        partitions=_wholes(variables, "PARTITIONS", (4, 16, 64)),
        workers=_wholes(variables, "WORKERS", (1, 2)),
        backlog=_whole(variables, "BACKLOG", 200_000),
        replay=_whole(variables, "REPLAY", 1_000_000),
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _whole(variables: Mapping[str, str], name: str, default: int) -> int:
    text = variables.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise RefusedError(f"{name}: expected a whole number above 0, got {text!r}")
    return int(text)


def _wholes(variables: Mapping[str, str], name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(_whole({name: word}, name, 0) for word in _words(variables.get(name, ""))) or default


def _numbers(variables: Mapping[str, str], name: str, default: tuple[float, ...]) -> tuple[float, ...]:
    words = _words(variables.get(name, ""))
    try:
        numbers = tuple(float(word) for word in words)
    except ValueError as error:
        raise RefusedError(f"{name}: expected numbers, got {variables[name]!r}") from error
    if any(not 0.1 <= number <= 200 for number in numbers):
        raise RefusedError(f"{name}: expected thousand bytes from 0.1 to 200, got {variables[name]!r}")
    return numbers or default


def told(plan: Plan) -> dict[str, object]:
    """The plan as the report tells it."""
    return {
        "parts": " ".join(plan.parts),
        "only": " ".join(plan.only),
        "rounds": plan.rounds,
        "articles": plan.articles or "by time",
        "seconds": plan.seconds,
        "backlog": plan.backlog,
        "replay": plan.replay,
    }
