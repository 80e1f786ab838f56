"""Words by what they do in a story: the classes, phrases, triggers and party names in `lexicon/`, compared by stem.

The lists are ours. A word is in a list because of its meaning, never because it occurs in some test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import Stemmer

_PARTY_LETTERS = 4
"""Letters by which a state not listed among the aliases is told from others."""


@lru_cache(maxsize=1)
def _stemmer() -> Stemmer.Stemmer:
    return Stemmer.Stemmer("english")


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """The Snowball stem of a lower-case word: `suspended` → `suspend`."""
    found: str = _stemmer().stemWord(word)
    return found


@lru_cache(maxsize=1_000)
def stems(words: str) -> frozenset[str]:
    """The stems of blank-separated words."""
    return frozenset(map(stem, words.split()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    """The lists, ready to be looked up.

    classes: stem → its classes; phrases: first stem → (all stems, class); triggers: name of a list → stems; parties:
    name in lower case → the name that its party goes by.
    """

    classes: Mapping[str, frozenset[str]]
    phrases: Mapping[str, tuple[tuple[tuple[str, ...], str], ...]]
    triggers: Mapping[str, frozenset[str]]
    parties: Mapping[str, str]


@lru_cache(maxsize=1)
def shipped_lexicon() -> Lexicon:
    """The lexicon of the package, read once."""
    classes: dict[str, set[str]] = {}
    for name, lines in _lists("classes.txt").items():
        for word in " ".join(lines).split():
            classes.setdefault(stem(word), set()).add(name)
    phrases: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for name, lines in _lists("phrases.txt").items():
        for line in lines:
            phrases.setdefault(line.split()[0], []).append((tuple(line.split()), name))
    return Lexicon(
        classes={word: frozenset(names) for word, names in classes.items()},
        phrases={word: tuple(found) for word, found in phrases.items()},
        triggers={name: stems(" ".join(lines)) for name, lines in _lists("triggers.txt").items()},
        parties=_parties(),
    )


def party_of(state: str, parties: Mapping[str, str]) -> str:
    """The party that a state, its people or its capital is: `ghana` and `ghanaian` are one."""
    return parties.get(state, state[:_PARTY_LETTERS])


def _parties() -> dict[str, str]:
    aliases = [line.split(", ") for line in _lines("aliases.txt")]
    parties = {name: names[0] for names in aliases for name in names}
    for line in _lines("capitals.txt"):
        state, _, names = line.partition(": ")
        parties |= dict.fromkeys(names.split(", "), party_of(state, parties))
    return parties


def _lists(file: str) -> dict[str, list[str]]:
    """A file of `NAME:` lines, each followed by indented lines that belong to it."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in _lines(file):
        if line.startswith(" "):
            found[name].append(line.strip())
        else:
            name = line.removesuffix(":")
            found[name] = []
    return found


def _lines(file: str) -> list[str]:
    text = (resources.files("models") / "lexicon" / file).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
