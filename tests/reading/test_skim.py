"""The quick look against the whole reading: the same tally, and no sentence lost that passes a gate."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models.article_model import COUNTED, background
from models.corpus import shipped_corpus
from models.document import plain_sentences, sentences_of
from models.features import topics
from models.gate import passes
from models.language import is_foreign
from models.skim import Skim
from models.words import tally, words_of

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


@pytest.mark.parametrize("write", WRITTEN.values(), ids=WRITTEN)
def test_a_quick_look_finds_what_reading_every_word_finds(write: Callable[[str], str]) -> None:
    for text in shipped_corpus()[::EVERY]:
        sentences = plain_sentences(text.title, write(text.text))
        words = [words_of(sentence) for sentence in sentences]
        skim, whole = Skim(sentences), tally(words)
        assert skim.tally.n_words == whole.n_words
        assert skim.tally.states == whole.states
        assert {name: skim.tally.counts.get(name, 0) for name in COUNTED} == {
            name: whole.counts.get(name, 0) for name in COUNTED
        }
        assert (background(skim.tally), topics(skim.tally)) == (background(whole), topics(whole))
        for row, sentence in enumerate(words):
            passed = {event_type for event_type, passing in passes(sentence).items() if passing}
            assert passed <= set(skim.rows.get(row, ())), sentences[row]


def test_plain_sentences_are_those_of_the_document() -> None:
    for text in shipped_corpus()[::EVERY]:
        found = [sentence.clean for sentence in sentences_of(text.title, text.text)]
        assert plain_sentences(text.title, text.text) == found


@pytest.mark.parametrize("text", ["the " * 9 + "the" + "ory " * 9, "и the " * 30, "the of and to " * 9 + "ɐ " * 40])
def test_a_text_is_as_foreign_as_when_its_words_are_counted(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = is_foreign(text, None)
    monkeypatch.setattr("models.language._is_plainly_english", lambda _: False)
    assert quick == is_foreign(text, None)
