"""The JSON Schemas that are published say what dataclasses and codec do: one cannot be changed without the other."""

import calendar
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator

import schemas
from consumers.detect import DATA_SCHEMA, detect_batch
from consumers.outcome import Published
from models.tags import Classifier
from schemas import codec
from schemas.article import Article
from schemas.codec import decode_article, decode_event, encode_event
from schemas.dead_letter import DeadLetter, encode_coordinates, encode_dead_letter
from schemas.errors import ContractError, Problem, Reason
from schemas.event import CONTRACT_VERSION, ArticleRef, Event, Evidence, ModelRef, Part
from schemas.event_type import EventType
from schemas.mapping import ARTICLE_FIELDS
from schemas.message import REPLAY_HEADER, Headers, Message, Record
from schemas.times import parsed_time

PROPERTY = settings(deadline=None, max_examples=100, derandomize=True)
V1 = Path(schemas.__file__).parent / "v1"
EXAMPLES = V1 / "examples"
SCHEMAS = {path.name.removesuffix(".schema.json"): json.loads(path.read_bytes()) for path in V1.glob("*.schema.json")}
BOTH_DRAFTS = [Draft202012Validator, Draft7Validator]
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

SHARED_KEYWORDS = {
    *["$schema", "$id", "title", "description", "examples", "type", "enum", "const", "format", "pattern"],
    *["minLength", "maxLength", "minimum", "maximum", "required", "properties", "additionalProperties"],
    *["items", "minItems"],
}
"""Keywords that mean the same in draft-07 and in 2020-12, and that we use."""

NOT_SAID = {
    "published-at-29-february-2025",
    "published-at-30-february",
    "published-at-before-year-one-in-utc",
    "published-at-year-zero",
    "text-blank",
    "article-published-at-30-february",
    "end-in-utf-16-units",
    "end-shorter-than-quote",
    "quote-shorter-than-span",
}
"""Bad examples that are bad in a way that JSON Schema cannot say; the descriptions do."""


def accepted(schema: str, document: object) -> bool:
    """Whether the schema takes the document; both drafts must agree. Formats are not checked."""
    newer, older = (bool(validator(SCHEMAS[schema]).is_valid(document)) for validator in BOTH_DRAFTS)
    assert newer == older
    return newer


def problems_of(schema: str, document: object) -> list[Problem]:
    value = json.dumps(document, ensure_ascii=False).encode()
    decode = decode_article if schema == "article" else decode_event
    try:
        decode(value)
    except ContractError as error:
        return list(error.problems)
    return []


