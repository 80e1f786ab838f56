"""The classifier that the worker uses: a loaded artefact, articles in, tags out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from models.artefact import load_artefact, shipped_artefact
from models.document import Sentence, plain_sentences, sentences_of
from models.explain import Explanation, explanation
from models.features import Floats
from models.language import is_foreign
from models.reader import TYPES, ArticleReader, Reading
from models.tags import Tags
from schemas.article import Article
from schemas.event import Evidence, ModelRef, Part
from schemas.event_type import EventType

MOST_EVIDENCE = 3
"""Sentences quoted per event: enough to check an alert at a glance; a guess."""

_LEAST_SCORE = 0.5
"""Further sentences are quoted only where each by itself more likely than not states the event."""

_LEAST_EXPLAINED = 0.1
"""The score from which a type is explained though it is no label; below it nothing in the article speaks for it."""

_DIGITS = 4
"""Decimals of every probability: finer ones mean nothing, and rounded ones do not depend on how a batch was cut."""


class TrainedClassifier:
    """See models.tags.Classifier."""

    def __init__(self, reader: ArticleReader, thresholds: Mapping[EventType, float], model: ModelRef) -> None:
        self._reader = reader
        self._thresholds = thresholds
        self._model = model

    @property
    def model(self) -> ModelRef:
        """Name, version and artefact hash."""
        return self._model

    def tag(self, articles: Sequence[Article]) -> list[Tags]:
        """One Tags per article, in their order."""
        foreign = [is_foreign(article.text, article.language) for article in articles]
        reading = self._reader.read(
            [] if is_other else plain_sentences(article.title, article.text)
            for article, is_other in zip(articles, foreign, strict=True)
        )
        return [
            self._tags(article, reading, row) if reading.n_sentences[row] else _no_tags(foreign=foreign[row])
            for row, article in enumerate(articles)
        ]

    def explain(self, article: Article, tags: Tags) -> dict[EventType, tuple[str, Explanation]]:
        """Why an article has these tags: for each label, and each type that scores 0.1 or more, its best sentence as it
        stands in the article, and what weighed. Reads the article again; `tag` does without.
        """
        told = [t for t in TYPES if t in tags.labels or tags.scores[t] >= _LEAST_EXPLAINED]
        if not told:
            return {}
        sentences = sentences_of(article.title, article.text)
        texts = [sentence.clean for sentence in sentences]
        scores = self._reader.read([texts]).sentences(0)
        found = {}
        for event_type in told:
            row = _ranked(sentences, scores[:, TYPES.index(event_type)])[0]
            quote = _quoted(article, sentences[row], 0.0).quote
            found[event_type] = (quote, explanation(self._reader, texts, event_type, row))
        return found

    def _tags(self, article: Article, reading: Reading, row: int) -> Tags:
        probabilities = reading.probabilities[row].tolist()
        found = {event_type: round(p, _DIGITS) for event_type, p in zip(TYPES, probabilities, strict=True)}
        labels = tuple(event_type for event_type in TYPES if found[event_type] >= self._thresholds[event_type])
        if not labels:
            return Tags(scores=found, labels=(), evidence={})
        sentences, scores = sentences_of(article.title, article.text), reading.sentences(row)
        evidence = {label: _evidence(article, sentences, scores[:, TYPES.index(label)]) for label in labels}
        return Tags(scores=found, labels=labels, evidence=evidence)


def load_classifier(folder: Path | None = None) -> TrainedClassifier:
    """The classifier of an artefact, or the shipped one. Raises StartupError where it cannot be trusted."""
    reader, manifest = load_artefact(folder or shipped_artefact())
    model = ModelRef(name=manifest.name, version=manifest.version, sha256=manifest.sha256)
    return TrainedClassifier(reader, manifest.thresholds, model)


def _evidence(article: Article, sentences: Sequence[Sentence], scores: Floats) -> tuple[Evidence, ...]:
    """The best sentences of one type, best first; a title goes behind a text sentence that says as much."""
    ranked = _ranked(sentences, scores)
    kept = [row for place, row in enumerate(ranked[:MOST_EVIDENCE]) if place == 0 or scores[row] >= _LEAST_SCORE]
    return tuple(_quoted(article, sentences[row], float(scores[row])) for row in kept)


def _ranked(sentences: Sequence[Sentence], scores: Floats) -> list[int]:
    return sorted(range(len(sentences)), key=lambda row: (-_weight(sentences[row], float(scores[row])), row))


def _weight(sentence: Sentence, score: float) -> float:
    """A headline counts half: it tells less than the sentence that it was made from."""
    return score / 2 if sentence.position < 0 else score


def _quoted(article: Article, sentence: Sentence, score: float) -> Evidence:
    original = (article.title or "") if sentence.part is Part.TITLE else article.text
    return Evidence(
        part=sentence.part,
        start=sentence.start,
        end=sentence.end,
        quote=original[sentence.start : sentence.end],
        score=round(score, _DIGITS),
    )


def _no_tags(*, foreign: bool) -> Tags:
    return Tags(scores=dict.fromkeys(TYPES, 0.0), labels=(), evidence={}, foreign=foreign)
