"""Articles: what is read, what is refused and with which words, and what their ids are made of."""

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import schemas
from schemas.article import Article, content_hash
from schemas.codec import (
    MAX_FIELD_CHARACTERS,
    MAX_ID_CHARACTERS,
    MAX_TEXT_CHARACTERS,
    decode_article,
    decode_article_ref,
)
from schemas.errors import ContractError, Reason
from schemas.mapping import ARTICLE_FIELDS, parse_field_map

PROPERTY = settings(deadline=None, max_examples=200, derandomize=True)
EXAMPLES = Path(schemas.__file__).parent / "v1" / "examples" / "article"
GOOD = sorted((EXAMPLES / "good").rglob("*.json"))
BAD = sorted((EXAMPLES / "bad").rglob("*.json"))

NOT_JSON = (Reason.NOT_JSON, ["value"])
NOT_UTF8 = (Reason.NOT_UTF8, ["value"])
REFUSALS: dict[str, tuple[Reason, list[str]]] = {
    "blank": NOT_JSON,
    "comment": NOT_JSON,
    "empty": NOT_JSON,
    "id-blank": (Reason.CONTRACT, ["id"]),
    "id-empty": (Reason.CONTRACT, ["id"]),
    "id-number": (Reason.CONTRACT, ["id"]),
    "id-too-long": (Reason.CONTRACT, ["id"]),
    "language-line-break": (Reason.CONTRACT, ["language"]),
    "language-number": (Reason.CONTRACT, ["language"]),
    "language-one-letter": (Reason.CONTRACT, ["language"]),
    "language-too-long": (Reason.CONTRACT, ["language"]),
    "language-underscore": (Reason.CONTRACT, ["language"]),
    "latin-1": NOT_UTF8,
    "list": (Reason.CONTRACT, ["value"]),
    "lone-surrogate": NOT_JSON,
    "not-a-number": NOT_JSON,
    "null": (Reason.CONTRACT, ["value"]),
    "number": (Reason.CONTRACT, ["value"]),
    "number-beyond-double": NOT_JSON,
    "overlong-utf-8": NOT_UTF8,
    "published-at-29-february-2025": (Reason.CONTRACT, ["published_at"]),
    "published-at-30-february": (Reason.CONTRACT, ["published_at"]),
    "published-at-before-year-one-in-utc": (Reason.CONTRACT, ["published_at"]),
    "published-at-comma": (Reason.CONTRACT, ["published_at"]),
    "published-at-date-only": (Reason.CONTRACT, ["published_at"]),
    "published-at-epoch-number": (Reason.CONTRACT, ["published_at"]),
    "published-at-hour-24": (Reason.CONTRACT, ["published_at"]),
    "published-at-leap-second": (Reason.CONTRACT, ["published_at"]),
    "published-at-month-13": (Reason.CONTRACT, ["published_at"]),
    "published-at-without-offset": (Reason.CONTRACT, ["published_at"]),
    "published-at-words": (Reason.CONTRACT, ["published_at"]),
    "published-at-year-zero": (Reason.CONTRACT, ["published_at"]),
    "raw-line-break": NOT_JSON,
    "raw-nul": NOT_JSON,
    "several-fields": (Reason.CONTRACT, ["text", "title", "id", "url", "source", "language", "published_at"]),
    "single-quotes": NOT_JSON,
    "source-boolean": (Reason.CONTRACT, ["source"]),
    "string": (Reason.CONTRACT, ["value"]),
    "surrogate-in-utf-8": NOT_UTF8,
    "text-blank": (Reason.CONTRACT, ["text"]),
    "text-blank-in-ascii": (Reason.CONTRACT, ["text"]),
    "text-boolean": (Reason.CONTRACT, ["text"]),
    "text-empty": (Reason.CONTRACT, ["text"]),
    "text-list": (Reason.CONTRACT, ["text"]),
    "text-missing": (Reason.CONTRACT, ["text"]),
    "text-null": (Reason.CONTRACT, ["text"]),
    "text-number": (Reason.CONTRACT, ["text"]),
    "title-list": (Reason.CONTRACT, ["title"]),
    "title-too-long": (Reason.CONTRACT, ["title"]),
    "trailing-comma": NOT_JSON,
    "truncated": NOT_JSON,
    "two-documents": NOT_JSON,
    "url-object": (Reason.CONTRACT, ["url"]),
    "utf-16": NOT_UTF8,
}
"""Name of a bad example → the reason of its refusal and the paths of its bad fields, in order."""


