"""The first glance against the whole reading: no sentence is lost that passes a gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.corpus import shipped_corpus
from models.document import plain_sentences, sentences_of
from models.gate import passes, rules
from models.glance import promising
from models.language import is_foreign
from models.memo import EVERYTHING, Memo, Piece, PieceMemo
from models.words import words_of

EVERY = 4
"""One text of the corpus in so many is looked at."""

WRITTEN: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in capitals": str.upper,
    "in lower case": str.lower,
    "as a title": str.title,
    "in short pieces": lambda text: text.replace(" and ", ".\n").replace(", ", ". - "),
    "in the other order": lambda text: " ".join(reversed(text.split())),
    "joined by hyphens": lambda text: text.replace(" of ", "-of-").replace(" the ", "-"),
}


def passing(sentences: Sequence[str]) -> list[int]:
    return [row for row, sentence in enumerate(sentences) if any(passes(words_of(sentence)).values())]


@pytest.mark.parametrize("write", WRITTEN.values(), ids=WRITTEN)
def test_a_first_glance_loses_no_sentence_that_passes(write: Callable[[str], str]) -> None:
    texts = shipped_corpus()[::EVERY]
    sentences = [sentence for text in texts for sentence in plain_sentences(text.title, write(text.text))]
    promised = promising(sentences)
    assert promised == sorted(set(promised))
    assert set(passing(sentences)) <= set(promised)


WORDS = sorted(
    {word for rule in rules() for need in rule.needs for word in need}
    | {"Ghana", "ECOWAS", "U.S.", "the U.S. secretary of state", "European Union", "1998,1999", "no longer welcome"}
    | {"a", "of", "said", "-", ",", "it's", "\u2003", "\U0001f514", "internationalisation-of-the-river", "Zoë", "AT&T"}
)


@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12), max_size=6))
@settings(deadline=None, max_examples=300)
def test_a_first_glance_loses_nothing_of_words_put_together_at_random(sentences: list[list[str]]) -> None:
    for between in (" ", ", ", "-"):
        joined = [between.join(words) for words in sentences]
        for written in (joined, [sentence.upper() for sentence in joined]):
            assert set(passing(written)) <= set(promising(written))


def test_a_sentence_is_promising_whatever_stands_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.glance._AT_ONCE", 10_000)
    sentences = [sentence for text in shipped_corpus()[:200] for sentence in plain_sentences(text.title, text.text)]
    alone = [row for row, sentence in enumerate(sentences) if promising([sentence])]
    assert promising(sentences) == alone


def test_a_first_glance_refuses_most_of_everyday_news() -> None:
    everyday = [
        text for text in shipped_corpus() if text.form == "article" and text.kind in {"sport", "corporate deal"}
    ]
    sentences = [sentence for text in everyday for sentence in plain_sentences(text.title, text.text)]
    assert len(sentences) > 1_000
    assert len(promising(sentences)) < 0.25 * len(sentences)


@pytest.mark.parametrize("sentences", [[], [""], ["-", "...", "Ghana"], ["\ud800"]])
def test_nothing_is_promising_where_nothing_is_said(sentences: list[str]) -> None:
    assert promising(sentences) == []


def test_bits_of_pieces_are_those_that_were_made_however_many_there_are() -> None:
    memo = PieceMemo(lambda piece: Piece(len(piece.strip(":")), 0, 0))
    pieces = [f"{number}" * 3 for number in range(1 << 19)]
    assert memo.union(pieces).tolist() == list(map(len, pieces))
    assert memo.union(["12 1234", "x" * 33, "-"]).tolist() == [2 | 4, 33, 0]


def test_bits_begun_count_where_the_next_piece_of_the_text_ends_them() -> None:
    memo = PieceMemo(lambda piece: Piece(0, 1 * (piece == "New"), EVERYTHING * (piece in {"York", "&"})))
    texts = ["In New York", "New", "York", "York New", "New, York", "New-York", "New & York", "New York-New York"]
    assert memo.union(texts).tolist() == [1, 0, 0, 0, 1, 1, 1, 1]


def test_plain_sentences_are_those_of_the_document() -> None:
    for text in shipped_corpus()[::EVERY]:
        found = [sentence.clean for sentence in sentences_of(text.title, text.text)]
        assert plain_sentences(text.title, text.text) == found


@pytest.mark.parametrize("text", ["the " * 9 + "the" + "ory " * 9, "и the " * 30, "the of and to " * 9 + "ɐ " * 40])
def test_a_text_is_as_foreign_as_when_its_words_are_counted(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = is_foreign(text, None)
    monkeypatch.setattr("models.language._is_plainly_english", lambda _: False)
    assert quick == is_foreign(text, None)


def test_very_long_words_are_read_and_not_kept() -> None:
    memo = Memo(len)
    assert [memo["x" * 64], memo["x" * 65]] == [64, 65]
    assert list(memo) == ["x" * 64]
