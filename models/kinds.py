"""Names replaced by what they are: "Ghana suspended from ECOWAS" is read as "STATE suspend from ORG".

What is learned of one state or organisation then holds for all of them, and for those that are not in the corpus.
The lists are ours, facts of public knowledge, in `gazetteer/`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources

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
"""Abbreviations that are everyday words in a text all in capitals."""


class Gazetteer:
    """Finds the longest listed name at every place of a sentence."""

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        """`names` are (name as written, kind); a name with a capital is only found where it is written with one."""
        self._by_first: dict[str, list[tuple[tuple[str, ...], str, bool]]] = {}
        for name, kind in names:
            words = tuple(word.lower().replace(".", "") for word in _TOKEN.findall(name))
            if words:
                self._by_first.setdefault(words[0], []).append((words, kind, name[:1].isupper()))
        for entries in self._by_first.values():
            entries.sort(key=lambda entry: -len(entry[0]))

    def tokens(self, text: str) -> list[tuple[str, str]]:
        """The tokens of a sentence as (kind, name in lower case) for names, and ("", word in lower case) else."""
        written = _TOKEN.findall(text)
        folded = [word.lower().replace(".", "") for word in written]
        shouted = text.isupper()
        found: list[tuple[str, str]] = []
        at = 0
        while at < len(folded):
            kind, length = self._at(folded, written, at, shouted=shouted) or ("", 1)
            found.append((kind, " ".join(folded[at : at + length])))
            at += length
        return found

    def _at(self, folded: list[str], written: list[str], at: int, *, shouted: bool) -> tuple[str, int] | None:
        for words, kind, capital in self._by_first.get(folded[at], ()):
            length = len(words)
            if length > 1 and tuple(folded[at : at + length]) != words:
                continue
            if capital and not written[at][0].isupper():
                continue
            if shouted and length == 1 and words[0] in _CAPS_AMBIGUOUS:
                continue
            if capital and length == 1 and len(words[0]) <= 3 and not shouted and not written[at].isupper():
                continue
            return kind, length
        return None


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
