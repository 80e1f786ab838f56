"""Other people's field names: which JSON pointers are taken, and what they find."""

import json

import pytest

from schemas.article import Article
from schemas.codec import decode_article
from schemas.errors import ContractError, StartupError
from schemas.mapping import ARTICLE_FIELDS, FieldMap, parse_field_map


def article_of(document: object, mapping: str) -> Article:
    return decode_article(json.dumps(document).encode(), None, parse_field_map(mapping))


def problems_of(document: object, mapping: str) -> list[str]:
    with pytest.raises(ContractError) as caught:
        article_of(document, mapping)
    return [problem.path for problem in caught.value.problems]


def test_every_field_of_the_contract_may_be_mapped() -> None:
    feed = {
        "body": "Talks went on.",
        "meta": {"uuid": "a-1", "lang": "en", "when": "2026-03-02T17:30:00Z"},
        "heads": ["Talks"],
        "href": "https://news.example/1",
        "paper": "Lake Post",
    }
    mapping = (
        "text=/body, id=/meta/uuid, title=/heads/0, url=/href, source=/paper, "
        "language=/meta/lang, published_at=/meta/when"
    )
    same = {
        "text": "Talks went on.",
        "id": "a-1",
        "title": "Talks",
        "url": "https://news.example/1",
        "source": "Lake Post",
        "language": "en",
        "published_at": "2026-03-02T17:30:00Z",
    }
    assert {part.partition("=")[0].strip() for part in mapping.split(",")} == set(ARTICLE_FIELDS) == set(same)
    assert article_of(feed, mapping) == article_of(same, "")


@pytest.mark.parametrize("text", ["", " ", ",", " , ,"])
def test_an_empty_text_maps_nothing(text: str) -> None:
    assert parse_field_map(text) == FieldMap()
    assert not parse_field_map(text)
    assert article_of({"text": "x", "title": "y"}, text).title == "y"


def test_a_field_that_is_not_mapped_keeps_its_own_name() -> None:
    article = article_of({"body": "Talks went on.", "title": "Talks", "id": "a-1"}, "text=/body")
    assert (article.text, article.title, article.id) == ("Talks went on.", "Talks", "a-1")


def test_a_mapped_field_is_not_looked_for_under_its_own_name() -> None:
    article = article_of({"text": "Talks went on.", "title": "not this"}, "title=/headline")
    assert article.title is None
    assert problems_of({"text": "not this"}, "text=/body") == ["/body"]


def test_two_fields_may_have_one_pointer() -> None:
    article = article_of({"body": "Talks went on."}, "text=/body,title=/body")
    assert article.title == article.text == "Talks went on."


@pytest.mark.parametrize(
    ("pointer", "document"),
    [
        ("/a~1b", {"a/b": "found"}),
        ("/a~0b", {"a~b": "found"}),
        ("/a~01b", {"a~1b": "found"}),
        ("/~1/~0", {"/": {"~": "found"}}),
        ("/", {"": "found"}),
        ("/a/", {"a": {"": "found"}}),
        ("/a=b", {"a=b": "found"}),
        ("/größe", {"größe": "found"}),
        ("/a b", {"a b": "found"}),
        ("/0", {"0": "found"}),
        ("/a/1", {"a": ["no", "found"]}),
        ("/a/0/b", {"a": [{"b": "found"}]}),
    ],
)
def test_a_pointer_finds_its_value(pointer: str, document: object) -> None:
    assert article_of(document, f"text={pointer}").text == "found"


@pytest.mark.parametrize(
    ("pointer", "document"),
    [
        ("/b", {"a": "x"}),
        ("/a/b", {"a": "x"}),
        ("/a/b", {"a": None}),
        ("/a/b", {"a": ["x"]}),
        ("/a/1", {"a": ["x"]}),
        ("/a/-", {"a": ["x"]}),
        ("/a/-1", {"a": ["x"]}),
        ("/a/²", {"a": ["x", "x", "x"]}),
        ("/a/" + "9" * 5_000, {"a": ["x"]}),
        ("/a/0", {"a": "x"}),
        ("/a", {"a": None}),
    ],
)
def test_a_pointer_that_finds_nothing_leaves_the_field_absent(pointer: str, document: dict[str, object]) -> None:
    assert article_of({"text": "Talks went on."} | document, f"title={pointer}").title is None


def test_a_list_index_with_a_leading_zero_finds_nothing() -> None:
    assert article_of({"text": "Talks went on.", "a": ["x", "y"]}, "title=/a/01").title is None


def test_a_problem_names_the_pointer_and_not_the_field() -> None:
    document = {"a/b": {"~": 5}, "text": "Talks went on.", "language": "en_GB"}
    assert problems_of(document, "title=/a~1b/~0") == ["/a~1b/~0", "language"]


@pytest.mark.parametrize("pointer", ["/a", "/a/b", "/a~1b", "/a~0b/~01", "/", "/a/", "/a/0"])
def test_the_pointer_of_a_field_is_written_as_it_was_read(pointer: str) -> None:
    fields = parse_field_map(f"text={pointer}")
    assert fields.pointer("text") == pointer
    assert fields.pointer("title") == "title"


@pytest.mark.parametrize(("number", "text"), [(417, "417"), (0, "0"), (-5, "-5"), (2**64 - 1, str(2**64 - 1))])
def test_a_mapped_id_that_is_a_whole_number_becomes_its_digits(number: int, text: str) -> None:
    assert article_of({"text": "Talks went on.", "no": number}, "id=/no").id == text
    assert article_of({"text": "Talks went on.", "id": number}, "id=/id").id == text


@pytest.mark.parametrize("value", [4.5, 1.0, True, [1], {"a": 1}, ""])
def test_a_mapped_id_of_another_kind_is_refused(value: object) -> None:
    assert problems_of({"text": "Talks went on.", "no": value}, "id=/no") == ["/no"]


def test_a_number_becomes_text_in_no_other_field_and_in_no_id_that_is_not_mapped() -> None:
    assert problems_of({"text": "Talks went on.", "no": 5}, "title=/no") == ["/no"]
    assert problems_of({"body": "Talks went on.", "id": 5}, "text=/body") == ["id"]


def test_a_mapped_id_that_is_not_there_is_the_content_hash() -> None:
    article = article_of({"text": "Talks went on."}, "id=/no")
    assert article.id == article.content_hash


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("text", "'text'"),
        ("/body", "'/body'"),
        ("=/body", "'=/body'"),
        ("body=/text", "'body=/text'"),
        ("Text=/body", "'Text=/body'"),
        ("content_hash=/h", "'content_hash=/h'"),
        ("text=/body,text=/other", "'text=/other'"),
        ("text=/body, title=headline", "'title=headline'"),
        ("text=", "'text='"),
        ("text=#/body", "'text=#/body'"),
        ("text=/body;title=/headline,x", "'x'"),
    ],
)
def test_a_bad_mapping_is_refused_at_the_start_with_its_part_named(text: str, part: str) -> None:
    with pytest.raises(StartupError) as caught:
        parse_field_map(text)
    assert str(caught.value).startswith(f"{part}: ")


def test_a_refusal_names_the_fields_or_shows_a_pointer_that_would_do() -> None:
    with pytest.raises(StartupError, match=f"{', '.join(ARTICLE_FIELDS)}$"):
        parse_field_map("body=/text")
    with pytest.raises(StartupError, match=r"starts with '/', for instance title=/headline$"):
        parse_field_map("title=headline")
