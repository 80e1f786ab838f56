"""What the sentence models see of a sentence that passed a gate: lists of feature names, and how they are counted.

A trigger is written as its class wherever that can be done, so that what is learned of one word for an event holds for
the others, and the classifier learns senses instead of words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.base import BaseEstimator, TransformerMixin

from models.lexicon import shipped_lexicon
from models.words import Words
from schemas.event_type import EventType

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

INSTEAD: Mapping[EventType, tuple[str, ...]] = {
    EventType.TALKS: ("TALKN", "TALKV", "COUNTER", "TALKN2", "TALKV2"),
    EventType.SANCTIONS_WARNING: ("SANCN", "SANCA", "MEASURE", "EASE", "IMPOSE", "THREAT", "EXTEND"),
    EventType.PROGRAM_EXCLUSION: ("EXCLV", "MEMB", "EASE", "PROGR", "EXCLV2"),
}
"""The classes that stand for a type's triggers, the most telling first."""

_TRIGGERS: Mapping[EventType, tuple[str, ...]] = {
    EventType.TALKS: ("TALK_SURE", "TALK_MEET", "TALK_ALSO"),
    EventType.SANCTIONS_WARNING: ("SANC_SURE", "RETALIATE", "TARIFF", "SANC_ANY", "SANC_ALSO"),
    EventType.PROGRAM_EXCLUSION: ("EXCL_SURE", "EXCL_SOME", "EXCL_ALSO"),
}

_PAIR_REACH = 8
_WINDOW_REACH = 6
_CLOSE = 2


@cache
def all_triggers(event_type: EventType) -> frozenset[str]:
    """Stems that may tell such an event."""
    return _union(_TRIGGERS[event_type])


def pairs(sentence: Words) -> list[str]:
    """The classes, their pairs, their ordered pairs within eight words, and how many parties there are."""
    order = sorted(sentence.classes)
    found = {f"c:{name}" for name in order}
    found |= {f"s:{a}&{b}" for i, a in enumerate(order) for b in order[i + 1 :]}
    found |= {f"w:{a}>{b}" for a, b in _close_marks(sentence)}
    states = sentence.states
    organisations = len(sentence.parties) - states
    found |= {f"ns:{min(states, 3)}", f"no:{min(organisations, 2)}", f"np:{min(states + organisations, 3)}"}
    if states + organisations >= 2:
        found |= {f"two&{name}" for name in order}
    return list(found)


def windows(sentence: Words, event_type: EventType) -> list[str]:
    """What stands up to six content words left and right of a trigger of the type."""
    names: dict[int, list[str]] = {}
    for place, name in sentence.marks:
        names.setdefault(place, []).append(name)
    skipped, triggers = shipped_lexicon().triggers["FUNCTION"], all_triggers(event_type)
    content = [place for place, word in enumerate(sentence.words) if word not in skipped]
    found: set[str] = set()
    for at, place in enumerate(content):
        if sentence.words[place] not in triggers:
            continue
        trigger = next((name for name in INSTEAD[event_type] if name in names.get(place, ())), "trig")
        for other in range(max(0, at - _WINDOW_REACH), min(len(content), at + _WINDOW_REACH + 1)):
            if other == at:
                continue
            side = "L" if other < at else "R"
            close = -_CLOSE <= other - at <= _CLOSE
            for name in names.get(content[other]) or (sentence.words[content[other]],):
                found.add(seen := side + name)
                found.add(trigger + seen)
                if close:
                    found.add(seen := f"{side}2{name}")
                    found.add(trigger + seen)
    return list(found)


def ngrams(sentence: Words, event_type: EventType) -> list[str]:
    """1-, 2- and 3-grams of content words and kinds, triggers as their class; repeated ones as often as they occur."""
    skipped = shipped_lexicon().triggers["FUNCTION"]
    words = _as_classes((word for word in sentence.words if word not in skipped), event_type)
    return [*words, *_grams(words)]


def runs(sentence: Words, event_type: EventType) -> list[str]:
    """2- and 3-grams of all words, triggers as their class: who meets with whom, and what is imposed on or by whom."""
    return list(set(_grams(_as_classes(sentence.words, event_type))))