def subschemas(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield schema
    for inner in [*schema.get("properties", {}).values(), *filter(None, [schema.get("items")])]:
        yield from subschemas(inner)


def examples_in(folder: str) -> list[Path]:
    return sorted((EXAMPLES / folder).rglob("*.json"))


def document_in(path: Path) -> Any:
    return json.loads(path.read_bytes().decode("utf-8-sig"))


def is_json(path: Path) -> bool:
    try:
        orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError:
        return False
    return True


BAD_DOCUMENTS = [(schema, path) for schema in ("article", "event") for path in examples_in(f"{schema}/bad")]


def test_there_is_a_schema_for_every_part_of_the_contract() -> None:
    assert set(SCHEMAS) == {"article", "event", "event_headers", "dead_letter_headers"}


@pytest.mark.parametrize("validator", BOTH_DRAFTS, ids=["2020-12", "draft-07"])
@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_a_valid_schema(name: str, validator: Any) -> None:
    validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_named_by_an_urn_with_the_version_of_the_contract(name: str) -> None:
    assert SCHEMAS[name]["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMAS[name]["$id"] == f"urn:tocsin:{name.replace('_', '-')}:{CONTRACT_VERSION}"


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_uses_only_keywords_that_draft_07_has_too(name: str) -> None:
    assert {keyword for schema in subschemas(SCHEMAS[name]) for keyword in schema} <= SHARED_KEYWORDS


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_property_has_a_title_and_a_description(name: str) -> None:
    silent = [schema for schema in subschemas(SCHEMAS[name]) if not (schema.get("title") and schema.get("description"))]
    assert silent == []


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_description_names_the_limits_of_its_property(name: str) -> None:
    for schema in subschemas(SCHEMAS[name]):
        if "maxLength" in schema:
            assert f"{schema['maxLength']:,} characters" in schema["description"]
        if "minLength" in schema and "maxLength" in schema:
            assert f"{schema['minLength']} to {schema['maxLength']:,} characters" in schema["description"]
        if "maximum" in schema:
            assert f"from {schema['minimum']} to {schema['maximum']}" in schema["description"]


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_example_within_a_schema_holds_it(name: str) -> None:
    for schema in subschemas(SCHEMAS[name]):
        for example in schema.get("examples", []):
            Draft202012Validator(schema).validate(example)


@pytest.mark.parametrize("name", SCHEMAS)
def test_unknown_fields_are_allowed_at_every_depth(name: str) -> None:
    closed = [schema for schema in subschemas(SCHEMAS[name]) if schema.get("additionalProperties", True) is not True]
    assert closed == []


def subschema(schema: str, *path: str) -> Any:
    """The part of a schema at a path of field names; `[]` stands for the items of a list."""
    here: Any = SCHEMAS[schema]
    for step in path:
        here = here["items"] if step == "[]" else here["properties"][step]
    return here


def properties(schema: str, *path: str) -> Any:
    return subschema(schema, *path)["properties"]


def required(schema: str, *path: str) -> set[str]:
    return set(subschema(schema, *path)["required"])


WIRE_NAMES = {"part": "in"}
"""Field of a dataclass → its name on the wire, where they differ."""


def names(kind: type) -> set[str]:
    return {WIRE_NAMES.get(field.name, field.name) for field in fields(kind)}


def names_without_default(kind: type) -> set[str]:
    return {WIRE_NAMES.get(field.name, field.name) for field in fields(kind) if field.default is MISSING}


def test_the_fields_of_an_article_are_those_of_the_dataclass() -> None:
    assert set(properties("article")) == set(ARTICLE_FIELDS) == names(Article) - {"content_hash"}
    assert required("article") == {"text"}


@pytest.mark.parametrize(
    ("kind", "path"),
    [(Event, ()), (Evidence, ("evidence", "[]")), (ArticleRef, ("article",)), (ModelRef, ("model",))],
    ids=["event", "evidence", "article", "model"],
)
def test_the_fields_of_an_event_are_those_of_the_dataclasses(kind: type, path: Sequence[str]) -> None:
    assert set(properties("event", *path)) == names(kind)
    assert required("event", *path) == names_without_default(kind)


def test_the_fields_of_an_event_are_those_that_are_written() -> None:
    document = json.loads(encode_event(event_with(title="t", url="u", source="s", language="en", published_at=NOON)))
    assert list(document) == list(properties("event"))
    assert list(document["evidence"][0]) == list(properties("event", "evidence", "[]"))
    assert list(document["article"]) == list(properties("event", "article"))
    assert list(document["model"]) == list(properties("event", "model"))


def event_with(**said: Any) -> Event:
    return Event(
        type=EventType.TALKS,
        confidence=0.5,
        evidence=(Evidence(part=Part.TEXT, start=0, end=1, quote="x", score=0.5),),
        article=ArticleRef(id="a-1", **said),
        model=ModelRef(name="m", version="1", sha256="0" * 64),
    )


def test_enumerations_are_those_of_the_code() -> None:
    assert properties("event")["type"]["enum"] == [event_type.value for event_type in EventType]
    assert properties("event", "evidence", "[]")["in"]["enum"] == [part.value for part in Part]
    assert properties("event_headers")["ce_type"]["enum"] == [f"tocsin.{name}.{CONTRACT_VERSION}" for name in EventType]
    assert properties("dead_letter_headers")["tocsin_reason"]["enum"] == [reason.value for reason in Reason]


def test_limits_are_the_constants_of_the_codec() -> None:
    article, event = properties("article"), properties("event", "article")
    quote = properties("event", "evidence", "[]")["quote"]
    assert {article["text"]["maxLength"], quote["maxLength"]} == {codec.MAX_TEXT_CHARACTERS}
    assert {article["id"]["maxLength"], event["id"]["maxLength"]} == {codec.MAX_ID_CHARACTERS}
    assert properties("event_headers")["ce_subject"]["maxLength"] == codec.MAX_ID_CHARACTERS
    for name in ("title", "url", "source"):
        assert {article[name]["maxLength"], event[name]["maxLength"]} == {codec.MAX_FIELD_CHARACTERS}


def test_the_pattern_of_a_language_is_that_of_the_codec() -> None:
    pattern = codec._LANGUAGE.pattern
    assert properties("event", "article")["language"]["pattern"] == f"^{pattern}$"
    assert properties("article")["language"]["pattern"] == rf"^([ \t\r\n]*|{pattern})$"


def good_document(schema: str) -> Any:
    return {"text": "A text."} if schema == "article" else json.loads(encode_event(event_with()))


def with_value(schema: str, path: Sequence[str], value: object) -> Any:
    """A good document with that value in that place; the span of a quote goes along."""
    document = good_document(schema)
    here = document
    for step in path[:-1]:
        here = here[0] if step == "[]" else here[step]
    here[path[-1]] = value
    if path[-1] == "quote" and isinstance(value, str):
        here["end"] = here["start"] + len(value)
    return document


FREE_TEXTS = [
    *[("article", (name,)) for name in ("text", "id", "title", "url", "source")],
    *[("event", ("article", name)) for name in ("id", "title", "url", "source")],
    *[("event", ("model", name)) for name in ("name", "version", "sha256")],
    ("event", ("evidence", "[]", "quote")),
]


@pytest.mark.parametrize(
    ("schema", "path"), FREE_TEXTS, ids=lambda part: part if isinstance(part, str) else ".".join(part)
)
def test_the_code_takes_as_many_characters_as_the_schema_and_not_one_more(schema: str, path: Sequence[str]) -> None:
    longest = subschema(schema, *path)["maxLength"]
    fitting, too_long = (with_value(schema, path, "x" * length) for length in (longest, longest + 1))
    assert accepted(schema, fitting)
    assert problems_of(schema, fitting) == []
    assert not accepted(schema, too_long)
    assert [problem.path for problem in problems_of(schema, too_long)] == [".".join(path).replace(".[]", "[0]")]


@pytest.mark.parametrize("path", examples_in("article/good"), ids=lambda path: path.stem)
def test_a_good_article_holds_the_schema(path: Path) -> None:
    assert accepted("article", document_in(path))


@pytest.mark.parametrize("path", examples_in("event/good"), ids=lambda path: path.stem)
def test_a_good_event_holds_the_schema(path: Path) -> None:
    assert accepted("event", document_in(path))


@pytest.mark.parametrize(
    ("schema", "path"),
    [(schema, path) for schema, path in BAD_DOCUMENTS if is_json(path)],
    ids=lambda part: part if isinstance(part, str) else part.stem,
)
def test_a_bad_example_does_not_hold_the_schema_but_for_what_it_cannot_say(schema: str, path: Path) -> None:
    assert accepted(schema, document_in(path)) == (path.stem in NOT_SAID)


def test_what_the_schemas_cannot_say_is_shown_by_examples() -> None:
    assert {path.stem for _, path in BAD_DOCUMENTS} >= NOT_SAID


VALUES = [
    *[None, "", " ", "\n\t ", "a", "A text.", "en", "en-GB", "en_GB", "i-klingon", "🔔", "\0", 0, 1, 5, -1, 1.5, 0.5],
    *[True, False, [], ["a"], {}, {"a": 1}, "x" * 64, "x" * 65, "x" * 256, "x" * 257, "x" * 4_096, "x" * 4_097],
    *["talks", "text", "2026-03-02T17:30:00Z", "2026-03-02 17:30:00.5+01:00", "2026-03-02", "2026-03-02T17:30:00"],
    *["2026-03-02T24:00:00Z", "2026-03-02T17:30:60Z", "2026-13-02T17:30:00Z", "2026-03-02T17:30:00," + "5Z"],
]
"""Anything that someone might put into a field."""


@pytest.mark.parametrize("field", [*ARTICLE_FIELDS, "unknown"])
def test_the_schema_and_the_codec_agree_on_any_value_of_a_field_of_an_article(field: str) -> None:
    documents = [with_value("article", [field], value) for value in VALUES]
    taken_by_the_schema = [document for document in documents if accepted("article", document)]
    assert taken_by_the_schema == [document for document in documents if not problems_of("article", document)]


OPTIONAL_OF_EVENTS = [("article", name) for name in ("title", "url", "source", "language", "published_at")]
FIELDS_OF_EVENTS = [
    *[(name,) for name in ("type", "confidence", "evidence", "article", "model", "unknown")],
    *[("evidence", "[]", name) for name in ("in", "start", "end", "quote", "score", "unknown")],
    *[("article", name) for name in ("id", "unknown")],
    *[("model", name) for name in ("name", "version", "sha256", "unknown")],
    *OPTIONAL_OF_EVENTS,
]


@pytest.mark.parametrize("path", FIELDS_OF_EVENTS, ids=".".join)
def test_the_schema_and_the_codec_agree_on_any_value_of_a_field_of_an_event(path: Sequence[str]) -> None:
    values = [value for value in VALUES if path not in OPTIONAL_OF_EVENTS or not is_blank(value)]
    documents = [with_value("event", path, value) for value in values]
    taken_by_the_schema = [document for document in documents if accepted("event", document)]
    assert taken_by_the_schema == [document for document in documents if not said_problems_of(document)]


def said_problems_of(event: object) -> list[Problem]:
    """The problems of an event but for that of a span, which JSON Schema cannot say."""
    return [problem for problem in problems_of("event", event) if not problem.expected.startswith("start plus")]


def is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


@pytest.mark.parametrize("path", OPTIONAL_OF_EVENTS, ids=".".join)
def test_an_event_leaves_absent_fields_out_where_its_reader_would_take_null_and_blanks(path: Sequence[str]) -> None:
    documents = [with_value("event", path, value) for value in VALUES if is_blank(value)]
    assert [document for document in documents if accepted("event", document)] == []
    assert [document for document in documents if problems_of("event", document)] == []


NEARLY_TIMES = st.from_regex(
    r"[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-2][0-9]:[0-5][0-9])",
    fullmatch=True,
)


@PROPERTY
@given(NEARLY_TIMES)
def test_the_schema_and_the_codec_agree_on_a_time_of_a_day_that_there_is(text: str) -> None:
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    assume(1 < year < 9_999)
    is_a_day = 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]
    for schema in (properties("article"), properties("event", "article")):
        matches = re.search(schema["published_at"]["pattern"], text) is not None
        assert (parsed_time(text) is not None) == (matches and is_a_day)


def record(value: bytes | None, headers: Headers = ()) -> Record:
    return Record(value=value, headers=headers, topic="articles", partition=2, offset=871, timestamp=NOON)


def events_of(article: Record, classifier: Classifier) -> tuple[Message, ...]:
    (outcome,) = detect_batch([article], classifier)
    assert isinstance(outcome, Published)
    return outcome.events


def as_object(headers: Headers) -> dict[str, str]:
    return {name: (value or b"").decode() for name, value in headers}


TEXTS = st.text(min_size=1, max_size=40).filter(str.strip)
SHARES = st.floats(0, 1)


@st.composite
def pieces_of_evidence(draw: st.DrawFn) -> Evidence:
    quote, start = draw(TEXTS), draw(st.integers(0, 200_000))
    return Evidence(
        part=draw(st.sampled_from(Part)), start=start, end=start + len(quote), quote=quote, score=draw(SHARES)
    )


EVENTS = st.builds(
    Event,
    type=st.sampled_from(EventType),
    confidence=SHARES,
    evidence=st.lists(pieces_of_evidence(), min_size=1, max_size=3).map(tuple),
    article=st.builds(
        ArticleRef,
        id=TEXTS,
        title=st.none() | TEXTS,
        url=st.none() | TEXTS,
        source=st.none() | TEXTS,
        language=st.none() | st.from_regex(codec._LANGUAGE, fullmatch=True).filter(lambda tag: len(tag) <= 64),
        published_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    ),
    model=st.builds(ModelRef, name=TEXTS, version=TEXTS, sha256=TEXTS),
)


@PROPERTY
@given(EVENTS)
def test_an_event_that_is_written_holds_the_schema(event: Event) -> None:
    Draft202012Validator(SCHEMAS["event"]).validate(json.loads(encode_event(event)))


@pytest.mark.parametrize("path", examples_in("article/good"), ids=lambda path: path.stem)
def test_the_events_of_an_example_article_hold_the_schemas_in_value_and_headers(path: Path, keen: Classifier) -> None:
    headers: Headers = (("tocsin_replay", b"drill-1"), ("traceparent", b"00-a-b-01"), ("tracestate", b"a=1"))
    raw = path.read_bytes()
    for event in (*events_of(record(raw), keen), *events_of(record(raw, headers), keen)):
        assert accepted("event", json.loads(event.value or b""))
        assert accepted("event_headers", as_object(event.headers))


def test_the_schema_of_event_headers_names_those_that_are_written_and_requires_those_of_every_event(
    keen: Classifier,
) -> None:
    headers: Headers = ((REPLAY_HEADER, b"drill-1"), ("traceparent", b"00"), ("tracestate", b"a=1"))
    least = events_of(record(b'{"text": "x"}'), keen)[0]
    most = events_of(record(b'{"text": "x"}', headers), keen)[0]
    assert SCHEMAS["event_headers"]["required"] == [name for name, _ in least.headers]
    assert list(properties("event_headers")) == [name for name, _ in most.headers]


def test_the_schema_that_an_event_names_is_the_published_one() -> None:
    assert SCHEMAS["event"]["$id"] == DATA_SCHEMA == properties("event_headers")["ce_dataschema"]["const"]


DEAD = DeadLetter(
    record=record(b"caf\xe9"),
    reason=Reason.NOT_UTF8,
    stage="VALUE_CONVERTER",
    error_class="E",
    error_message="x" * 9_999,
)


def test_the_schema_of_dead_letter_headers_names_those_that_are_written() -> None:
    assert SCHEMAS["dead_letter_headers"]["required"] == [name for name, _ in encode_dead_letter(DEAD).headers]
    assert list(properties("dead_letter_headers")) == [name for name, _ in encode_coordinates(DEAD).headers]


def test_the_headers_of_a_dead_letter_hold_the_schema_and_fill_the_longest_message() -> None:
    for headers in (encode_dead_letter(DEAD).headers, encode_coordinates(DEAD).headers):
        assert accepted("dead_letter_headers", as_object(headers))
        message = as_object(headers)["__connect.errors.exception.message"]
        assert len(message) == properties("dead_letter_headers")["__connect.errors.exception.message"]["maxLength"]


@pytest.mark.parametrize("path", examples_in("dead_letter"), ids=lambda path: path.stem)
def test_the_headers_of_an_example_of_a_dead_letter_hold_the_schema(path: Path) -> None:
    shown = json.loads(path.read_bytes())
    assert accepted("dead_letter_headers", {name: text for name, text in shown["headers"] if text is not None})
