"""Names replaced by what they are: "Ghana suspended from ECOWAS" is read as "STATE suspend from ORG".

What is learned of one state or organisation then holds for all of them, and for those that are not in the corpus.
The lists are ours, facts of public knowledge, in `gazetteer/`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib import resources
from typing import NamedTuple

KINDS: Mapping[str, str] = {
    "states": "STATE",
    "nationalities": "STATE",
    "capitals": "STATE",
    "seats": "STATE",
    "offices": "OFFICE",
    "organisations": "ORG",
    "schemes": "ORG",
    "sport": "SPORT",
    "business": "BUSINESS",
    "domestic": "DOMESTIC",
}
"""Gazetteer file → kind. Capitals and seats of government stand for their states, as in news they do."""

_TOKEN = re.compile(r"(?:[A-Z]\.){2,}|[^\W\d_]+|\d+(?:[.,:]\d+)*|[%$€£\"?!;:]")
_CAPS_AMBIGUOUS = frozenset({"who", "it", "is", "us"})
"""Abbreviations that are everyday words in a text all in capitals, unless they have their full stops."""


class Name(NamedTuple):
    """A listed name: its words in lower case, its kind, and whether it is only found where written with a capital."""

    words: tuple[str, ...]
    kind: str
    capital: bool


class Gazetteer:
    """The listed names, by their first word."""

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        """`names` are (name as written, kind); a name with a capital is only found where it is written with one."""
        self._by_first: dict[str, list[Name]] = {}
        for name, kind in names:
            words = tuple(map(folded, tokens(name)))
            if words:
                self._by_first.setdefault(words[0], []).append(Name(words, kind, name[:1].isupper()))
        for entries in self._by_first.values():
            entries.sort(key=lambda entry: -len(entry.words))

    def named(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """The words in lower case and the kind of every name."""
        return ((name.words, name.kind) for entries in self._by_first.values() for name in entries)

    def beginning(self, written: str, text: str, *, shouted: bool) -> tuple[Name, ...]:
        """The names that may begin with a token, longest first; text: it `folded`; shouted: among capitals only."""
        named = self._by_first.get(text)
        return tuple(name for name in named if _may_be(name, written, shouted=shouted)) if named else ()


def tokens(text: str) -> list[str]:
    """The tokens of a text as they are written. None holds a blank, nor depends on what stands beyond one."""
    return _TOKEN.findall(text)


def folded(written: str) -> str:
    """A token in lower case, without the full stops of an abbreviation."""
    return written.lower().replace(".", "")


def _may_be(name: Name, written: str, *, shouted: bool) -> bool:
    """Whether a token that reads as the first word of a name is written as one."""
    alone = len(name.words) == 1
    if name.capital and not written[0].isupper():
        return False
    if shouted and alone and name.words[0] in _CAPS_AMBIGUOUS and "." not in written:
        return False
    short = name.capital and alone and len(name.words[0]) <= 3
    return shouted or not short or written.isupper()


@lru_cache(maxsize=1)
def shipped_gazetteer() -> Gazetteer:
    """The gazetteer of the package, read once."""
    folder = resources.files("models") / "gazetteer"
    return Gazetteer(
        (line, kind)
        for name, kind in KINDS.items()
        for line in (folder / f"{name}.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    )
