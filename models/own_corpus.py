"""A user's labelled lines: read, checked, and brought into the shape of our corpus. Pure: bytes in, values out.

Line: `{"text", "labels", "title"?, "id"?, "sentences"?: {label: [quotes]}}`. Quotes are the sentences that state the
event, exactly as in the text or title; for a label without quotes every sentence that passes the gate of the type
counts as stating it, for only a model could tell the best one. Where none passes, the line teaches nothing of the type.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from models.corpus import OWN_WRITER, LabelledText, MarkedEvent
from models.document import Sentence, sentences_of
from models.gate import passes
from models.text import clean
from models.words import words_of
from schemas.errors import shown
from schemas.event import Part
from schemas.event_type import EventType

FEWEST_ALONE = 20
"""Lines with and lines without a label that a corpus needs to stand alone; a guess: five parts with four of each."""

_KNOWN = ("text", "title", "labels", "id", "sentences")
_STAGE = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnLine:
    """One line of a user's file; `place` is how messages name it."""

    place: str
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCorpus:
    """The usable lines, and everything that is wrong with the others, each problem with its file and line."""

    texts: Sequence[LabelledText]
    problems: Sequence[str]


@dataclass(slots=True)
class _Check:
    """Collects what is wrong with one line."""

    place: str
    problems: list[str] = field(default_factory=list)

    def wrong(self, path: str, message: str) -> None:
        self.problems.append(f"{self.place}: {path}: {message}" if path else f"{self.place}: {message}")


def own_corpus(lines: Iterable[OwnLine]) -> OwnCorpus:
    """Checks every line; a line with a problem is not among the texts."""
    texts: list[LabelledText] = []
    problems: list[str] = []
    seen: dict[str, str] = {}
    ids: dict[str, str] = {}
    for line in lines:
        check = _Check(line.place)
        text = _labelled(line, check)
        if text is not None:
            _refuse_repeat(seen, normalised(text.text), check, "text: the same as")
            _refuse_repeat(ids, text.id, check, "id: the same as")
        if text is not None and not check.problems:
            texts.append(text)
        problems += check.problems
    return OwnCorpus(texts=texts, problems=problems)


def too_few(texts: Sequence[LabelledText]) -> list[str]:
    """What a corpus lacks to be trained on alone; empty where it is enough."""
    found = []
    for event_type in EventType:
        with_it = sum(event_type in text.labels for text in texts)
        for count, how in ((with_it, "with"), (len(texts) - with_it, "without")):
            if count < FEWEST_ALONE:
                found.append(
                    f"{event_type.value}: {count} line(s) {how} the label, at least {FEWEST_ALONE} are needed to train "
                    "on them alone; add lines, or leave out --only"
                )
    return found


def silent(texts: Sequence[LabelledText]) -> dict[EventType, int]:
    """Per type, how many lines have the label and no sentence from which it could be learned."""
    return {t: sum(t in text.labels and not _teaches(text, t) for text in texts) for t in EventType}


def normalised(text: str) -> str:
    """A text as repeats are told by: typography made plain, case and white space without meaning."""
    return " ".join(clean(text).casefold().split())


def _refuse_repeat(seen: dict[str, str], key: str, check: _Check, what: str) -> None:
    first = seen.setdefault(key, check.place)
    if first != check.place:
        check.wrong("", f"{what} {first}; keep one of them")


def _labelled(line: OwnLine, check: _Check) -> LabelledText | None:
    """The line as a text of the corpus, or None where it has none to speak of."""
    try:
        document = orjson.loads(line.value)
    except orjson.JSONDecodeError as error:
        check.wrong("", f"is not JSON: {error}")
        return None
    if not isinstance(document, dict):
        check.wrong("", f"expected an object, got {shown(document)}")
        return None
    for name in sorted(set(document) - set(_KNOWN)):
        check.wrong(name, f"is no field of a line; expected {', '.join(_KNOWN)}")
    text, title = _text(document, check), _title(document, check)
    labels = _labels(document, check)
    quotes = _quotes(document, labels, check)
    if text is None:
        return None
    sentences = sentences_of(title, text)
    events = [*_quoted(quotes, title, text, sentences, check), *_gated(labels - set(quotes), sentences)]
    return LabelledText(
        id=_id(document, check),
        writer=OWN_WRITER,
        form="article",
        style="own",
        kind="own",
        era="",
        title=title,
        text=text,
        labels=frozenset(labels),
        events=tuple(events),
    )


