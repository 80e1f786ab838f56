"""Numbered articles: what the article of a number says, and what must come of it.

Everything follows from the number alone, so that what came out can be judged without asking what went in.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

from schemas.event_type import EventType
from schemas.message import Message

KEYS = 640
"""Keys that articles take turns with; divisible by 4 and by 64, so that every partition has as many."""

NUMBER = "number"
"""Header that carries the number; a dead letter carries it on."""


class Kind(StrEnum):
    """What an article is made to be."""

    TALKS = "talks"
    TWO_EVENTS = "two_events"
    NO_EVENT = "no_event"
    NOT_JSON = "not_json"
    NOT_UTF8 = "not_utf8"
    NO_TEXT = "contract"
    BUG = "bug"
    """One that the classifiers of `workers.py` may raise on; it gives a talks event where they do not."""
    UNDECODABLE = "undecodable"
    """One with a header key that is not UTF-8, which both Python clients raise on."""


POISON = (Kind.NOT_JSON, Kind.NOT_UTF8, Kind.NO_TEXT)
# The shipped model and the keyword classifier read these alike.
_TALKS = "The foreign ministers of Ghana and Togo held talks in Accra on Monday."
_BOTH = f"{_TALKS} The United States issued a sanctions warning: it threatened to impose new sanctions on Belarus."
_NEITHER = "The mayor opened a new library on Tuesday."


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Which numbers are what: every `poison_every`th is poison, every `bug_every`th makes a faulty classifier raise.

    Zero is never. `undecodable` are the numbers with the header that no client decodes.
    """

    poison_every: int = 100
    bug_every: int = 0
    undecodable: frozenset[int] = frozenset()

    def kind(self, number: int) -> Kind:
        """What the article of that number is."""
        if number in self.undecodable:
            return Kind.UNDECODABLE
        if self.bug_every and number % self.bug_every == self.bug_every // 2:
            return Kind.BUG
        if self.poison_every and number % self.poison_every == self.poison_every - 1:
            return POISON[number // self.poison_every % len(POISON)]
        return {3: Kind.NO_EVENT, 7: Kind.TWO_EVENTS}.get(number % 10, Kind.TALKS)

    def message(self, number: int) -> Message:
        """The article as it goes to Kafka."""
        kind = self.kind(number)
        key, name = b"key-%d" % (number % KEYS), str(number).encode()
        if kind is Kind.UNDECODABLE:
            return Message(key=key, value=_value(number, kind), headers=((NotUtf8("x"), b"1"), (NUMBER, name)))
        return Message(key=key, value=_value(number, kind), headers=((NUMBER, name),))


class NotUtf8(str):
    """A header key whose bytes are not UTF-8, which no client offers to send."""

    __slots__ = ()

    def encode(self, *_: object, **__: object) -> bytes:
        """Bytes that are no UTF-8, whatever is asked for."""
        return b"\xff\xfe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What must come of one article: types of events, or the reason of a dead letter; neither where it is ignored."""

    types: frozenset[str] = frozenset()
    reason: str | None = None


def expected_of(kind: Kind, *, bugs_raise: bool) -> Expected:
    """What an article of that kind must give; with `bugs_raise` the classifier is one that raises on BUG."""
    match kind:
        case Kind.TALKS:
            return Expected(types=frozenset({EventType.TALKS}))
        case Kind.TWO_EVENTS:
            return Expected(types=frozenset({EventType.TALKS, EventType.SANCTIONS_WARNING}))
        case Kind.NO_EVENT:
            return Expected()
        case Kind.BUG:
            return Expected(reason=kind) if bugs_raise else Expected(types=frozenset({EventType.TALKS}))
        case _:
            return Expected(reason=kind)


def id_of(number: int) -> str:
    """The id of the article of that number; it comes back as `ce_subject`."""
    return f"a-{number}"


def number_of(article_id: str) -> int:
    """The number in an article's id."""
    return int(article_id.removeprefix("a-"))


def partition_of(number: int, partitions: int) -> int:
    """The partition of the articles topic that the article of that number is sent to; one key, one partition."""
    return number % KEYS % partitions


def _value(number: int, kind: Kind) -> bytes:
    text = {Kind.TWO_EVENTS: _BOTH, Kind.NO_EVENT: _NEITHER, Kind.BUG: f"{_TALKS} Faulty."}.get(kind, _TALKS)
    whole = json.dumps({"id": id_of(number), "text": f"{text} No {number}.", "source": "chaos"}).encode()
    match kind:
        case Kind.NOT_JSON:
            return whole[:-9]
        case Kind.NOT_UTF8:
            return whole.replace(b"No", b"\xff\xfe")
        case Kind.NO_TEXT:
            return json.dumps({"id": id_of(number), "title": f"No {number}"}).encode()
        case _:
            return whole
