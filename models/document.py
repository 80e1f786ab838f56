"""An article as the reading sees it: its sentences, in order, each with its place in the original."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from models.sentences import sentence_spans, sentences_in
from models.text import clean
from schemas.event import Part

_HEADLINE_CHARACTERS = 160
"""Code points of the longest first line that may be a headline; agencies' headlines stay under 120."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence: `original[start:end]` of that part, and the same with typography made plain.

    `position` counts the sentences of the text from 0; a title or headline has -1.
    """

    part: Part
    start: int
    end: int
    clean: str
    position: int


def sentences_of(title: str | None, text: str) -> list[Sentence]:
    """The title, if any, then the sentences of the text.

    Where there is no title, a first line of its own without a full stop counts as one.
    """
    found = list(_titled(title)) if title else []
    plain = clean(text)
    spans = sentence_spans(plain)
    headline = not title and _is_headline(plain, spans[0].end) if spans else False
    for index, (start, end) in enumerate(spans):
        position = index - headline
        found.append(Sentence(part=Part.TEXT, start=start, end=end, clean=plain[start:end], position=position))
    return found


def plain_sentences(title: str | None, text: str) -> list[str]:
    """The `clean` of each of `sentences_of`, at a third of the price: all that an article without an event needs."""
    heading = clean(title).strip() if title else ""
    return [heading] * bool(heading) + sentences_in(clean(text))


def _titled(title: str) -> Iterator[Sentence]:
    plain = clean(title)
    start, end = len(plain) - len(plain.lstrip()), len(plain.rstrip())
    if start < end:
        yield Sentence(part=Part.TITLE, start=start, end=end, clean=plain[start:end], position=-1)


def _is_headline(plain: str, end: int) -> bool:
    """Whether the text up to `end`, its first sentence, stands alone on a short line that no full stop closes."""
    first = plain[:end].strip()
    after = plain[end:].lstrip(" \t\r")
    return len(first) <= _HEADLINE_CHARACTERS and first[-1:] not in ".!?:\"'" and after[:1] == "\n"
