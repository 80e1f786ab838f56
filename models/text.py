"""Cleaning text without moving a single character, so that spans found in the clean text hold in the original."""

from __future__ import annotations

import html
import re

_PLAIN = {
    "‘": "'",
    "’": "'",
    "‚": "'",
    "‛": "'",
    "`": "'",
    "´": "'",
    "“": '"',
    "”": '"',
    "„": '"',
    "‟": '"',
    "«": '"',
    "»": '"',
    "–": "-",
    "—": "-",
    "−": "-",
    "‐": "-",
    "‑": "-",
    "…": ".",
    "\u00a0": " ",
    "\u202f": " ",
    "\u2009": " ",
    "\u200b": " ",
    "\u00ad": " ",
    "\ufeff": " ",
}
_MARKUP = re.compile(r"<(?:!--.{0,2000}?--|/?[A-Za-z][^<>]{0,500})>", re.DOTALL)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,30});", re.IGNORECASE)
_NOT_PLAIN = re.compile(rf"[{''.join(_PLAIN)}\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_PARAGRAPH_TAG = re.compile(r"</?(?:p|div|br|li|h[1-6]|tr|table|ul|ol|blockquote)\b", re.IGNORECASE)


def clean(text: str) -> str:
    """The text with typography, mark-up, entities and control characters made plain, of exactly the same length.

    Curly quotes and dashes become straight, tags become blanks (those that end a paragraph become line breaks), an
    entity becomes its character followed by blanks.
    """
    if "<" in text:
        text = _MARKUP.sub(_blank, text)
    if "&" in text:
        text = _ENTITY.sub(_meant, text)
    return _NOT_PLAIN.sub(lambda found: _PLAIN.get(found[0], " "), text)


def _meant(found: re.Match[str]) -> str:
    """The character of an HTML entity and blanks; what is none, or stands for more than one, as it is."""
    character = html.unescape(found[0])
    return character.ljust(len(found[0])) if len(character) == 1 else found[0]


def _blank(found: re.Match[str]) -> str:
    tag = found[0]
    filler = "\n\n" if _PARAGRAPH_TAG.match(tag) else ""
    return filler[: len(tag)].ljust(len(tag))