class FeatureCounter(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Lists of feature names to a sparse matrix of counts (n_lists, n_features), float32.

    Features that fewer than `min_df` lists hold are not kept. `binary` counts each once.
    """

    def __init__(self, *, min_df: int = 3, binary: bool = True) -> None:
        self.min_df = min_df
        self.binary = binary

    def fit(self, lists: Sequence[Sequence[str]], y: object = None) -> FeatureCounter:
        """Learns which features to keep, in alphabetical order."""
        del y
        in_lists = Counter(name for names in lists for name in set(names))
        kept = sorted(name for name, count in in_lists.items() if count >= self.min_df)
        self.vocabulary_ = {name: column for column, name in enumerate(kept)}
        return self

    def transform(self, lists: Sequence[Sequence[str]]) -> sp.csr_matrix:
        """Counts the features that are known."""
        columns, ends = self._columns(lists)
        shape = (len(lists), len(self.vocabulary_))
        counts = sp.csr_matrix((np.ones(len(columns), np.float32), columns, ends), shape=shape)
        counts.sum_duplicates()
        if self.binary:
            counts.data[:] = 1
        return counts

    def sums(self, lists: Sequence[Sequence[str]], weights: Floats) -> Floats:
        """(n_lists,): the weights, one per feature, of what each list holds, added up; no list may hold one twice.

        The same as `transform(lists) @ weights` without a matrix, and as there in the order of the columns: the order
        of the names in a list, which come from sets, changes nothing.
        """
        rows, columns = self._places(np.sort(self._cells(lists)))
        return np.bincount(rows, weights[columns], len(lists)).astype(np.float64)

    def tfidf_sums(self, lists: Sequence[Sequence[str]], idf: Floats, weights: Floats) -> Floats:
        """As `sums` with lists that hold names more than once, of TF-IDF: `1 + log(count)` by `idf`, to length 1.

        The same as scikit-learn's TfidfTransformer with `sublinear_tf` gives of `transform(lists)`, by `weights`: for a
        few sentences at a time its checks and copies cost more than all else.
        """
        cells, counts = np.unique(self._cells(lists), return_counts=True)
        rows, columns = self._places(cells)
        told = (1 + np.log(counts)) * idf[columns]
        length = np.sqrt(np.bincount(rows, told**2, len(lists)))
        return np.bincount(rows, told * weights[columns], len(lists)) / np.where(length > 0, length, 1)

    def _cells(self, lists: Sequence[Sequence[str]]) -> Ints:
        """A number for the list and the column of each name that is known; see `_places`."""
        columns, ends = self._columns(lists)
        cells: Ints = np.repeat(np.arange(len(lists)) * self._width, np.diff(ends)) + np.array(columns, np.int64)
        return cells

    def _places(self, cells: Ints) -> tuple[Ints, Ints]:
        """The lists and the columns of some cells."""
        return np.divmod(cells, self._width)

    @property
    def _width(self) -> int:
        return max(len(self.vocabulary_), 1)

    def _columns(self, lists: Sequence[Sequence[str]]) -> tuple[list[int], list[int]]:
        """The columns of the features that are known, list after list, and where each begins and the last ends."""
        columns: list[int] = []
        ends = [0]
        for names in lists:
            columns += [column for column in map(self.vocabulary_.get, names) if column is not None]
            ends.append(len(columns))
        return columns, ends


def _as_classes(words: Iterable[str], event_type: EventType) -> list[str]:
    """The words, and for a trigger of the type its class in angle brackets."""
    return [f"<{name}>" if (name := _instead(word, event_type)) else word for word in words]


def _grams(words: Sequence[str]) -> list[str]:
    two = [f"{a} {b}" for a, b in pairwise(words)]
    return [*two, *[f"{ab} {c}" for ab, c in zip(two, words[2:], strict=False)]]


@lru_cache(maxsize=100_000)
def _instead(word: str, event_type: EventType) -> str | None:
    """The class that a word is written as, where it has one that stands for triggers of the type."""
    classes = shipped_lexicon().classes.get(word, frozenset())
    return next((name for name in INSTEAD[event_type] if name in classes), None)


def _close_marks(sentence: Words) -> Iterator[tuple[str, str]]:
    marks = sentence.marks
    for i, (place, name) in enumerate(marks):
        for other, other_name in marks[i + 1 :]:
            if other - place > _PAIR_REACH:
                break
            if other > place:
                yield name, other_name


def _union(names: Sequence[str]) -> frozenset[str]:
    triggers = shipped_lexicon().triggers
    return frozenset().union(*(triggers[name] for name in names))
