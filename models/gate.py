"""Which sentences may tell an event at all: a plain trigger of the type, and somebody who may act.

Most sentences of most news pass none of the gates and cost nothing more. The sentence models are trained on sentences
that pass, and so learn to tell the senses of the triggers apart, not what news is about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from models.lexicon import shipped_lexicon, stems
from models.words import Words
from schemas.event_type import EventType

_ACTORS = frozenset({"OFFICE", "ORG", "REBEL", "GOV"})
_SOMEONE = frozenset({"STATE", "OFFICE", "ORG", "REBEL"})
PARTIES = frozenset({"STATE", "OFFICE", "ORG", "REBEL"})
"""Kinds and classes of those who may be told of; nothing passes without one, but for headlines."""

_HEADLINE_WORDS = 14
"""Fewer words than this are a headline or a bullet, which may leave out who acts."""


class _Opening(NamedTuple):
    """What rules of a type begin with, and of which words, kinds and classes one has to be in the sentence besides.

    headline: it is enough for a short sentence that leaves out who acts.
    """

    type: EventType
    triggers: frozenset[str]
    needed: frozenset[str]
    headline: bool = False


@lru_cache(maxsize=1)
def _openings() -> tuple[_Opening, ...]:
    """The beginnings of all rules below, as wide as they are: a rule that asks for less belongs here first."""
    talks, sanctions, exclusion = EventType.TALKS, EventType.SANCTIONS_WARNING, EventType.PROGRAM_EXCLUSION
    meeting = stems(
        "call phone telephone spoke speak spoken sat sit see saw receive visit host hosting gather convene chaired "
        "forum shuttle brokered mission contacts seen exchange raise back travel trip flew fly arrive assemble team"
    )
    acting = stems("designate blacklisted measures action steps consequences penalty")
    return (
        _Opening(talks, _triggers("TALK_SURE"), PARTIES),
        _Opening(talks, _triggers("TALK_MEET") | _triggers("TALK_SESSION") | meeting, _ACTORS),
        _Opening(sanctions, _triggers("SANC_SURE"), PARTIES, headline=True),
        _Opening(sanctions, _triggers("RETALIATE") | {"SANCN"}, PARTIES),
        _Opening(sanctions, _triggers("STOP"), _triggers("GOODS") | _triggers("ENTRY")),
        _Opening(sanctions, _triggers("TARIFF") | _triggers("SANC_SOME") | acting, frozenset({"STATE"})),
        _Opening(sanctions, _triggers("HOLD") | _triggers("CONTROL") | stems("list"), frozenset({"STATE"})),
        _Opening(exclusion, _triggers("EXCL_SURE") | _triggers("PUT") | stems("welcome stay"), frozenset({"STATE"})),
        _Opening(exclusion, _triggers("EXCL_SURE") | _triggers("EXCL_SOME"), frozenset({"ORG", "MEMB", "PROGR"})),
        _Opening(exclusion, stems("invitation invited cease ceased longer"), frozenset({"STATE", "MEMB"})),
    )


@lru_cache(maxsize=1)
def _bits() -> tuple[Mapping[str, int], Mapping[str, int]]:
    """By word or class, the openings that begin with it, and those that need it, one bit each."""
    opened: Counter[str] = Counter()
    allowed: Counter[str] = Counter()
    for place, opening in enumerate(_openings()):
        opened.update(dict.fromkeys(opening.triggers, 1 << place))
        allowed.update(dict.fromkeys(opening.needed, 1 << place))
    return dict(opened), dict(allowed)


def _union(bits: Mapping[str, int], names: Iterable[str]) -> int:
    found = 0
    for name in names:
        found |= bits.get(name, 0)
    return found


def opens(names: Iterable[str]) -> int:
    """The openings, one bit each, that begin with one of these words and classes."""
    return _union(_bits()[0], names)


def allows(names: Iterable[str]) -> int:
    """The openings, one bit each, that need one of these words, kinds and classes."""
    return _union(_bits()[1], names)


@lru_cache(maxsize=1_000)
def may_pass(opened: int, allowed: int, *, short: bool) -> frozenset[EventType]:
    """The types whose gate a sentence may pass, from what can be known before it is read.

    opened, allowed: all that its words open and allow; short: whether `is_short`.
    """
    return frozenset(
        opening.type
        for place, opening in enumerate(_openings())
        if opened >> place & 1 and (allowed >> place & 1 or (short and opening.headline))
    )


def is_short(n_words: int) -> bool:
    """Whether a sentence is a headline or a bullet, which may leave out who acts."""
    return n_words < _HEADLINE_WORDS


def passes(sentence: Words, among: Collection[EventType] = tuple(EventType)) -> dict[EventType, bool]:
    """For each type, whether the sentence may tell such an event; those not `among` the types asked for do not."""
    return {event_type: event_type in among and _MAY_TELL[event_type](sentence) for event_type in EventType}


def _may_tell_talks(sentence: Words) -> bool:
    present = frozenset(sentence.words)
    acts, several = bool(sentence.classes & _ACTORS), _sides(sentence) >= 2
    if present & _triggers("TALK_SURE") and sentence.classes & PARTIES:
        short = len(sentence.words) < _HEADLINE_WORDS
        if acts or several or short or "COUNTER" in sentence.classes:
            return True
    if not (acts and several):
        return False
    return (
        bool(present & _triggers("TALK_MEET"))
        or (sentence.states >= 2 and bool(present & _triggers("TALK_SESSION")))
        or _tells_a_call(sentence)
        or _tells_a_visit(sentence)
    )


def _tells_a_call(sentence: Words) -> bool:
    """Spoken to or seen, by phone or face to face, or asked about a matter, without a word for talks."""
    return (
        _follows(sentence, stems("call"), {"with", "between"}, 1, 2)
        or _follows(sentence, stems("phone telephone"), {"call", "with"}, 1, 2)
        or _follows(sentence, stems("spoke speak spoken"), {"with", "phone", "telephon", "OFFICE"}, 1, 5)
        or _follows(sentence, stems("sat sit"), {"down"}, 1, 1)
        or ("OFFICE" in sentence.classes and _follows(sentence, stems("see saw seen"), {"OFFICE", "COUNTER"}, 1, 5))
        or _follows(sentence, stems("exchange exchanged"), stems("view"), 1, 2)
        or _follows(sentence, stems("raise raised"), {"with"}, 1, 6)
        or _follows(sentence, stems("back"), stems("table"), 1, 3)
    )


def _tells_a_visit(sentence: Words) -> bool:
    """Received, hosted, visiting or gathered, and an office or another party close to it."""
    if "OFFICE" in sentence.classes and _follows(sentence, stems("receive"), _SOMEONE, 1, 3):
        return True
    visits, hosts = stems("visit travel trip flew fly arrive"), stems("host hosting")
    return (
        (_near(sentence, visits, {"OFFICE"}, 6) and _follows(sentence, visits, {"STATE"}, 1, 5))
        or (_near(sentence, hosts, {"OFFICE", "STATE"}, 4) and _follows(sentence, hosts, _SOMEONE, 1, 5))
        or _near(sentence, stems("gather assemble convene chaired"), {"OFFICE"}, 4)
        or _near(sentence, stems("forum shuttle brokered"), {"OFFICE"}, 5)
        or ("rebel" not in sentence.words and _near(sentence, stems("mission contacts"), {"ORG", "STATE"}, 3))
        or _near(sentence, stems("team"), {"ORG"}, 2)
    )


def _may_tell_sanctions(sentence: Words) -> bool:
    present = frozenset(sentence.words)
    party = bool(sentence.classes & PARTIES)
    if present & _triggers("SANC_SURE") and (party or len(sentence.words) < _HEADLINE_WORDS):
        return True
    if party and "SANCN" in sentence.classes:
        return True
    at_war = present & _triggers("ATTACK") and not sentence.classes & {"TRADE", "MEASURE"}
    if present & _triggers("RETALIATE") and party and not at_war:
        return True
    if _tells_of_something_stopped(sentence):
        return True
    if not sentence.states:
        return False
    return (
        _tells_a_tariff(sentence, present)
        or _tells_a_designation(sentence)
        or _tells_a_measure(sentence, present)
        or _follows(sentence, stems("measures action steps penalty"), {"against", "on"}, 1, 3)
        or _near(sentence, stems("measures penalty"), stems("impose imposed imposing"), 3)
        or ("consequ" in present and "THREAT" in sentence.classes)
        or _tells_of_something_held(sentence)
    )


def _tells_of_something_stopped(sentence: Words) -> bool:
    """Trade or entry banned or halted, between two sides."""
    if not sentence.parties or _sides(sentence) < 2:
        return False
    stopping = _triggers("STOP")
    return _near(sentence, stopping, _triggers("GOODS"), 4) or _near(sentence, stopping, _triggers("ENTRY"), 4)


def _tells_of_something_held(sentence: Words) -> bool:
    """Money frozen, exports under control, somebody put on a list."""
    return (
        _near(sentence, _triggers("HOLD"), _triggers("MONEY"), 4)
        or _near(sentence, _triggers("CONTROL"), stems("export"), 3)
        or bool(sentence.classes & _ACTORS and _near(sentence, stems("list"), stems("add name put place"), 5))
    )


def _tells_a_tariff(sentence: Words, present: frozenset[str]) -> bool:
    duties = present & _triggers("TARIFF") - (stems("duty") if "free" in present else frozenset())
    if not duties or not (_sides(sentence) >= 2 or sentence.classes & _ACTORS):
        return False
    levied = stems("tariff duty levy")
    return (
        _near(sentence, duties, {"IMPOSE", "THREAT", "EXTEND", "SANCA"}, 4)
        or _follows(sentence, levied, {"on", "against"}, 1, 2)
        or (_near(sentence, levied, {"NUM"}, 4) and _near(sentence, levied, {"STATE"}, 9))
    )


def _tells_a_designation(sentence: Words) -> bool:
    if not (sentence.classes & _ACTORS and _sides(sentence) >= 2):
        return False
    return _follows(sentence, stems("designate blacklisted"), _SOMEONE | {"GOV"}, 1, 4)


def _tells_a_measure(sentence: Words, present: frozenset[str]) -> bool:
    """A freeze, ban or curb near somebody and near a word of imposing, and at least two such words in all."""
    classes = shipped_lexicon().classes
    measures = _triggers("SANC_ANY")
    imposing = {"IMPOSE", "THREAT", "EXTEND", "SANCA"}
    words = sum(word in measures or bool(classes.get(word, frozenset()) & imposing) for word in present)
    return (
        words >= 2
        and _near(sentence, _triggers("SANC_SOME"), {"STATE", "ORG", "OFFICE", "GOV"}, 9)
        and _near(sentence, _triggers("SANC_SOME"), {"IMPOSE", "THREAT", "EXTEND", "MEASURE"}, 5)
    )


def _may_tell_exclusion(sentence: Words) -> bool:
    if not sentence.classes & PARTIES:
        return False
    sure, some = _triggers("EXCL_SURE"), _triggers("EXCL_SOME")
    if _near(sentence, sure, {"ORG", "MEMB", "PROGR"}, 8):
        return True
    if "STATE" in sentence.classes and (
        _tells_of_a_member_out(sentence, sure, some) or _tells_of_one_put_out(sentence)
    ):
        return True
    if _sides(sentence) >= 2 and _near(sentence, sure, {"STATE"}, 2):
        return True
    return bool(sentence.classes & {"STATE", "ORG"}) and _near(sentence, some, {"ORG", "MEMB"}, 7)


def _tells_of_one_put_out(sentence: Words) -> bool:
    """Left out of, struck off, kept from or taken away, near a body or a list; not welcome, or told to stay away."""
    put = _triggers("PUT")
    places = _triggers("PLACE") | {"ORG", "MEMB", "PROGR", "DOMESTIC"}
    return (
        (_follows(sentence, put, {"out", "off", "from", "away", "of"}, 1, 6) and _near(sentence, put, places, 9))
        or _near(sentence, stems("welcome"), {"not", "longer", "no", "never"}, 3)
        or _follows(sentence, stems("stay"), {"away"}, 1, 1)
    )


def _tells_of_a_member_out(sentence: Words, sure: frozenset[str], some: frozenset[str]) -> bool:
    """A state and a body with a sure trigger anywhere, a programme lost, an invitation taken back, membership over."""
    return (
        (bool(sentence.classes & {"ORG", "MEMB", "PROGR"}) and bool(sure & frozenset(sentence.words)))
        or _near(sentence, some, {"PROGR"}, 7)
        or _near(
            sentence, stems("invitation invited"), stems("withdraw withdrawn withdrew cancelled revoked not longer"), 5
        )
        or _near(sentence, stems("cease ceased longer"), {"MEMB"}, 5)
    )


_MAY_TELL: Mapping[EventType, Callable[[Words], bool]] = {
    EventType.TALKS: _may_tell_talks,
    EventType.SANCTIONS_WARNING: _may_tell_sanctions,
    EventType.PROGRAM_EXCLUSION: _may_tell_exclusion,
}


def _sides(sentence: Words) -> int:
    """How many may be facing one another: states and organisations, and an office counts as one more."""
    return len(sentence.parties) + ("OFFICE" in sentence.classes)


def _triggers(name: str) -> frozenset[str]:
    return shipped_lexicon().triggers[name]


def _near(sentence: Words, triggers: frozenset[str], targets: Iterable[str], reach: int) -> bool:
    """Whether a target, a word or a class, stands within `reach` words of a trigger, on either side."""
    return _follows(sentence, triggers, targets, -reach, reach)


def _follows(sentence: Words, triggers: frozenset[str], targets: Iterable[str], low: int, high: int) -> bool:
    """Whether a target, a word or a class, stands `low` to `high` words after a trigger, or before it."""
    at = [place for place, word in enumerate(sentence.words) if word in triggers]
    if not at:
        return False
    wanted = frozenset(targets)
    to = [place for place, word in enumerate(sentence.words) if word in wanted]
    to += [place for place, name in sentence.marks if name in wanted]
    return any(low <= j - i <= high for i in at for j in to)
