"""Cleaning keeps every place, and sentences are cut where a reader would cut them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.document import sentences_of
from models.sentences import LONGEST, sentence_spans
from models.text import clean
from schemas.event import Part


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@given(st.text(max_size=400))
@settings(deadline=None)
def test_cleaning_never_changes_the_length(text: str) -> None:
    assert len(clean(text)) == len(text)


@given(st.text(max_size=400))
@settings(deadline=None)
def test_sentences_are_in_order_apart_trimmed_and_not_blank(text: str) -> None:
    plain = clean(text)
    end = 0
    for span in sentence_spans(plain):
        assert end <= span.start < span.end <= len(plain)
        assert plain[span.start : span.end].strip() == plain[span.start : span.end]
        end = span.end


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("“Yes”, he said – ‘no’…", "\"Yes\", he said - 'no'."),
        ("a&nbsp;b &amp; c", "a      b &     c"),
        ("it&#x27;s &#8220;on&#8221;", 'it\'     s "      on"      '),
        ("AT&T; &bogus; &#xD800;", "AT&T; &bogus; \ufffd       "),
        ("NUL\x00here", "NUL here"),
        ("a\u00a0b", "a b"),
        ("5 < 6 and 7 > 2", "5 < 6 and 7 > 2"),
    ],
)
def test_typography_entities_and_controls_become_plain(raw: str, plain: str) -> None:
    assert clean(raw) == plain


def test_markup_becomes_blanks_and_paragraphs_end_where_their_tags_do() -> None:
    text = clean("<p>The envoys met.</p><p>They left</p><script>x</script>")
    assert cut(text)[:2] == ["The envoys met.", "They left"]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("The U.S. envoy met Mr. Smith. They left.", ["The U.S. envoy met Mr. Smith.", "They left."]),
        ('He said: "We met." Then he left.', ['He said: "We met."', "Then he left."]),
        ("Growth was 3.5 pct. in May. It fell.", ["Growth was 3.5 pct. in May.", "It fell."]),
        ("Title without a stop\n\nThe text.", ["Title without a stop", "The text."]),
        ("One paragraph.\nAnother one.", ["One paragraph.", "Another one."]),
        ("no capital after. this stays whole", ["no capital after. this stays whole"]),
        ("", []),
        (" \n\t ", []),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, sentences: list[str]) -> None:
    assert cut(text) == sentences


def test_lines_broken_at_a_column_do_not_end_sentences() -> None:
    text = (
        "The foreign ministers of the two neighbouring\nstates held talks on Monday about the river\n"
        "that they share. They will meet again."
    )
    assert len(cut(text)) == 2


def test_a_sentence_without_end_is_cut_at_a_blank() -> None:
    pieces = cut("and " * 25_000)
    assert all(len(piece) <= LONGEST for piece in pieces)
    assert " ".join(pieces) == ("and " * 25_000).strip()


def test_a_word_without_end_is_cut_too() -> None:
    assert all(len(piece) <= LONGEST for piece in cut("a" * 100_000))


def test_a_title_comes_first_and_is_marked_as_one() -> None:
    first, second = sentences_of("Ministers met", "They met. ")
    assert (first.part, first.position) == (Part.TITLE, -1)
    assert (second.part, second.position) == (Part.TEXT, 0)


def test_a_first_line_that_stands_alone_counts_as_a_headline() -> None:
    first, second = sentences_of(None, "Ministers meet in Accra\n\nThe ministers met on Monday.")
    assert (first.part, first.position, second.position) == (Part.TEXT, -1, 0)