def _text(document: Mapping[str, Any], check: _Check) -> str | None:
    text = document.get("text")
    if isinstance(text, str) and text.strip():
        return text
    check.wrong("text", f"expected a string that is not blank, got {shown(text) if 'text' in document else 'none'}")
    return None


def _title(document: Mapping[str, Any], check: _Check) -> str | None:
    title = document.get("title")
    if title is None or isinstance(title, str):
        return title or None
    check.wrong("title", f"expected a string, got {shown(title)}")
    return None


def _id(document: Mapping[str, Any], check: _Check) -> str:
    """The id of the line, told apart from those of our corpus; its place where it has none."""
    given = document.get("id")
    if given is not None and not isinstance(given, str):
        check.wrong("id", f"expected a string, got {shown(given)}")
    return f"{OWN_WRITER}:{given or check.place}"


def _labels(document: Mapping[str, Any], check: _Check) -> set[EventType]:
    labels = document.get("labels")
    if not isinstance(labels, list):
        found = shown(labels) if "labels" in document else "none"
        check.wrong("labels", f"expected a list of event types, empty where there is no event, got {found}")
        return set()
    known = [_type(label, f"labels[{n}]", check) for n, label in enumerate(labels)]
    return {event_type for event_type in known if event_type is not None}


def _type(label: object, path: str, check: _Check) -> EventType | None:
    if isinstance(label, str) and label in set(EventType):
        return EventType(label)
    check.wrong(path, f"expected one of {', '.join(EventType)}, got {shown(label)}")
    return None


def _quotes(document: Mapping[str, Any], labels: set[EventType], check: _Check) -> dict[EventType, list[str]]:
    """The quotes of each label that has some."""
    sentences = document.get("sentences")
    if sentences is None:
        return {}
    if not isinstance(sentences, dict):
        check.wrong("sentences", f"expected an object of labels, each with a list of quotes, got {shown(sentences)}")
        return {}
    found = {}
    for name, quotes in sentences.items():
        path = f"sentences.{name}"
        label = _type(name, path, check)
        if label is None:
            continue
        if not isinstance(quotes, list) or not all(isinstance(quote, str) and quote.strip() for quote in quotes):
            check.wrong(path, "expected a list of quotes, none of them blank")
        elif label not in labels:
            check.wrong(path, "has quotes, but the label is not in labels")
        elif quotes:
            found[label] = quotes
    return found


def _quoted(
    quotes: Mapping[EventType, Sequence[str]],
    title: str | None,
    text: str,
    sentences: Sequence[Sentence],
    check: _Check,
) -> list[MarkedEvent]:
    events = []
    for label, of_label in quotes.items():
        for n, quote in enumerate(of_label):
            path = f"sentences.{label.value}[{n}]"
            parts = [part for part, whole in ((Part.TEXT, text), (Part.TITLE, title or "")) if quote in whole]
            marked = [_event(label, quote, part) for part in parts if _is_sentence(quote, part, sentences)]
            if not parts:
                check.wrong(path, f"{shown(quote)} is neither in the text nor in the title; quote it exactly")
            elif not marked:
                check.wrong(path, f"{shown(quote)} is cut across sentences; quote one sentence, or a part of one")
            events += marked
    return events


def _gated(labels: Iterable[EventType], sentences: Sequence[Sentence]) -> list[MarkedEvent]:
    """For labels without quotes: every sentence that passes the gate; where none does, all of them.

    A text whose marked sentences pass no gate is neither example nor counter-example, which is what it should be.
    """
    passed = [(sentence, passes(words_of(sentence.clean))) for sentence in sentences]
    events = []
    for label in sorted(labels):
        stating = [sentence for sentence, of_types in passed if of_types[label]] or sentences
        events += [_event(label, sentence.clean, sentence.part) for sentence in stating]
    return events


def _event(label: EventType, quote: str, part: Part) -> MarkedEvent:
    return MarkedEvent(type=label, quote=quote, part=part, stage=_STAGE, actor=None, target=None)


def _is_sentence(quote: str, part: Part, sentences: Sequence[Sentence]) -> bool:
    plain = clean(quote).strip()
    return any(sentence.part is part and (plain in sentence.clean or sentence.clean in plain) for sentence in sentences)


def _teaches(text: LabelledText, event_type: EventType) -> bool:
    quotes = [event.quote for event in text.events if event.type is event_type]
    return any(passes(words_of(clean(quote)))[event_type] for quote in quotes)
