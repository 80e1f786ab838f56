"""Which sentences may tell an event at all: a plain trigger of the type, and somebody who may act.

Most sentences of most news pass none of the gates and cost nothing more. The sentence models are trained on sentences
that pass, and so learn to tell the senses of the triggers apart, not what news is about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from models.lexicon import shipped_lexicon, stems
from models.words import Words
from schemas.event_type import EventType

_ACTORS = frozenset({"OFFICE", "ORG", "REBEL", "GOV"})
_SOMEONE = frozenset({"STATE", "OFFICE", "ORG", "REBEL"})
_STATE = frozenset({"STATE"})
_OFFICE = frozenset({"OFFICE"})
_PARTY = frozenset({"STATE", "ORG"})
_MEMBERSHIP = frozenset({"ORG", "MEMB", "PROGR"})
PARTIES = frozenset({"STATE", "OFFICE", "ORG", "REBEL"})
"""Kinds and classes of those who may be told of; nothing passes without one, but for headlines."""

_SPENDING, _HOURS, _WITH = stems("spent spend spending sat sit"), stems("hours minutes"), stems("with opposite")
_TAKING = stems("take took taken taking")
_ENTERING = stems("enter travel visit")
_CHARGING = stems("put charge slap")
_VOICES = stems("part seat voice vote")

_HEADLINE_WORDS = 14
"""Fewer words than this are a headline or a bullet, which may leave out who acts."""


class Rule(NamedTuple):
    """One way for a sentence to pass the gate of a type.

    needs: sets of words, kinds and classes, of each of which one has to be in the sentence; tells: what has to hold
    besides.
    """

    type: EventType
    needs: tuple[frozenset[str], ...]
    tells: Callable[[Words], bool]


@lru_cache(maxsize=1)
def rules() -> tuple[Rule, ...]:
    """Every way to pass a gate; 63 different sets may be needed in all, one bit each."""
    return (*_talks(), *_sanctions(), *_exclusion())


def passes(sentence: Words) -> dict[EventType, bool]:
    """For each type, whether the sentence may tell such an event."""
    held = held_by((*sentence.words, *sentence.classes))
    passed = {rule.type for mask, rule in _masked() if held & mask == mask and rule.tells(sentence)}
    return {event_type: event_type in passed for event_type in EventType}


def held_by(names: Iterable[str]) -> int:
    """Which sets that rules need are met by these words, kinds and classes: one bit each."""
    bits, found = _bits(), 0
    for name in names:
        if name in bits:
            found |= bits[name]
    return found


@lru_cache(maxsize=1)
def masks() -> tuple[int, ...]:
    """The bits of `held_by` that each of the `rules` needs, all of them."""
    number = _numbers()
    return tuple(sum(1 << number[need] for need in set(rule.needs)) for rule in rules())


@lru_cache(maxsize=1)
def _masked() -> tuple[tuple[int, Rule], ...]:
    return tuple(zip(masks(), rules(), strict=True))


@lru_cache(maxsize=1)
def _numbers() -> Mapping[frozenset[str], int]:
    """The place of the bit of each set that a rule needs."""
    needs = dict.fromkeys(need for rule in rules() for need in rule.needs)
    return {need: place for place, need in enumerate(needs)}


@lru_cache(maxsize=1)
def _bits() -> Mapping[str, int]:
    """By word, kind or class the sets that hold it, one bit each."""
    found: Counter[str] = Counter()
    for need, place in _numbers().items():
        found.update(dict.fromkeys(need, 1 << place))
    return dict(found)


def _talks() -> list[Rule]:
    called = stems("with between call phone telephone") | _OFFICE
    seen = stems("see saw seen receive gather assemble convene chaired forum shuttle brokered")
    return [
        Rule(EventType.TALKS, needs, tells)
        for needs, tells in (
            ((_triggers("TALK_SURE"), PARTIES), _somebody_talks),
            ((_triggers("TALK_MEET"), _ACTORS, _PARTY), _has_two_sides),
            ((_triggers("TALK_SESSION"), _ACTORS, _STATE), _has_two_states),
            ((stems("call phone telephone spoke speak spoken raise raised"), called, _ACTORS, _PARTY), _tells_a_call),
            ((stems("sat sit exchange exchanged back"), stems("down view table"), _ACTORS, _PARTY), _tells_a_sitting),
            ((seen, _OFFICE, _PARTY), _tells_a_reception),
            ((stems("visit travel trip flew fly arrive"), _OFFICE, _STATE), _tells_a_visit),
            ((stems("host hosting"), _ACTORS, _PARTY), _tells_a_host),
            ((stems("mission contacts team"), _ACTORS, _PARTY), _tells_a_mission),
            ((_SPENDING | _HOURS, _WITH, _ACTORS, _PARTY), _tells_time_spent),
            ((_TAKING, _WITH, _ACTORS, _PARTY), _tells_what_was_taken_up),
        )
    ]


def _sanctions() -> list[Rule]:
    levied = frozenset({"IMPOSE", "THREAT", "EXTEND", "SANCA", "on", "against", "NUM"})
    acting, on = stems("measures action steps penalty"), stems("against on impose imposed imposing")
    imposed = frozenset({"IMPOSE", "THREAT", "EXTEND", "MEASURE"})
    listed = (stems("list"), stems("add name put place"))
    return [
        Rule(EventType.SANCTIONS_WARNING, needs, tells)
        for needs, tells in (
            ((_triggers("SANC_SURE"),), _names_a_party_or_is_short),
            ((frozenset({"SANCN"}), PARTIES), _always),
            ((_triggers("RETALIATE"), PARTIES), _tells_no_attack),
            ((_triggers("STOP"), _triggers("GOODS") | _triggers("ENTRY"), _PARTY), _tells_of_something_stopped),
            ((_triggers("TARIFF"), levied, _STATE), _tells_a_tariff),
            ((stems("designate blacklisted"), _ACTORS, _STATE), _tells_a_designation),
            ((_triggers("SANC_SOME"), imposed, _STATE), _tells_a_measure),
            ((acting, on, _STATE), _tells_of_steps),
            ((stems("consequences"), frozenset({"THREAT"}), _STATE), _always),
            ((_triggers("HOLD"), _triggers("MONEY"), _STATE), _within(4, _triggers("HOLD"), _triggers("MONEY"))),
            ((_triggers("CONTROL"), stems("export"), _STATE), _within(3, _triggers("CONTROL"), stems("export"))),
            ((*listed, _ACTORS, _STATE), _within(5, *listed)),
            ((_triggers("STOP") | {"longer"}, _ENTERING, _PARTY), _tells_who_may_not_enter),
            ((_CHARGING, frozenset({"NUM"}), frozenset({"on"}), _STATE), _tells_a_charge),
        )
    ]


def _exclusion() -> list[Rule]:
    sure, some = _triggers("EXCL_SURE"), _triggers("EXCL_SOME")
    member, program = frozenset({"ORG", "MEMB"}), frozenset({"PROGR"})
    invited = (stems("invitation invited"), stems("withdraw withdrawn withdrew cancelled revoked not longer"))
    over = (stems("cease ceased longer"), frozenset({"MEMB"}))
    on_hold = (stems("hold ice"), frozenset({"MEMB"}))
    unwelcome = (stems("welcome"), frozenset({"not", "longer", "no", "never"}))
    away, places = frozenset({"out", "off", "from", "away", "of"}), _places()
    return [
        Rule(EventType.PROGRAM_EXCLUSION, needs, tells)
        for needs, tells in (
            ((sure, _MEMBERSHIP, PARTIES), _tells_of_a_member_out),
            ((sure, _STATE), _tells_of_a_state_out),
            ((some, member, _PARTY), _within(7, some, member)),
            ((some, program, _STATE), _within(7, some, program)),
            ((*invited, _STATE), _within(5, *invited)),
            ((*over, _STATE), _within(5, *over)),
            ((*on_hold, _STATE), _within(3, *on_hold)),
            ((_VOICES, _MEMBERSHIP, _STATE), _tells_of_one_without_a_voice),
            ((_triggers("PUT"), away, places, _STATE), _tells_of_one_put_out),
            ((*unwelcome, _STATE), _within(3, *unwelcome)),
            ((stems("stay"), frozenset({"away"}), _STATE), _tells_to_stay_away),
        )
    ]


def _always(sentence: Words) -> bool:
    del sentence
    return True


def _within(reach: int, triggers: frozenset[str], targets: frozenset[str]) -> Callable[[Words], bool]:
    """A rule that asks for one of the targets within `reach` words of a trigger."""
    return lambda sentence: _near(sentence, triggers, targets, reach)


def _has_two_sides(sentence: Words) -> bool:
    """Whether two may be facing one another: states and organisations, and an office counts as one more."""
    return len(sentence.parties) + ("OFFICE" in sentence.classes) >= 2


def _has_two_states(sentence: Words) -> bool:
    return sentence.states >= 2


def _is_short(sentence: Words) -> bool:
    return len(sentence.words) < _HEADLINE_WORDS


def _somebody_talks(sentence: Words) -> bool:
    talking = bool(sentence.classes & _ACTORS) or "COUNTER" in sentence.classes
    return talking or _has_two_sides(sentence) or _is_short(sentence)


def _tells_a_call(sentence: Words) -> bool:
    """Spoken to by phone or face to face, or asked about a matter, without a word for talks."""
    return _has_two_sides(sentence) and (
        _follows(sentence, stems("call"), {"with", "between"}, 1, 2)
        or _follows(sentence, stems("phone telephone"), {"call", "with"}, 1, 2)
        or _follows(sentence, stems("spoke speak spoken"), {"with", "phone", "telephon", "OFFICE"}, 1, 5)
        or _follows(sentence, stems("raise raised"), {"with"}, 1, 6)
    )


def _tells_a_sitting(sentence: Words) -> bool:
    """Sat down, exchanged views, or went back to the table."""
    return _has_two_sides(sentence) and (
        _follows(sentence, stems("sat sit"), {"down"}, 1, 1)
        or _follows(sentence, stems("exchange exchanged"), stems("view"), 1, 2)
        or _follows(sentence, stems("back"), stems("table"), 1, 3)
    )


def _tells_a_reception(sentence: Words) -> bool:
    """Seen, received or gathered, and an office close to it."""
    return (
        _follows(sentence, stems("see saw seen"), {"OFFICE", "COUNTER", *stems("colleague")}, 1, 5)
        or _follows(sentence, stems("receive"), _SOMEONE, 1, 3)
        or _near(sentence, stems("gather assemble convene chaired"), _OFFICE, 4)
        or _near(sentence, stems("forum shuttle brokered"), _OFFICE, 5)
    )


def _tells_a_visit(sentence: Words) -> bool:
    visits = stems("visit travel trip flew fly arrive")
    return _near(sentence, visits, _OFFICE, 6) and _follows(sentence, visits, _STATE, 1, 5)


def _tells_a_host(sentence: Words) -> bool:
    hosts = stems("host hosting")
    return (
        _has_two_sides(sentence)
        and _near(sentence, hosts, {"OFFICE", "STATE"}, 4)
        and _follows(sentence, hosts, _SOMEONE, 1, 5)
    )


def _tells_a_mission(sentence: Words) -> bool:
    return _has_two_sides(sentence) and (
        ("rebel" not in sentence.words and _near(sentence, stems("mission contacts"), _PARTY, 3))
        or _near(sentence, stems("team"), {"ORG"}, 2)
    )


def _tells_time_spent(sentence: Words) -> bool:
    """Hours spent or sat with somebody, or with somebody for hours."""
    return _has_two_sides(sentence) and (
        _follows(sentence, _SPENDING, _WITH, 1, 8) or _follows(sentence, _WITH, _HOURS, 2, 9)
    )


def _tells_what_was_taken_up(sentence: Words) -> bool:
    return (
        _has_two_sides(sentence)
        and _follows(sentence, _TAKING, {"up"}, 1, 5)
        and _follows(sentence, frozenset({"up"}), _WITH, 1, 1)
    )


def _names_a_party_or_is_short(sentence: Words) -> bool:
    return bool(sentence.classes & PARTIES) or _is_short(sentence)


def _tells_no_attack(sentence: Words) -> bool:
    at_war = not _triggers("ATTACK").isdisjoint(sentence.words)
    return not at_war or bool(sentence.classes & {"TRADE", "MEASURE"})


def _tells_of_something_stopped(sentence: Words) -> bool:
    """Trade or entry banned or halted, between two sides."""
    stopping = _triggers("STOP")
    return _has_two_sides(sentence) and (
        _near(sentence, stopping, _triggers("GOODS"), 4) or _near(sentence, stopping, _triggers("ENTRY"), 4)
    )


def _tells_who_may_not_enter(sentence: Words) -> bool:
    """Barred from travelling to, or no longer let into, another state."""
    return _has_two_sides(sentence) and (
        _follows(sentence, frozenset({"longer"}), _ENTERING, 1, 2)
        or (
            _follows(sentence, _triggers("STOP"), {"from"}, 1, 6)
            and _follows(sentence, frozenset({"from"}), _ENTERING, 1, 1)
        )
    )


def _tells_a_charge(sentence: Words) -> bool:
    """So much in the hundred put or charged on what comes from another state."""
    return (
        _has_two_states(sentence)
        and _follows(sentence, _CHARGING, {"NUM"}, 1, 4)
        and _follows(sentence, _CHARGING, {"on"}, 1, 7)
    )


def _tells_of_steps(sentence: Words) -> bool:
    """Steps against somebody, or measures imposed."""
    return _follows(sentence, stems("measures action steps penalty"), {"against", "on"}, 1, 3) or _near(
        sentence, stems("measures penalty"), stems("impose imposed imposing"), 3
    )


def _tells_a_tariff(sentence: Words) -> bool:
    duties = _triggers("TARIFF") - (stems("duty") if "free" in sentence.words else frozenset())
    if duties.isdisjoint(sentence.words) or not (_has_two_sides(sentence) or sentence.classes & _ACTORS):
        return False
    levied = stems("tariff duty levy")
    return (
        _near(sentence, duties, {"IMPOSE", "THREAT", "EXTEND", "SANCA"}, 4)
        or _follows(sentence, levied, {"on", "against"}, 1, 2)
        or (_near(sentence, levied, {"NUM"}, 4) and _near(sentence, levied, _STATE, 9))
    )


def _tells_a_designation(sentence: Words) -> bool:
    return _has_two_sides(sentence) and _follows(sentence, stems("designate blacklisted"), _SOMEONE | {"GOV"}, 1, 4)


def _tells_a_measure(sentence: Words) -> bool:
    """A freeze, ban or curb between two sides, near a word of imposing, and at least two such words in all."""
    if not _has_two_sides(sentence):
        return False
    classes = shipped_lexicon().classes
    measures = _triggers("SANC_ANY")
    imposing = {"IMPOSE", "THREAT", "EXTEND", "SANCA"}
    present = frozenset(sentence.words)
    words = sum(word in measures or bool(classes.get(word, frozenset()) & imposing) for word in present)
    return (
        words >= 2
        and _near(sentence, _triggers("SANC_SOME"), {"STATE", "ORG", "OFFICE", "GOV"}, 9)
        and _near(sentence, _triggers("SANC_SOME"), {"IMPOSE", "THREAT", "EXTEND", "MEASURE"}, 5)
    )


def _tells_of_a_member_out(sentence: Words) -> bool:
    """A state and a body anywhere, or a body or membership close by."""
    return "STATE" in sentence.classes or _near(sentence, _triggers("EXCL_SURE"), _MEMBERSHIP, 8)


def _tells_of_a_state_out(sentence: Words) -> bool:
    return _has_two_sides(sentence) and _near(sentence, _triggers("EXCL_SURE"), _STATE, 2)


def _tells_of_one_put_out(sentence: Words) -> bool:
    """Left out of, struck off, kept from or taken away, near a body or a list."""
    put = _triggers("PUT")
    return _follows(sentence, put, {"out", "off", "from", "away", "of"}, 1, 6) and _near(sentence, put, _places(), 9)


def _tells_of_one_without_a_voice(sentence: Words) -> bool:
    return _follows(sentence, frozenset({"no"}), _VOICES, 1, 2)


def _tells_to_stay_away(sentence: Words) -> bool:
    return _follows(sentence, stems("stay"), {"away"}, 1, 1)


def _places() -> frozenset[str]:
    """What one may be put out of."""
    return _triggers("PLACE") | _MEMBERSHIP | {"DOMESTIC"}


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