def encoded(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def article_of(**fields: object) -> Article:
    return decode_article(encoded({"text": "The ferry sank."} | fields))


def refusal_of(value: bytes | None, content_type: str | None = None) -> ContractError:
    with pytest.raises(ContractError) as caught:
        decode_article(value, content_type)
    return caught.value


def paths_of(error: ContractError) -> list[str]:
    return [problem.path for problem in error.problems]


def test_there_are_examples_and_the_table_names_every_bad_one() -> None:
    assert len(GOOD) >= 6
    assert {path.stem for path in BAD} == set(REFUSALS)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_example_is_read(path: Path) -> None:
    article = decode_article(path.read_bytes())
    assert article.text.strip()
    assert article.content_hash == content_hash(article.title, article.text)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_what_an_event_says_of_an_article_is_what_the_article_says(path: Path) -> None:
    article, ref = decode_article(path.read_bytes()), decode_article_ref(path.read_bytes())
    assert asdict(ref) == {name: value for name, value in asdict(article).items() if name in asdict(ref)}
    assert {"id", "published_at"} <= set(asdict(ref))


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_of_a_bad_example_nothing_is_said_for_the_same_reason(path: Path) -> None:
    with pytest.raises(ContractError) as caught:
        decode_article_ref(path.read_bytes())
    assert (caught.value.reason, paths_of(caught.value)) == REFUSALS[path.stem]


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_example_is_refused_with_its_reason_and_the_paths_of_its_bad_fields(path: Path) -> None:
    error = refusal_of(path.read_bytes())
    assert (error.reason, paths_of(error)) == REFUSALS[path.stem]


def test_every_field_of_an_article_is_read() -> None:
    article = decode_article((EXAMPLES / "good" / "talks-every-field.json").read_bytes())
    assert article.id == "lake-post-2026-03-02-0417"
    assert article.title == "Ghana and Togo look for money to clear Lake Volta of silt"
    assert article.text.startswith("ACCRA, 2 March – Three ferries")
    assert article.url == "https://news.example/lake/417"
    assert article.source == "Lake Post"
    assert article.language == "en-GB"
    assert article.published_at == datetime(2026, 3, 2, 17, 30, 0, 250_000, tzinfo=UTC)


@pytest.mark.parametrize("name", ["minimal", "only-null-optionals", "only-blank-optionals"])
def test_an_optional_field_that_is_missing_null_or_blank_is_absent(name: str) -> None:
    article = decode_article((EXAMPLES / "good" / f"{name}.json").read_bytes())
    said = (article.title, article.url, article.source, article.language, article.published_at)
    assert said == (None, None, None, None, None)
    assert article.id == article.content_hash


def test_a_problem_says_where_what_was_expected_and_what_was_found() -> None:
    error = refusal_of((EXAMPLES / "bad" / "several-fields.json").read_bytes())
    assert str(error).split("; ") == [
        'text: expected a string of 1 to 200,000 characters, got ""',
        "title: expected a string of 1 to 4,096 characters, got an object",
        "id: expected a string of 1 to 256 characters, got the number 7",
        "url: expected a string of 1 to 4,096 characters, got the number 1.5",
        "source: expected a string of 1 to 4,096 characters, got a list of 0",
        'language: expected a BCP 47 language tag, such as en or en-GB, got "x"',
        'published_at: expected an RFC 3339 time with offset, such as 2024-05-01T12:00:00Z, got "soon"',
    ]


@pytest.mark.parametrize(
    ("value", "found"),
    [("soon " * 12, f'"{"soon " * 12}"'), ("soon " * 12 + "!", "a string of 61 characters")],
    ids=["60 characters", "61 characters"],
)
def test_a_bad_value_is_quoted_where_short_and_else_measured(value: str, found: str) -> None:
    assert str(refusal_of(encoded({"text": "The ferry sank.", "published_at": value}))).endswith(f", got {found}")


@pytest.mark.parametrize(
    ("field", "longest"),
    [
        ("text", MAX_TEXT_CHARACTERS),
        ("id", MAX_ID_CHARACTERS),
        ("title", MAX_FIELD_CHARACTERS),
        ("url", MAX_FIELD_CHARACTERS),
        ("source", MAX_FIELD_CHARACTERS),
    ],
)
@pytest.mark.parametrize("character", ["x", "🔔"], ids=["letter", "emoji"])
def test_a_field_may_have_so_many_code_points_and_not_one_more(field: str, longest: int, character: str) -> None:
    assert getattr(article_of(**{field: character * longest}), field) == character * longest
    error = refusal_of(encoded({"text": "The ferry sank."} | {field: character * (longest + 1)}))
    assert (error.reason, paths_of(error)) == (Reason.CONTRACT, [field])


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-03-02T17:30:00Z", datetime(2026, 3, 2, 17, 30, tzinfo=UTC)),
        ("2026-03-02t17:30:00z", datetime(2026, 3, 2, 17, 30, tzinfo=UTC)),
        ("2026-03-02 17:30:00+00:00", datetime(2026, 3, 2, 17, 30, tzinfo=UTC)),
        ("2026-03-02T17:30:00-00:00", datetime(2026, 3, 2, 17, 30, tzinfo=UTC)),
        ("2026-03-02T23:15:00+05:45", datetime(2026, 3, 2, 17, 30, tzinfo=UTC)),
        ("2026-02-28T23:59:59.5-23:59", datetime(2026, 3, 1, 23, 58, 59, 500_000, tzinfo=UTC)),
        ("2026-03-02T17:30:00.1234567890Z", datetime(2026, 3, 2, 17, 30, 0, 123_456, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2026-03-02T17:30:00." + "0" * 43 + "Z", datetime(2026, 3, 2, 17, 30, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_as_utc(written: str, meant: datetime) -> None:
    moment = article_of(published_at=written).published_at
    assert moment == meant
    assert moment is not None
    assert moment.tzinfo is UTC


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-02T17:30:00." + "0" * 44 + "Z",
        "2026-03-02T17:30Z",
        "2026-03-02T17:30:00+0100",
        "2026-03-02T17:30:00+01",
        "2026-03-02T17:30:00+24:00",
        "2026-03-02T17:30:00+01:00:30",
        "2026-03-02T17:60:00Z",
        "2026-03-02T17:30:00Z ",
        "2026-03-02T17:30:00Z\n",
        "+002026-03-02T17:30:00Z",
        "20260302T173000Z",
        "2026-W10-1T17:30:00Z",
        "٢٠٢٦-03-02T17:30:00Z",
        "9999-12-31T23:59:59-00:01",
    ],
)
def test_what_is_not_an_rfc_3339_time_is_refused(written: str) -> None:
    error = refusal_of(encoded({"text": "The ferry sank.", "published_at": written}))
    assert (error.reason, paths_of(error)) == (Reason.CONTRACT, ["published_at"])


@pytest.mark.parametrize("offset", ["+00:60", "-01:99"])
def test_an_offset_of_more_than_59_minutes_is_refused(offset: str) -> None:
    refusal_of(encoded({"text": "The ferry sank.", "published_at": "2026-03-02T17:30:00" + offset}))


def test_a_byte_order_mark_is_passed_over() -> None:
    raw = (EXAMPLES / "good" / "minimal.json").read_bytes()
    assert decode_article(b"\xef\xbb\xbf" + raw) == decode_article(raw)
    assert decode_article("\ufeffThe ferry sank.".encode(), "text/plain").text == "The ferry sank."


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "text/plain; charset=utf-8", "Text/Plain;charset=UTF-8;format=flowed", " text/plain "],
)
def test_a_plain_text_message_is_an_article_whose_text_is_the_whole_value(content_type: str) -> None:
    raw = (EXAMPLES / "plain" / "good.txt").read_bytes()
    article = decode_article(raw, content_type)
    digest = content_hash(None, raw.decode())
    assert article == Article(text=raw.decode(), id=digest, content_hash=digest)


