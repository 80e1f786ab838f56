"""Names become kinds, words become stems, and only sentences that may tell an event pass."""

import pytest

from models.gate import passes, rules
from models.kinds import Gazetteer, shipped_gazetteer
from models.language import is_foreign
from models.lexicon import shipped_lexicon
from models.words import words_of
from schemas.event_type import EventType

TALKS, SANCTIONS, EXCLUSION = EventType


GERMAN = (
    "Die Außenminister haben sich am Montag in Genf getroffen und über den Fluss gesprochen, den beide Länder teilen "
    "und aus dem sie ihr Wasser nehmen."
)
ENGLISH = (
    "The ministers of the two states met on Monday in Geneva to talk about the river that they share, and they will "
    "meet again in May."
)


def passed(sentence: str) -> set[EventType]:
    return {event_type for event_type, may in passes(words_of(sentence)).items() if may}


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("Ghana was suspended from ECOWAS.", ("STATE", "was", "suspend", "from", "ORG")),
        ("The White House and Ankara", ("the", "STATE", "and", "STATE")),
        ("the U.S. secretary of state", ("the", "STATE", "OFFICE")),
        ("turkey was served to us in 1998", ("turkey", "was", "serv", "to", "us", "in", "YEAR")),
        ("GHANA SUSPENDED FROM ECOWAS", ("STATE", "suspend", "from", "ORG")),
        ("THE U.S. AND IRAN TOLD US", ("the", "STATE", "and", "STATE", "told", "us")),
        ("", ()),
    ],
)
def test_names_become_kinds_and_words_stems(sentence: str, words: tuple[str, ...]) -> None:
    assert words_of(sentence).words == words


def test_a_state_its_people_and_its_capital_are_one_party() -> None:
    assert words_of("Ankara, Turkey and the Turkish army").states == 1
    assert words_of("Turkey and Greece").states == 2
    assert words_of("In Kuala Lumpur the Malaysian government").states == 1
    assert words_of("In Rangoon the Burmese and Myanmar's").states == 1


def test_the_longest_name_is_found() -> None:
    gazetteer = Gazetteer([("Korea", "STATE"), ("North Korea", "STATE"), ("North Korea Cup", "SPORT")])
    beginning = gazetteer.beginning("North", "north", shouted=False)
    assert [" ".join(name.words) for name in beginning] == ["north korea cup", "north korea"]
    assert words_of("Envoys of the European Union and of Europe met").words[3:] == ("ORG", "and", "of", "europ", "met")


def test_the_lists_are_read_and_none_of_them_is_empty() -> None:
    lexicon = shipped_lexicon()
    assert len(shipped_gazetteer().beginning("Ghana", "ghana", shouted=False)) == 1
    assert all(lexicon.triggers.values())
    assert lexicon.classes
    assert lexicon.phrases
    assert lexicon.parties["ankara"] == lexicon.parties["turkey"]


@pytest.mark.parametrize(
    ("sentence", "types"),
    [
        ("The foreign ministers of Ghana and Togo held talks in Accra.", {TALKS}),
        ("The president of Chile spoke by phone with his Peruvian counterpart.", {TALKS}),
        ("The union and the company resumed pay talks on Monday after two weeks of strikes in town.", set()),
        ("The European Union imposed sanctions on Belarus.", {SANCTIONS}),
        ("Washington threatened a 25 percent tariff on goods from Canada.", {SANCTIONS}),
        ("The club was sanctioned by the league for its fans' behaviour over the whole of the last season.", set()),
        ("Ghana was suspended from ECOWAS.", {EXCLUSION}),
        ("The striker was suspended for three matches.", set()),
        ("Negotiators from New Zealand and Malaysia ended a first round on Friday.", {TALKS}),
        ("The envoy saw the Yemeni president in Sanaa.", {TALKS}),
        ("Russia has halted imports of wine from Moldova.", {SANCTIONS}),
        ("The United States barred Ugandan judges from entering the country.", {SANCTIONS, EXCLUSION}),
        ("China put a duty of 80 percent on Australian barley.", {SANCTIONS}),
        ("The United States froze any property of four Syrian officers.", {SANCTIONS}),
        ("The Swedish navy has crossed Russia off the list for its exercise.", {EXCLUSION}),
        ("West African leaders suspended Guinea.", {EXCLUSION}),
        ("Australia's deputy prime minister spoke to Fiji's defence minister.", {TALKS}),
        ("The minister considered a rise of a sixth that would put water tariffs in Peru above those in Chile.", set()),
        ("The Pentagon withdrew China's invitation to the drill.", {EXCLUSION}),
        ("The president will remove Niger from a scheme that gives goods easy access.", {EXCLUSION}),
        ("Kenya's president spent two hours with the Ugandan prime minister.", {TALKS}),
        ("Officials of the Fund were with the Indonesian president for two hours.", {TALKS}),
        ("The commissioner will take the matter up with the Canadian agriculture secretary.", {TALKS}),
        ("The Ugandan minister saw his Kenyan colleague.", {TALKS}),
        ("The minister took up the piano and spent hours with it.", set()),
        ("China has charged 80.5 percent on Australian barley.", {SANCTIONS}),
        ("The buyers of the firm put 80 percent on the table.", set()),
        ("Four Guatemalan judges may no longer enter the United States.", {SANCTIONS}),
        ("Children may no longer enter the park of Ghana's zoo.", set()),
        ("The bloc has put Mali's membership on hold.", {EXCLUSION}),
        ("Sudan may take no part in the work of the African Union.", {EXCLUSION}),
        ("The mayor took no part in the vote on the budget of the town.", set()),
        ("It rained all day in the valley.", set()),
    ],
)
def test_a_sentence_passes_where_its_words_may_tell_an_event(sentence: str, types: set[EventType]) -> None:
    assert passed(sentence) == types


@pytest.mark.parametrize(
    ("text", "language", "foreign"),
    [
        (GERMAN, None, True),
        (ENGLISH, None, False),
        ("The ministers met.", "de", True),
        ("The ministers met.", "en-GB", False),
        ("Ministers met", None, False),
        ("Министры иностранных дел встретились в Женеве", None, True),
        ("外相が会談した。", "en", True),
        ("\U0001f514 \U0001f514", None, False),
        ("12 34 56", None, False),
    ],
)  # fmt: skip
def test_what_plainly_is_another_language_is_foreign(text: str, language: str | None, foreign: bool) -> None:
    assert is_foreign(text, language) is foreign


def test_every_set_that_a_rule_needs_has_a_bit_of_its_own() -> None:
    assert len({need for rule in rules() for need in rule.needs}) <= 63
