"""The same article in another dress reads the same: on real articles, where they are beside this checkout."""

import html
import json
import re
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from models.classifier import TrainedClassifier, load_classifier
from schemas.article import Article
from schemas.event_type import EventType

EVAL = Path(__file__).resolve().parents[3] / "shared" / "eval"
UNRELATED = 300
MOST_CHANGED = 0.02

WEATHER = (
    "Rain is expected to clear the coast by mid-morning, leaving a dry and breezy afternoon inland. Gardeners are "
    "advised to bring tender plants under glass, as the thermometer may fall close to freezing in sheltered valleys "
    "after dusk. The weekend looks brighter, with long sunny spells and a light wind off the sea."
)
FLOWER_SHOW = (
    "Visitors to the village flower show admired more than ninety varieties of sweet pea under the big marquee. A "
    "retired baker took the cup for the best dahlia with a bloom as wide as a dinner plate. Tea and seed cake were "
    "served on the lawn, and the brass band played until the lamps were lit."
)

Dress = tuple[str | None, str]


def upper(title: str | None, text: str) -> Dress:
    return title and title.upper(), text.upper()


def wrapped(title: str | None, text: str) -> Dress:
    return title, "\n".join(textwrap.fill(line, 72) if line.strip() else "" for line in text.split("\n"))


def straightened(text: str) -> str:
    return text.translate(str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"'}))


def curled(text: str) -> str:
    text = re.sub(r'(?<![^\s(\[])"', "“", straightened(text)).replace('"', "”")
    return re.sub(r"(?<![^\s(\[“])'", "‘", text).replace("'", "’")


def straight(title: str | None, text: str) -> Dress:
    return title and straightened(title), straightened(text)


def curly(title: str | None, text: str) -> Dress:
    return title and curled(title), curled(text)


def dateline(title: str | None, text: str) -> Dress:
    return title, "GENEVA, May 3 (Norlandia Press) - " + text


def byline(title: str | None, text: str) -> Dress:
    return title, "By Marta Ilves and John Okoro\n\n" + text


def untitled(title: str | None, text: str) -> Dress:
    return None, text


def weather_before(title: str | None, text: str) -> Dress:
    return title, f"{WEATHER}\n\n{text}"


def weather_after(title: str | None, text: str) -> Dress:
    return title, f"{text}\n\n{WEATHER}"


def flowers_before(title: str | None, text: str) -> Dress:
    return title, f"{FLOWER_SHOW}\n\n{text}"


def flowers_after(title: str | None, text: str) -> Dress:
    return title, f"{text}\n\n{FLOWER_SHOW}"


def entities(title: str | None, text: str) -> Dress:
    return title and html.escape(title), html.escape(text)


def named_entities(title: str | None, text: str) -> Dress:
    names = {"“": "&ldquo;", "”": "&rdquo;", "‘": "&lsquo;", "’": "&rsquo;", "&": "&amp;"}
    table = str.maketrans(names)
    return title and curled(title).translate(table), curled(text).translate(table)


DRESSES = [
    upper,
    wrapped,
    straight,
    curly,
    dateline,
    byline,
    untitled,
    weather_before,
    weather_after,
    flowers_before,
    flowers_after,
    entities,
    named_entities,
]

needs_articles = pytest.mark.skipif(not EVAL.exists(), reason="the evaluation articles are not beside this checkout")


@pytest.fixture(scope="module")
def classifier() -> TrainedClassifier:
    return load_classifier()


@pytest.fixture(scope="module")
def articles() -> list[Dress]:
    visible = (EVAL / "visible.jsonl").read_text(encoding="utf-8").splitlines()
    unrelated = (EVAL / "unrelated.jsonl").read_text(encoding="utf-8").splitlines()[:UNRELATED]
    lines = [json.loads(line) for line in visible + unrelated]
    return [(line["title"] or None, line["text"]) for line in lines]


def labels(classifier: TrainedClassifier, dressed: list[Dress]) -> list[tuple[EventType, ...]]:
    articles = [Article(text=text, id="a", content_hash="0" * 64, title=title) for title, text in dressed]
    return [tags.labels for tags in classifier.tag(articles)]


@pytest.fixture(scope="module")
def undressed(classifier: TrainedClassifier, articles: list[Dress]) -> list[tuple[EventType, ...]]:
    return labels(classifier, articles)


@needs_articles
@pytest.mark.parametrize("dress", DRESSES, ids=lambda dress: dress.__name__)
def test_the_labels_of_at_most_two_in_a_hundred_articles_change(
    classifier: TrainedClassifier,
    articles: list[Dress],
    undressed: list[tuple[EventType, ...]],
    dress: Callable[[str | None, str], Dress],
) -> None:
    dressed = labels(classifier, [dress(title, text) for title, text in articles])
    changed = [row for row, (one, other) in enumerate(zip(undressed, dressed, strict=True)) if one != other]
    assert len(changed) / len(articles) <= MOST_CHANGED, changed