def test_a_plain_text_message_is_not_read_as_json_and_not_mapped() -> None:
    raw = (EXAMPLES / "good" / "minimal.json").read_bytes()
    assert decode_article(raw, "text/plain", parse_field_map("text=/body")).text == raw.decode()


@pytest.mark.parametrize(
    "content_type", [None, "", "application/json", "application/json; charset=utf-8", "text/html", "text/plainer"]
)
def test_any_other_content_type_is_read_as_json(content_type: str | None) -> None:
    raw = (EXAMPLES / "good" / "minimal.json").read_bytes()
    assert decode_article(raw, content_type).text == "The ferry sank."


@pytest.mark.parametrize(
    ("value", "reason", "path"),
    [
        (b"", Reason.CONTRACT, "text"),
        (b" \n\t", Reason.CONTRACT, "text"),
        (b"y" * (MAX_TEXT_CHARACTERS + 1), Reason.CONTRACT, "text"),
        (b"caf\xe9", Reason.NOT_UTF8, "value"),
        (None, Reason.CONTRACT, "value"),
    ],
    ids=["empty", "blank", "too long", "latin-1", "tombstone"],
)
def test_a_bad_plain_text_message_is_refused(value: bytes | None, reason: Reason, path: str) -> None:
    error = refusal_of(value, "text/plain")
    assert (error.reason, paths_of(error)) == (reason, [path])


