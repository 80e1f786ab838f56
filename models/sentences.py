"""Where sentences begin and end in news text, as spans of code points."""

from __future__ import annotations

import re
from itertools import groupby, pairwise
from typing import NamedTuple

LONGEST = 1_000
"""Code points of the longest sentence: what runs on without an end is cut at a blank, so that evidence stays short.
News sentences over 600 are rare; a guess."""

_ABBREVIATIONS = """
    Mr Mrs Ms Dr Prof Gen Col Lt Sgt Capt Maj Adm Sen Rep Gov Pres Rev Hon St Jr Sr vs No Nos Inc Corp Ltd Co
    Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Art Sec Fig pct mln bln approx est e.g i.e a.m p.m
"""
_NOT_SHORT = r"(?<!\b[A-Z]\.)" + "".join(
    rf"(?<!\b(?:{'|'.join(map(re.escape, words))})\.)"
    for _, words in groupby(sorted(_ABBREVIATIONS.split(), key=len), len)
)
"""Words whose full stop ends no sentence when another word follows; also initials such as U.S. or J. One look back for
each length, because a look back has to know how far."""


def _ends(line_break: str) -> re.Pattern[str]:
    """What ends a sentence: a break of this kind, or a full stop and its closing quotes before a capital."""
    return re.compile(rf"[.!?\n](?:(?<=\n){line_break}|(?<!\n){_NOT_SHORT}['\")\]]*(?=\s+['\"(\[]*[A-Z0-9]))")


_ENDS = _ends("")
_WRAPPED_ENDS = _ends(r"[ \t\r]*\n")


class Span(NamedTuple):
    """Code points [start, end) of a text."""

    start: int
    end: int


def sentence_spans(text: str) -> list[Span]:
    """The sentences of a clean text, in order, trimmed, none blank, none longer than `LONGEST`.

    An empty line always ends a sentence; a single line break does where the lines before and after it are whole
    paragraphs (short last line, no hard wrapping), which news text with one paragraph a line has.
    """
    return [span for start, end in pairwise(_cuts(text)) for span in _trimmed(text, start, end)]


def sentences_in(text: str) -> list[str]:
    """The text of each of `sentence_spans`."""
    found = [text[start:end].strip() for start, end in pairwise(_cuts(text))]
    if max(map(len, found)) > LONGEST:
        return [text[start:end] for start, end in sentence_spans(text)]
    return list(filter(None, found))


def _cuts(text: str) -> list[int]:
    """Where one sentence ends and the next begins, with the white space between them, and both ends of the text."""
    ends = _WRAPPED_ENDS if _is_wrapped(text) else _ENDS
    return [0, *[found.end() for found in ends.finditer(text)], len(text)]


def _is_wrapped(text: str) -> bool:
    """Whether lines end where a column ends, not where a sentence does."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    if len(lines) < 3:
        return False
    open_ended = sum(not line.endswith((".", "!", "?", '"', "'", ":", ")")) for line in lines[:-1])
    return open_ended > 0.5 * (len(lines) - 1) and max(map(len, lines)) <= 120


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
