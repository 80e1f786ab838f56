"""Why a label holds is told in words, and the sentence that is quoted is there, whatever the text looks like."""

import json
import math
import re
from pathlib import Path

import pytest

from models.artefact import load_artefact, shipped_artefact
from models.classifier import TrainedClassifier, load_classifier
from models.explain import MOST_FEATURES, feature_in_words
from schemas.article import Article
from schemas.event import Part
from schemas.event_type import EventType

EMOJI = "\U0001f514\U0001f6a8 Rain \U0001f468\u200d\U0001f469\u200d\U0001f467"
SANCTIONS = "The European Union imposed sanctions on Belarus on Monday, freezing the assets of two banks."
ENTITIES = SANCTIONS.replace("two banks", "two &ldquo;banks&rdquo;")
OTHER = "It rained in the valley, and the river rose by a metre before nightfall."


@pytest.fixture(scope="module")
def classifier() -> TrainedClassifier:
    return load_classifier()


def article(text: str, title: str | None = None) -> Article:
    return Article(text=text, id="a", content_hash="0" * 64, title=title)


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        ("w:STATE>SANCN", "STATE before SANCTIONS-NOUN within 8 words"),
        ("s:NEG&TALKN", "NEGATION and TALKS-NOUN"),
        ("c:ORG", "ORGANISATION in the sentence"),
        ("ns:3", "states named: 3 or more"),
        ("ns:1", "states named: 1"),
        ("np:2", "states or organisations named: 2"),
        ("two&OFFICE", "OFFICE with two or more parties"),
        ("TALKNL2OFFICE", "OFFICE up to 2 words before TALKS-NOUN"),
        ("TALKN2Rpari", '"pari" up to 6 words after TALKS-SETTING'),
        ("trigRORG", "ORGANISATION up to 6 words after another trigger"),
        ("L2week", '"week" up to 2 words before a trigger'),
        ("LREBEL", "REBELS up to 6 words before a trigger"),
        ("<TALKN> with STATE", '"TALKS-NOUN with STATE"'),
        (": <TALKN>", '": TALKS-NOUN"'),
        ("with ORG on", '"with ORGANISATION on"'),
        ("taliban", '"taliban"'),
    ],
)
def test_a_feature_reads_as_words(feature: str, words: str) -> None:
    assert feature_in_words(feature) == words


def test_no_code_is_left_in_any_feature_of_the_shipped_model() -> None:
    reader, _ = load_artefact(shipped_artefact())
    code = re.compile(
        r"\b(?:TALK[NV]2?|SANC[NA]|EXCLV2?|MEMB|PROGR|NEG|COND|HIST|GOV|BIZ|ENT|SPORTX|trig)\b|^\w+:[A-Z]|[<&]"
    )
    for model in reader.sentence_models_:
        assert not [name for name in model._names() if code.search(feature_in_words(name))]


def test_an_explanation_has_the_best_sentence_and_what_weighed_on_either_side(classifier: TrainedClassifier) -> None:
    told = article(f"{OTHER} {SANCTIONS}")
    (tags,) = classifier.tag([told])
    quote, found = classifier.explain(told, tags)[EventType.SANCTIONS_WARNING]
    assert quote == SANCTIONS == tags.evidence[EventType.SANCTIONS_WARNING][0].quote
    assert 0 < len(found.supporting) <= MOST_FEATURES
    assert len(found.opposing) <= MOST_FEATURES
    assert all(one.weight > 0 for one in found.supporting)
    assert all(one.weight < 0 for one in found.opposing)
    weights = [abs(one.weight) for one in found.supporting]
    assert weights == sorted(weights, reverse=True)


def test_what_counts_of_the_article_sums_up_to_the_score(classifier: TrainedClassifier, seeds: Path) -> None:
    text = json.loads((seeds / "01-caspian-summit.json").read_text(encoding="utf-8"))
    told = article(text["text"], text.get("title"))
    (tags,) = classifier.tag([told])
    _, found = classifier.explain(told, tags)[EventType.TALKS]
    log_odds = sum(one.weight for one in found.article)
    assert 1 / (1 + math.exp(-log_odds)) == pytest.approx(tags.scores[EventType.TALKS], abs=0.005)


@pytest.mark.parametrize("text", [OTHER, " ", "Der Rat hat am Montag in Berlin getagt und nichts beschlossen. " * 9])
def test_an_article_in_which_nothing_speaks_for_an_event_has_no_explanation(
    classifier: TrainedClassifier, text: str
) -> None:
    told = article(text)
    assert classifier.explain(told, classifier.tag([told])[0]) == {}


def test_the_command_explains_only_when_asked_and_changes_nothing_else(tocsin, seeds: Path) -> None:
    path = seeds / "01-caspian-summit.json"
    plain, explained = tocsin("tag", path), tocsin("tag", "--explain", path)
    assert plain.code == explained.code == 0
    found = json.loads(explained.out)
    why = found.pop("explain")
    assert json.dumps(found, separators=(",", ":"), ensure_ascii=False) == plain.out.strip()
    assert set(why["talks"]) == {"sentence", "for", "against", "article"}
    assert why["talks"]["sentence"] == found["evidence"]["talks"][0]["quote"]


@pytest.mark.parametrize(
    ("text", "title", "part", "quote"),
    [
        (OTHER, "EU imposes sanctions on Belarus over banks", Part.TITLE, "EU imposes sanctions on Belarus over banks"),
        (OTHER, "  EU imposes sanctions on Belarus \n", Part.TITLE, "EU imposes sanctions on Belarus"),
        (f"{EMOJI}.\n\n{SANCTIONS}", None, Part.TEXT, SANCTIONS),
        (f"{OTHER}\r\n\r\n{SANCTIONS}\r\n\r\n{OTHER}\r\n", None, Part.TEXT, SANCTIONS),
        (f"<div><p>{OTHER}</p>\n<p>{SANCTIONS}</p></div>", None, Part.TEXT, SANCTIONS),
        (f"<p>Rain &amp; wind&nbsp;came.</p><p>{ENTITIES}</p>", None, Part.TEXT, ENTITIES),
        (f"Żółć é — “rain”… {SANCTIONS}", None, Part.TEXT, SANCTIONS),
    ],
    ids=["title", "blanks round a title", "emoji before", "crlf", "html", "entities", "beyond ascii"],
)  # fmt: skip
def test_the_quote_is_the_slice_of_its_part_in_code_points(
    classifier: TrainedClassifier, text: str, title: str | None, part: Part, quote: str
) -> None:
    (tags,) = classifier.tag([article(text, title)])
    best = tags.evidence[EventType.SANCTIONS_WARNING][0]
    original = title if part is Part.TITLE else text
    assert best.part is part
    assert best.quote == quote
    assert (original or "")[best.start : best.end] == quote
