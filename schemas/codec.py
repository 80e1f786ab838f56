"""Bytes to articles and events, and back: strict, fast, and never anything but a ContractError on bad bytes.

The only module in which `Any` lives: what orjson returns ends here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from schemas.article import Article, content_hash
from schemas.errors import ContractError, Problem, Reason, shown
from schemas.event import ArticleRef, Event, Evidence, ModelRef, Part
from schemas.event_type import EventType
from schemas.mapping import FieldMap, mapped
from schemas.times import parsed_time, rfc3339

MAX_TEXT_CHARACTERS = 200_000
"""Longest text of an article. The contract's figure: some forty times a long newspaper article."""

MAX_ID_CHARACTERS = 256
"""Longest id of an article: it travels in a header of every event."""

MAX_FIELD_CHARACTERS = 4_096
"""Longest title, URL or source. A guess that no real one reaches; it keeps events small."""

_BOM = b"\xef\xbb\xbf"
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,8}")
"""Well-formed BCP 47 (RFC 5646 §2.1) without its irregular tags; whether the language exists is not asked."""

PLAIN_TEXT = "text/plain"
"""Content type of a message that is a whole article as plain text."""

NO_MAPPING = FieldMap()


class _Reader:
    """Takes fields out of one JSON object and gathers every problem met on the way."""

    def __init__(self, document: dict[str, Any], at: str = "", name_of: Callable[[str], str] = str) -> None:
        self.document = document
        self.at = at
        self.name_of = name_of
        self.problems: list[Problem] = []

    def refuse(self, field: str, expected: str, value: object, found: str | None = None) -> None:
        self.problems.append(
            Problem(path=self.at + self.name_of(field), expected=expected, found=found or shown(value))
        )

    def text(self, field: str, longest: int, *, required: bool = False) -> str | None:
        """A string of 1 to `longest` characters; an optional one that is null or blank is absent."""
        expected = f"a string of 1 to {longest:,} characters"
        if required and field not in self.document:
            self.refuse(field, expected, None, found="nothing")
            return None
        value = self.document.get(field)
        if not required and (value is None or (isinstance(value, str) and not value.strip())):
            return None
        if not isinstance(value, str) or not 0 < len(value) <= longest:
            self.refuse(field, expected, value)
            return None
        if not value.strip():
            self.refuse(field, expected + ", not all white space", value, found="only white space")
            return None
        return value

    def number(self, field: str) -> float:
        value = self.document.get(field)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            self.refuse(field, "a number from 0 to 1", value)
            return 0.0
        return float(value)

    def position(self, field: str) -> int:
        value = self.document.get(field)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            self.refuse(field, "a whole number from 0", value)
            return 0
        return value

    def time(self, field: str) -> datetime | None:
        text = self.text(field, 64)
        moment = parsed_time(text) if text is not None else None
        if text is not None and moment is None:
            self.refuse(field, "an RFC 3339 time with offset, such as 2024-05-01T12:00:00Z", text)
        return moment

    def language(self, field: str) -> str | None:
        text = self.text(field, 64)
        if text is not None and not _LANGUAGE.fullmatch(text):
            self.refuse(field, "a BCP 47 language tag, such as en or en-GB", text)
            return None
        return text

    def object(self, field: str) -> dict[str, Any]:
        value = self.document.get(field)
        if not isinstance(value, dict):
            self.refuse(field, "an object", value)
            return {}
        return value

    def raise_problems(self, reason: Reason = Reason.CONTRACT) -> None:
        if self.problems:
            raise ContractError(reason, self.problems)


def decode_article(value: bytes | None, content_type: str | None = None, fields: FieldMap = NO_MAPPING) -> Article:
    """The article that a message's value holds.

    With content type `text/plain` the whole value is the text; anything else is read as JSON. A leading byte order
    mark is passed over, as RFC 8259 allows; of a repeated key the last holds, as in every common JSON reader.
    Raises ContractError with reason `not_utf8`, `not_json` or `contract` and every bad field by its path.
    """
    checked = _checked_article(value, content_type, fields)
    digest = content_hash(checked.said["title"], checked.text)
    return Article(text=checked.text, id=checked.given_id or digest, content_hash=digest, **checked.said)


def decode_article_ref(
    value: bytes | None, content_type: str | None = None, fields: FieldMap = NO_MAPPING
) -> ArticleRef:
    """What an event would say of the article, by the same checks as `decode_article` and with the same id.

    Where the sender gave an id the content is not hashed, which is four fifths of what it costs to decode one of 2 KB
    (measured).
    """
    checked = _checked_article(value, content_type, fields)
    return ArticleRef(id=checked.given_id or content_hash(checked.said["title"], checked.text), **checked.said)


class _Checked(NamedTuple):
    """An article that is valid and not hashed yet; `said` are the fields that an event repeats."""

    text: str
    given_id: str | None
    said: dict[str, Any]


def _checked_article(value: bytes | None, content_type: str | None, fields: FieldMap) -> _Checked:
    if value is None:
        raise _refusal(Reason.CONTRACT, "an article", "a tombstone (null value)")
    value = value.removeprefix(_BOM)
    if (content_type or "").partition(";")[0].strip().lower() == PLAIN_TEXT:
        return _checked({"text": _utf8(value)}, NO_MAPPING)
    return _checked(mapped(_object(value), fields), fields)


