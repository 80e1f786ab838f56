"""How dead letters are shown: what somebody else wrote in them must do nothing to a terminal, and be told from ours."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from datetime import datetime

from rich.cells import cell_len, set_cell_size

from consumers.dead_letters import Letter
from schemas.times import rfc3339

_KEY_CHARACTERS = 100
"""How much of a key is shown: enough to recognise it; a guess."""

VALUE_BYTES = 4_096
"""How much of a value `show` shows: two screens; a guess."""

_HEAD = ("place", "reason", "article", "first seen", "died", "tries", "bytes", "key", "error")
_MOST = (24, 11, 40, 19, 19, 6, 10, 16, 2_000)
"""Widest column of each, in cells."""


def visible(text: str) -> str:
    """Somebody else's text with every character that does not print written as its Python escape."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def shown_bytes(raw: bytes, most: int) -> str:
    """At most so many bytes as text, what is not UTF-8 in them as Python escapes. Not made harmless yet."""
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    return decoder.decode(raw[:most], final=len(raw) <= most)


def shown_key(key: bytes | None) -> str | None:
    """A key as bounded text, or None where there is none."""
    if key is None:
        return None
    return shown_bytes(key, _KEY_CHARACTERS) + ("…" if len(key) > _KEY_CHARACTERS else "")


def letter_document(letter: Letter) -> dict[str, object]:
    """A letter as `tocsin dead list --json` gives it."""
    return {
        "place": letter.place,
        "reason": letter.reason,
        "article": {"topic": letter.topic, "partition": letter.partition, "offset": letter.offset},
        "first_seen": rfc3339(letter.first_seen) if letter.first_seen else None,
        "died": rfc3339(letter.died),
        "attempts": letter.attempts,
        "key": shown_key(letter.record.key),
        "size_bytes": letter.size_bytes,
        "whole": letter.whole,
        "error": letter.error,
    }


def whole_document(letter: Letter) -> dict[str, object]:
    """A letter as `tocsin dead show` gives it in a pipe: also headers, the error's class and the value, bounded."""
    value = letter.record.value
    return letter_document(letter) | {
        "error_class": letter.error_class,
        "headers": [
            [name, None if raw is None else shown_bytes(raw, VALUE_BYTES)] for name, raw in letter.record.headers
        ],
        "value": None if value is None else shown_bytes(value, VALUE_BYTES),
        "value_is_cut": len(value or b"") > VALUE_BYTES,
    }


def table_lines(letters: Sequence[Letter], width: int) -> list[str]:
    """A head and one line per letter, in columns, none wider than `width` cells: the error is cut, `show` has it."""
    rows = [_HEAD] + [tuple(visible(text) for text in _cells(letter)) for letter in letters]
    widths = [
        min(most, max(map(cell_len, column))) for column, most in zip(zip(*rows, strict=True), _MOST, strict=True)
    ]
    lines = ["  ".join(map(set_cell_size, row, widths)) for row in rows]
    return [line if cell_len(line) <= width else set_cell_size(line, width - 1) + "…" for line in lines]


def _cells(letter: Letter) -> tuple[str, ...]:
    article = article_of(letter)
    return (
        letter.place,
        letter.reason or "?",
        article,
        _short(letter.first_seen),
        _short(letter.died),
        f"{letter.attempts}",
        f"{letter.size_bytes}",
        shown_key(letter.record.key) or "",
        letter.error.removeprefix(article + ": "),
    )


def article_of(letter: Letter) -> str:
    """Where the article stood, as errors write it; `?` where the letter is none of ours."""
    return f"{letter.topic}[{letter.partition}]@{letter.offset}" if letter.is_ours else "?"


def _short(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else "?"


def letter_lines(letter: Letter) -> list[str]:
    """Everything of a letter, for people; the value's lines are marked, so that none can pass for one of ours."""
    rows = [
        ("reason", letter.reason or "?"),
        ("error", letter.error),
        ("class", letter.error_class),
        ("article", article_of(letter)),
        ("first seen", _short(letter.first_seen)),
        ("died", _short(letter.died)),
        ("attempts", f"{letter.attempts}"),
        ("key", shown_key(letter.record.key) or "none"),
        ("size", f"{letter.size_bytes:,} bytes"),
    ]
    lines = [f"{name:<11}{visible(text)}" for name, text in rows]
    lines += [
        f"{'header':<11}{visible(name)}: {'null' if raw is None else visible(shown_bytes(raw, VALUE_BYTES))}"
        for name, raw in letter.record.headers
    ]
    value = letter.record.value
    if not letter.whole:
        return [*lines, "The value was too large to be kept; the headers have its SHA-256."]
    if value is None:
        return [*lines, "The value is null (a tombstone)."]
    lines += [f"| {visible(line)}" for line in shown_bytes(value, VALUE_BYTES).split("\n")]
    if len(value) > VALUE_BYTES:
        lines.append(f"… the first {VALUE_BYTES:,} of {len(value):,} bytes; --raw writes them all")
    return lines
