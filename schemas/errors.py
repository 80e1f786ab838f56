"""Every error that Tocsin raises on purpose, told apart by what to do next.

TocsinError
 ├─ ContractError   this message is bad: dead-letter it, never retry
 ├─ TransientError  the world is bad: retry with a limit, then stop and let the supervisor restart
 ├─ StartupError    we are bad (settings, artefact, topics, arguments): refuse to start, exit 2
 │   └─ AccessError   Kafka does not let us in, or we cannot prove who we are: certificate, password, ACL
 └─ CheckFailed     the work was done and its result is not what was asked for: exit 1
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

_SHOWN_CHARACTERS = 60
"""How much of a bad value a message quotes; enough to recognise it, too little to carry an article."""


class Reason(StrEnum):
    """Why a message went to the dead letters; the value of header `tocsin_reason`."""

    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    CONTRACT = "contract"
    TOO_LARGE = "too_large"
    UNDECODABLE = "undecodable"
    BUG = "bug"


class TocsinError(Exception):
    """The root of every error raised on purpose; `exit_code` is what the command ends with."""

    exit_code = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong in a message: where, what was expected, what was found."""

    path: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, got {self.found}"


class ContractError(TocsinError):
    """A message does not hold the contract; carries the reason and every problem found, not only the first."""

    def __init__(self, reason: Reason, problems: Sequence[Problem]) -> None:
        self.reason = reason
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, problems)))


class TransientError(TocsinError):
    """The broker, the network or the disk did not do its part; trying again later may succeed."""


class StartupError(TocsinError):
    """Settings, artefact, topics or arguments are such that the command cannot begin."""

    exit_code = 2


class AccessError(StartupError):
    """Kafka does not let us in, or it cannot be trusted: a certificate, a password, a protocol or an ACL is wrong."""


class CheckFailed(TocsinError):
    """The command ran to its end and what it checked does not hold."""


def shown(value: object) -> str:  # noqa: PLR0911 - one line per kind of JSON
    """A bad value as an error message shows it: its JSON kind and, where short, the value."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{value}"' if len(value) <= _SHOWN_CHARACTERS else f"a string of {len(value):,} characters"
        case int() | float():
            return f"the number {value}" if len(str(value)) <= _SHOWN_CHARACTERS else "a long number"
        case list():
            return f"a list of {len(value):,}"
        case dict():
            return "an object"
        case _:
            return type(value).__name__