def _checked(document: dict[str, Any], fields: FieldMap) -> _Checked:
    reader = _Reader(document, name_of=fields.pointer)
    text = reader.text("text", MAX_TEXT_CHARACTERS, required=True) or ""
    title = reader.text("title", MAX_FIELD_CHARACTERS)
    given_id = reader.text("id", MAX_ID_CHARACTERS, required=document.get("id") is not None)
    said = {
        "title": title,
        "url": reader.text("url", MAX_FIELD_CHARACTERS),
        "source": reader.text("source", MAX_FIELD_CHARACTERS),
        "language": reader.language("language"),
        "published_at": reader.time("published_at"),
    }
    reader.raise_problems()
    return _Checked(text, given_id, said)


def encode_event(event: Event) -> bytes:
    """The value of an event message: JSON with its fields in a fixed order, absent ones left out."""
    return orjson.dumps(
        {
            "type": event.type.value,
            "confidence": event.confidence,
            "evidence": [evidence_document(evidence) for evidence in event.evidence],
            "article": {
                name: text
                for name, text in (
                    ("id", event.article.id),
                    ("title", event.article.title),
                    ("url", event.article.url),
                    ("source", event.article.source),
                    ("language", event.article.language),
                    ("published_at", event.article.published_at and rfc3339(event.article.published_at)),
                )
                if text is not None
            },
            "model": {
                "name": event.model.name,
                "version": event.model.version,
                "sha256": event.model.sha256,
            },
        }
    )


def evidence_document(evidence: Evidence) -> dict[str, str | int | float]:
    """One piece of evidence as it stands in an event's JSON and in the output of `tocsin tag`."""
    return {
        "in": evidence.part.value,
        "start": evidence.start,
        "end": evidence.end,
        "quote": evidence.quote,
        "score": evidence.score,
    }


def decode_event(value: bytes | None) -> Event:
    """The event that a message's value holds; unknown fields are passed over, so that v1 may grow.

    Raises ContractError with every bad field by its path.
    """
    if value is None:
        raise _refusal(Reason.CONTRACT, "an event", "a tombstone (null value)")
    reader = _Reader(_object(value))
    event_type = reader.text("type", 64, required=True)
    if event_type is not None and event_type not in list(EventType):
        reader.refuse("type", f"one of {', '.join(EventType)}", event_type)
    confidence = reader.number("confidence")
    evidence = _evidence(reader)
    article = _article_ref(reader)
    model = _model_ref(reader)
    reader.raise_problems()
    return Event(
        type=EventType(event_type or ""), confidence=confidence, evidence=evidence, article=article, model=model
    )


def _evidence(reader: _Reader) -> tuple[Evidence, ...]:
    items = reader.document.get("evidence")
    if not isinstance(items, list) or not items:
        reader.refuse("evidence", "a list of at least one piece of evidence", items)
        return ()
    return tuple(_one_evidence(reader, f"evidence[{index}]", item) for index, item in enumerate(items))


def _one_evidence(parent: _Reader, path: str, item: object) -> Evidence:
    if not isinstance(item, dict):
        parent.refuse(path, "an object", item)
        return Evidence(part=Part.TEXT, start=0, end=0, quote="", score=0.0)
    reader = _Reader(item, at=path + ".")
    part = reader.text("in", 16, required=True)
    if part is not None and part not in list(Part):
        reader.refuse("in", f"one of {', '.join(Part)}", part)
        part = None
    start, end = reader.position("start"), reader.position("end")
    quote = reader.text("quote", MAX_TEXT_CHARACTERS, required=True) or ""
    spanned = not any(problem.path in {f"{path}.start", f"{path}.end"} for problem in reader.problems)
    if quote and spanned and end - start != len(quote):
        reader.refuse("end", f"start plus the {len(quote)} characters of the quote", end)
    score = reader.number("score")
    parent.problems += reader.problems
    return Evidence(part=Part(part or Part.TEXT), start=start, end=end, quote=quote, score=score)


def _article_ref(parent: _Reader) -> ArticleRef:
    reader = _Reader(parent.object("article"), at="article.")
    ref = ArticleRef(
        id=reader.text("id", MAX_ID_CHARACTERS, required=True) or "",
        title=reader.text("title", MAX_FIELD_CHARACTERS),
        url=reader.text("url", MAX_FIELD_CHARACTERS),
        source=reader.text("source", MAX_FIELD_CHARACTERS),
        language=reader.language("language"),
        published_at=reader.time("published_at"),
    )
    parent.problems += reader.problems
    return ref


def _model_ref(parent: _Reader) -> ModelRef:
    reader = _Reader(parent.object("model"), at="model.")
    ref = ModelRef(
        name=reader.text("name", 256, required=True) or "",
        version=reader.text("version", 256, required=True) or "",
        sha256=reader.text("sha256", 64, required=True) or "",
    )
    parent.problems += reader.problems
    return ref


def _object(value: bytes) -> dict[str, Any]:
    """The JSON object in the bytes, or a ContractError that tells bad UTF-8 from bad JSON from another kind of JSON."""
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        _utf8(value)
        found = f"{len(value):,} bytes that are not: {error}" if value else "an empty value"
        raise _refusal(Reason.NOT_JSON, "a JSON object", found) from error
    if not isinstance(document, dict):
        raise _refusal(Reason.CONTRACT, "a JSON object", shown(document))
    return document


def _utf8(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise _refusal(Reason.NOT_UTF8, "UTF-8", f"byte 0x{value[error.start]:02x} at {error.start}") from error


def _refusal(reason: Reason, expected: str, found: str) -> ContractError:
    return ContractError(reason, [Problem(path="value", expected=expected, found=found)])