def test_a_tombstone_is_refused_by_that_name() -> None:
    error = refusal_of(None)
    assert error.reason is Reason.CONTRACT
    assert str(error) == "value: expected an article, got a tombstone (null value)"


def test_an_empty_value_is_refused_by_that_name() -> None:
    assert str(refusal_of(b"")) == "value: expected a JSON object, got an empty value"


def test_a_byte_that_is_not_utf_8_is_named_with_its_position() -> None:
    assert str(refusal_of(b'{"text": "caf\xe9"}')) == "value: expected UTF-8, got byte 0xe9 at 13"


def test_of_a_repeated_key_the_last_one_holds() -> None:
    article = decode_article((EXAMPLES / "good" / "repeated-key.json").read_bytes())
    assert (article.text, article.title) == ("Of a repeated key the last one holds.", "last")


def test_an_unknown_field_a_thousand_lists_deep_is_passed_over() -> None:
    value = b'{"text": "The ferry sank.", "deep": ' + b"[" * 1_000 + b"]" * 1_000 + b"}"
    assert decode_article(value).text == "The ferry sank."


@pytest.mark.parametrize("opening", [b"[", b'{"a":'], ids=["lists", "objects"])
@pytest.mark.parametrize("prefix", [b"", b'{"text": '], ids=["bare", "in text"])
def test_nesting_of_ten_thousand_is_refused_as_not_json(opening: bytes, prefix: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    value = prefix + opening * 10_000 + b"1" + closing * 10_000 + (b"}" if prefix else b"")
    assert refusal_of(value).reason is Reason.NOT_JSON


def test_nul_characters_are_kept() -> None:
    article = decode_article((EXAMPLES / "good" / "nul-characters.json").read_bytes())
    assert (article.text, article.title) == ("A feed\0 left these\0 in.", "\0")


@pytest.mark.parametrize("escape", [r"\ud800", r"\udfff", r"\ude00\ud83d", r"\ud83d!"])
@pytest.mark.parametrize("field", ["text", "id", "unknown"])
def test_an_escape_of_a_lone_surrogate_is_refused_as_not_json(field: str, escape: str) -> None:
    assert refusal_of(b'{"%b": "a%b"}' % (field.encode(), escape.encode())).reason is Reason.NOT_JSON


def test_an_escaped_surrogate_pair_is_one_character() -> None:
    assert decode_article(rb'{"text": "\ud83d\udd14"}').text == "🔔"


def test_the_content_hash_is_the_sha_256_of_title_newline_text() -> None:
    plain = "Minister in Lomé\nThe talks went on."
    assert content_hash(" Minister\tin Lomé", "The talks\r\nwent on.\n") == hashlib.sha256(plain.encode()).hexdigest()


def test_an_absent_title_is_hashed_as_an_empty_one() -> None:
    assert content_hash(None, "x") == content_hash("", "x") == hashlib.sha256(b"\nx").hexdigest()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"text": "One.\nTwo."}, {"text": "One.\r\nTwo."}),
        ({"text": "One.\nTwo."}, {"text": "One.\n\n\u2028 Two."}),
        ({"text": "One. Two."}, {"text": "One.\u00a0Two."}),
        ({"text": "One."}, {"text": "\n  One.\t"}),
        ({"text": "Lom\u00e9."}, {"text": "Lome\u0301."}),
        ({"text": "One.", "title": "Lom\u00e9"}, {"text": "One.", "title": "  Lome\u0301\n"}),
        ({"text": "One."}, {"text": "One.", "title": " ", "url": "https://news.example/", "language": "en"}),
        ({"text": "One.", "source": "A"}, {"text": "One.", "published_at": "2026-03-02T17:30:00Z"}),
    ],
    ids=["line breaks", "runs", "no-break blank", "surrounding", "NFD text", "NFD title", "no title", "other fields"],
)
def test_articles_that_say_the_same_have_the_same_id(one: Mapping[str, object], other: Mapping[str, object]) -> None:
    assert decode_article(encoded(one)).id == decode_article(encoded(other)).id


