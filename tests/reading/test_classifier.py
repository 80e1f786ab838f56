"""What a newsroom may rely on in the shipped classifier, on text of our own."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from models.artefact import load_artefact, shipped_artefact
from models.classifier import MOST_EVIDENCE, TrainedClassifier, load_classifier
from models.corpus import (
    HELD_OUT_WRITERS,
    UNSEEN_NEWS_WRITERS,
    LabelledText,
    corpus_sha256,
    shipped_corpus,
)
from models.evaluate import LabelledArticle, figures
from models.tags import Tags
from models.train import THRESHOLDS
from schemas.article import Article
from schemas.codec import decode_article
from schemas.event import Part
from schemas.event_type import EventType

EVAL = Path(__file__).resolve().parents[3] / "shared" / "eval"
REFERENCE = EVAL.parent / "seeds" / "000_95b4872a3cd0646c.txt"


@pytest.fixture(scope="module")
def classifier() -> TrainedClassifier:
    return load_classifier()


def article(text: str, title: str | None = None, language: str | None = None) -> Article:
    return Article(text=text, id="a", content_hash="0" * 64, title=title, language=language)


def labels(tags: Tags) -> set[EventType]:
    return set(tags.labels)


def seed_articles(seeds: Path) -> list[Article]:
    lines = [json.loads(line) for line in (seeds / "expected.jsonl").read_text().splitlines()]
    paths = [seeds / line["file"] for line in lines if "labels" in line]
    return [decode_article(path.read_bytes(), "text/plain" if path.suffix == ".txt" else None) for path in paths]


def test_an_article_gives_the_same_tags_alone_and_in_any_batch(classifier: TrainedClassifier, seeds: Path) -> None:
    articles = seed_articles(seeds)
    together = classifier.tag(articles)
    assert classifier.tag(articles[::-1])[::-1] == together
    assert [classifier.tag([each])[0] for each in articles] == together


def test_every_label_has_evidence_that_slices_back_best_first(classifier: TrainedClassifier, seeds: Path) -> None:
    articles = seed_articles(seeds)
    for each, tags in zip(articles, classifier.tag(articles), strict=True):
        assert set(tags.evidence) == set(tags.labels)
        for found in tags.evidence.values():
            assert 1 <= len(found) <= MOST_EVIDENCE
            for evidence in found:
                original = each.title if evidence.part is Part.TITLE else each.text
                assert (original or "")[evidence.start : evidence.end] == evidence.quote


def test_scores_are_probabilities_of_all_types(classifier: TrainedClassifier, seeds: Path) -> None:
    for tags in classifier.tag(seed_articles(seeds)):
        assert list(tags.scores) == list(EventType)
        assert all(0 <= score <= 1 for score in tags.scores.values())


@pytest.mark.parametrize("text", ["", " ", "\x00", "\U0001f514", "a", "a" * 100_000, "1 2 3", "<p></p>", "'\"'" * 900])
def test_odd_text_is_read_without_an_event(classifier: TrainedClassifier, text: str) -> None:
    assert classifier.tag([article(text)])[0].labels == ()


def test_no_articles_give_no_tags(classifier: TrainedClassifier) -> None:
    assert classifier.tag([]) == []


def test_an_article_in_another_language_is_set_aside(classifier: TrainedClassifier) -> None:
    (tags,) = classifier.tag([article("The foreign ministers of Ghana and Togo held talks.", language="fr")])
    assert tags.foreign
    assert not tags.labels


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The foreign ministers of Ghana and Togo held talks in Accra on Monday.", {EventType.TALKS}),
        ("The European Union imposed sanctions on Belarus on Monday, freezing the assets of two banks.",
         {EventType.SANCTIONS_WARNING}),
        ("The African Union suspended Niger from the organisation on Tuesday.", {EventType.PROGRAM_EXCLUSION}),
        ("The union and the airline resumed pay talks on Monday, hours before the pilots' strike.", set()),
        ("The striker was suspended for three matches and the club faces sanctions from the league.", set()),
    ],
)  # fmt: skip
def test_plain_sentences_are_read_as_they_say(
    classifier: TrainedClassifier, text: str, expected: set[EventType]
) -> None:
    assert labels(classifier.tag([article(text)])[0]) == expected


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference article is not beside this checkout")
def test_the_reference_article_yields_all_three_types_each_with_its_sentence(classifier: TrainedClassifier) -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    (tags,) = classifier.tag([article(text)])
    assert list(tags.labels) == list(EventType)
    first = {label: tags.evidence[label][0].quote for label in tags.labels}
    assert "held talks over the phone" in first[EventType.TALKS]
    assert "sanctions against" in first[EventType.SANCTIONS_WARNING]
    assert "exclusion of" in first[EventType.PROGRAM_EXCLUSION]


def decided(classifier: TrainedClassifier, texts: Sequence[LabelledText]) -> list[tuple[EventType, ...]]:
    return [tags.labels for tags in classifier.tag([article(text.text, text.title) for text in texts])]


def test_the_shipped_artefact_was_made_from_the_shipped_corpus() -> None:
    _, manifest = load_artefact(shipped_artefact())
    assert manifest.corpus_sha256 == corpus_sha256()


@pytest.mark.parametrize(
    ("event_type", "floor"),
    [(EventType.TALKS, 0.70), (EventType.SANCTIONS_WARNING, 0.60), (EventType.PROGRAM_EXCLUSION, 0.70)],
)
def test_each_label_keeps_its_floor_on_stories_that_were_not_trained_on(event_type: EventType, floor: float) -> None:
    _, manifest = load_artefact(shipped_artefact())
    assert manifest.metrics["f1_unseen_stories"][event_type] >= floor


@pytest.mark.skipif(not EVAL.exists(), reason="the evaluation articles are not beside this checkout")
def test_real_news_is_read_at_least_this_well(classifier: TrainedClassifier) -> None:
    lines = [json.loads(line) for line in (EVAL / "visible.jsonl").read_text().splitlines()]
    agreed = [line for line in lines if line["agreed"]]
    items = [
        LabelledArticle(
            article=article(line["text"], line["title"] or None),
            labels=frozenset(EventType(label) for label in line["labels"]),
        )
        for line in agreed
    ]
    tags = classifier.tag([item.article for item in items])
    found = figures(items, tags)
    assert found.macro_f1 >= 0.75
    assert min(label.f1 for label in found.labels.values()) >= 0.65  # of 7 exclusions, one is worth a tenth


@pytest.mark.skipif(not EVAL.exists(), reason="the evaluation articles are not beside this checkout")
def test_unrelated_news_rings_rarely(classifier: TrainedClassifier) -> None:
    lines = [json.loads(line) for line in (EVAL / "unrelated.jsonl").read_text().splitlines()]
    others = [line for line in lines if line["category"] != "bbc:politics"]
    tags = classifier.tag([article(line["text"], line["title"] or None) for line in others])
    assert 1000 * np.mean([bool(each.labels) for each in tags]) <= 14


@pytest.mark.parametrize("event_type", EventType)
def test_thresholds_are_the_lowest_at_which_85_of_100_alerts_are_right(
    classifier: TrainedClassifier, event_type: EventType
) -> None:
    told = [text for text in shipped_corpus() if text.form == "article" and text.writer in UNSEEN_NEWS_WRITERS]
    scores = np.array([tags.scores[event_type] for tags in classifier.tag([article(t.text, t.title) for t in told])])
    events = np.array([event_type in text.labels for text in told])
    said = {step: scores >= step / 100 for step in range(5, 100, 5)}
    right = {step: round(100 * events[those].mean()) for step, those in said.items() if those.any()}
    assert min(step for step, share in right.items() if share >= 85) == round(100 * THRESHOLDS[event_type])


def test_the_held_out_writers_are_not_in_the_training_text() -> None:
    from models.corpus import training_texts

    corpus = shipped_corpus()
    assert {text.writer for text in corpus} >= HELD_OUT_WRITERS
    assert not {text.writer for text in training_texts(corpus)} & HELD_OUT_WRITERS
