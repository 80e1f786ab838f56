"""Where sentences begin and end in news text, as spans of code points."""

from __future__ import annotations

import re
from typing import NamedTuple

LONGEST = 1_000
"""Code points of the longest sentence: what runs on without an end is cut at a blank, so that evidence stays short.
News sentences over 600 are rare; a guess."""

_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|Gen|Col|Lt|Sgt|Capt|Maj|Adm|Sen|Rep|Gov|Pres|Rev|Hon|St|Jr|Sr|vs|No|Nos|Inc|Corp|Ltd|Co|"
    r"Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|Art|Sec|Fig|pct|mln|bln|approx|est|e\.g|i\.e|a\.m|p\.m)"
    r"|\b(?:[A-Z]\.)*[A-Z])\.$"
)
"""Words whose full stop ends no sentence when another word follows; also initials such as U.S. or J."""

_END = re.compile(r"[.!?]['\")\]]*(?=\s+['\"(\[]*[A-Z0-9])")
_BREAK = re.compile(r"\n[ \t\r]*\n\s*")
_LINES = re.compile(r"\n")


class Span(NamedTuple):
    """Code points [start, end) of a text."""

    start: int
    end: int


def sentence_spans(text: str) -> list[Span]:
    """The sentences of a clean text, in order, trimmed, none blank, none longer than `LONGEST`.

    An empty line always ends a sentence; a single line break does where the lines before and after it are whole
    paragraphs (short last line, no hard wrapping), which news text with one paragraph a line has.
    """
    spans: list[Span] = []
    for block in _blocks(text):
        spans += _sentences(text, block)
    return spans


def _blocks(text: str) -> list[Span]:
    """Paragraphs: between empty lines, and between single line breaks unless the text is wrapped at a column."""
    blocks = _between(_BREAK, text, Span(0, len(text)))
    if not _is_wrapped(text):
        blocks = [line for block in blocks for line in _between(_LINES, text, block)]
    return blocks


def _is_wrapped(text: str) -> bool:
    """Whether lines end where a column ends, not where a sentence does."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    if len(lines) < 3:
        return False
    open_ended = sum(not line.endswith((".", "!", "?", '"', "'", ":", ")")) for line in lines[:-1])
    return open_ended > 0.5 * (len(lines) - 1) and max(map(len, lines)) <= 120


def _between(separator: re.Pattern[str], text: str, within: Span) -> list[Span]:
    spans, start = [], within.start
    for found in separator.finditer(text, within.start, within.end):
        spans.append(Span(start, found.start()))
        start = found.end()
    spans.append(Span(start, within.end))
    return spans


def _sentences(text: str, block: Span) -> list[Span]:
    spans, start = [], block.start
    for found in _END.finditer(text, block.start, block.end):
        if found[0][0] == "." and _ABBREVIATION.search(text, max(start, found.start() - 12), found.start() + 1):
            continue
        spans += _trimmed(text, start, found.end())
        start = found.end()
    return spans + _trimmed(text, start, block.end)


def _trimmed(text: str, start: int, end: int) -> list[Span]:
    """The span without white space around it, cut where it is too long; nothing where it is blank."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if end - start <= LONGEST:
        return [Span(start, end)] if end > start else []
    blank = max(text.rfind(" ", start + 1, start + LONGEST), text.rfind("\n", start + 1, start + LONGEST))
    cut = blank if blank > start else start + LONGEST
    return [Span(start, cut), *_trimmed(text, cut, end)]