@pytest.mark.parametrize(
    "other",
    [
        {"text": "one two"},
        {"text": "One two."},
        {"text": "Onetwo"},
        {"text": "two", "title": "One"},
        {"text": "One ｔwo"},
    ],
    ids=["case", "full stop", "blank", "title", "wide letter"],
)
def test_articles_that_say_something_else_have_another_id(other: Mapping[str, object]) -> None:
    assert decode_article(encoded(other)).id != decode_article(encoded({"text": "One two"})).id


def test_a_senders_id_is_kept_as_it_is_beside_the_content_hash() -> None:
    article = article_of(id=" A/417\u00e9 ")
    assert article.id == " A/417\u00e9 "
    assert article.content_hash == article_of().content_hash


@PROPERTY
@given(st.text(), st.text())
def test_the_content_hash_does_not_change_when_text_is_normalised_or_respaced(title: str, text: str) -> None:
    respaced = " \n ".join(unicodedata.normalize("NFD", text).split())
    assert content_hash(unicodedata.normalize("NFC", title), respaced) == content_hash(title, text)


def outcome_of(value: bytes, content_type: str | None = None, mapping: str = "") -> Article | ContractError:
    try:
        return decode_article(value, content_type, parse_field_map(mapping))
    except ContractError as error:
        return error


def keeps_the_promise(outcome: Article | ContractError) -> bool:
    """What holds of every article and of every refusal, whatever the bytes were."""
    if isinstance(outcome, ContractError):
        return (
            outcome.reason in {Reason.NOT_UTF8, Reason.NOT_JSON, Reason.CONTRACT}
            and len(outcome.problems) > 0
            and all(len(str(problem)) < 300 for problem in outcome.problems)
        )
    texts = [outcome.text, outcome.id, outcome.title, outcome.url, outcome.source, outcome.language]
    return (
        0 < len(outcome.text) <= MAX_TEXT_CHARACTERS
        and 0 < len(outcome.id) <= MAX_ID_CHARACTERS
        and all(text is None or (text.strip() and text.encode()) for text in texts)
        and (outcome.published_at is None or outcome.published_at.tzinfo is UTC)
    )


@st.composite
def damaged_examples(draw: st.DrawFn) -> bytes:
    """A good example with a few stretches of bytes taken out, put in or exchanged."""
    value = bytearray(draw(st.sampled_from(GOOD)).read_bytes())
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(value)))
        value[start : start + draw(st.integers(0, 8))] = draw(st.binary(max_size=8))
    return bytes(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
CONTENT_TYPES = st.sampled_from([None, "text/plain", "text/plain; charset=latin-1", "application/json"]) | st.text()


@PROPERTY
@given(st.binary(), CONTENT_TYPES)
def test_arbitrary_bytes_are_read_or_refused_and_nothing_else(value: bytes, content_type: str | None) -> None:
    assert keeps_the_promise(outcome_of(value, content_type))


@PROPERTY
@given(damaged_examples(), CONTENT_TYPES)
def test_a_damaged_example_is_read_or_refused_and_nothing_else(value: bytes, content_type: str | None) -> None:
    assert keeps_the_promise(outcome_of(value, content_type))


@PROPERTY
@given(st.dictionaries(st.sampled_from(ARTICLE_FIELDS), JSON), st.sampled_from(["", "id=/text", "text=/title/0"]))
def test_any_json_in_any_field_is_read_or_refused_and_nothing_else(document: dict[str, object], mapping: str) -> None:
    assert keeps_the_promise(outcome_of(encoded(document), mapping=mapping))
