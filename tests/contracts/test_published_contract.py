"""What is published of the contract says what the code does: JSON Schemas, AsyncAPI, dataclasses, codec and settings."""

import calendar
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator

import schemas
from consumers.detect import DATA_SCHEMA, detect_batch
from consumers.outcome import Published
from consumers.settings import Settings
from models.tags import Tags
from schemas import codec
from schemas.article import Article
from schemas.codec import decode_article, decode_event, encode_event
from schemas.dead_letter import DeadLetter, encode_coordinates, encode_dead_letter
from schemas.errors import ContractError, Reason
from schemas.event import CONTRACT_VERSION, ArticleRef, Event, Evidence, ModelRef, Part
from schemas.event_type import CODES, EventType
from schemas.mapping import ARTICLE_FIELDS
from schemas.message import REPLAY_HEADER, Headers, Message, Record
from schemas.times import parsed_time

PROPERTY = settings(deadline=None, max_examples=200, derandomize=True)
V1 = Path(schemas.__file__).parent / "v1"
EXAMPLES = V1 / "examples"
SCHEMAS = {path.name.removesuffix(".schema.json"): json.loads(path.read_bytes()) for path in V1.glob("*.schema.json")}
ASYNCAPI = yaml.safe_load((V1 / "asyncapi.yaml").read_bytes())
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
    verdicts = {validator(SCHEMAS[schema]).is_valid(document) for validator in BOTH_DRAFTS}
    assert len(verdicts) == 1
    return verdicts.pop()


def problems_of(schema: str, document: object) -> list[str]:
    value = json.dumps(document, ensure_ascii=False).encode()
    decode = decode_article if schema == "article" else decode_event
    try:
        decode(value)
    except ContractError as error:
        return [problem.path for problem in error.problems]
    return []


def subschemas(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield schema
    for inner in [*schema.get("properties", {}).values(), *filter(None, [schema.get("items")])]:
        yield from subschemas(inner)


def examples_in(folder: str) -> list[Path]:
    return sorted((EXAMPLES / folder).rglob("*.json"))


def document_in(path: Path) -> object:
    """The JSON in an example as every common reader has it; skips an example that is none."""
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"), parse_constant=lambda _: pytest.skip("not JSON"))
    except ValueError:
        pytest.skip("not JSON")


# The schemas by themselves


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


# The schemas and the code


def properties(schema: str, *path: str) -> Any:
    here: Any = SCHEMAS[schema]
    for step in path:
        here = here["items"] if step == "[]" else here["properties"][step]
    return here["properties"]


def required(schema: str, *path: str) -> set[str]:
    here: Any = SCHEMAS[schema]
    for step in path:
        here = here["items"] if step == "[]" else here["properties"][step]
    return set(here["required"])


WIRE_NAMES = {"part": "in"}
"""Field of a dataclass → its name on the wire, where they differ."""


def names(kind: type, *, required_only: bool = False) -> set[str]:
    return {
        WIRE_NAMES.get(field.name, field.name)
        for field in fields(kind)
        if not required_only or field.default is MISSING
    }


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
    assert required("event", *path) == names(kind, required_only=True)


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
    longest = properties(schema, *path[:-1])[path[-1]]["maxLength"]
    assert problems_of(schema, with_text(schema, path, "x" * longest)) == []
    assert accepted(schema, with_text(schema, path, "x" * longest))
    assert problems_of(schema, with_text(schema, path, "x" * (longest + 1))) == [".".join(path).replace(".[]", "[0]")]
    assert not accepted(schema, with_text(schema, path, "x" * (longest + 1)))


def with_text(schema: str, path: Sequence[str], text: str) -> Any:
    """A good document with that text in that place; the span of a quote goes along."""
    document: Any = {"text": "x"} if schema == "article" else json.loads(encode_event(event_with()))
    here = document
    for step in path[:-1]:
        here = here[0] if step == "[]" else here[step]
    here[path[-1]] = text
    if path[-1] == "quote":
        here["end"] = here["start"] + len(text)
    return document


@pytest.mark.parametrize("path", examples_in("article/good"), ids=lambda path: path.stem)
def test_a_good_article_holds_the_schema(path: Path) -> None:
    assert accepted("article", document_in(path))


@pytest.mark.parametrize("path", examples_in("event/good"), ids=lambda path: path.stem)
def test_a_good_event_holds_the_schema(path: Path) -> None:
    assert accepted("event", document_in(path))


@pytest.mark.parametrize(
    ("schema", "path"),
    [(schema, path) for schema in ("article", "event") for path in examples_in(f"{schema}/bad")],
    ids=lambda part: part if isinstance(part, str) else part.stem,
)
def test_a_bad_example_does_not_hold_the_schema_but_for_what_it_cannot_say(schema: str, path: Path) -> None:
    if path.stem == "lone-surrogate":
        pytest.skip("JSON to this reader and not to others")
    if path.stem == "number-beyond-double":
        pytest.skip("JSON to this reader and not to others")
    assert accepted(schema, document_in(path)) == (path.stem in NOT_SAID)


VALUES = [
    *[None, "", " ", "\n\t ", "a", "A text.", "en", "en-GB", "en_GB", "i-klingon", "🔔", "\0", 0, 1, 5, -1, 1.5, 0.5],
    *[True, False, [], ["a"], {}, {"a": 1}, "x" * 64, "x" * 65, "x" * 256, "x" * 257, "x" * 4_096, "x" * 4_097],
    *["talks", "text", "2026-03-02T17:30:00Z", "2026-03-02 17:30:00.5+01:00", "2026-03-02", "2026-03-02T17:30:00"],
    *["2026-03-02T24:00:00Z", "2026-03-02T17:30:60Z", "2026-13-02T17:30:00Z", "2026-03-02T17:30:00," + "5Z"],
]
"""Anything that someone might put into a field."""


@pytest.mark.parametrize("field", [*ARTICLE_FIELDS, "unknown"])
@pytest.mark.parametrize("value", VALUES, ids=lambda value: json.dumps(value)[:24])
def test_the_schema_and_the_codec_agree_on_any_value_of_a_field_of_an_article(field: str, value: object) -> None:
    document = {"text": "A text."} | {field: value}
    problems = problems_of("article", document)
    assert problems in ([], [field])
    assert accepted("article", document) == (problems == [])


EVENT_FIELDS = [
    *[(name,) for name in names(Event)],
    *[("evidence", 0, name) for name in names(Evidence)],
    *[("article", name) for name in names(ArticleRef)],
    *[("model", name) for name in names(ModelRef)],
]


@pytest.mark.parametrize("path", sorted(EVENT_FIELDS, key=str), ids=lambda path: ".".join(map(str, path)))
@pytest.mark.parametrize("value", VALUES, ids=lambda value: json.dumps(value)[:24])
def test_the_schema_and_the_codec_agree_on_any_value_of_a_field_of_an_event(path: Sequence[Any], value: object) -> None:
    document = json.loads((EXAMPLES / "event" / "good" / "talks.json").read_bytes())
    here: Any = document
    for step in path[:-1]:
        here = here[step]
    here[path[-1]] = value
    problems = set(problems_of("event", document)) - {"evidence[0].end"}
    if path[0] == "article" and path[-1] != "id" and (value is None or (isinstance(value, str) and not value.strip())):
        assert problems == set()  # our reader takes it for absent; the schema, which our writer holds, does not have it
    elif (path[-1] == "end" and not isinstance(value, int)) or (path[-1] == "end" and isinstance(value, bool)):
        assert not accepted("event", document)
    elif path[-1] == "end":
        assert accepted("event", document) == (value >= 0)
    else:
        assert accepted("event", document) == (problems == set())


NEARLY_TIMES = st.from_regex(
    r"[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{1,9})?([Zz]|[+-][0-2][0-9]:[0-5][0-9])",
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


# What is written holds the schemas


class Keen:
    """A classifier that finds every type in every article, with the whole text as evidence."""

    model = ModelRef(name="keen", version="1", sha256="0" * 64)

    def tag(self, articles: Sequence[Article]) -> list[Tags]:
        return [self._tags(article) for article in articles]

    def _tags(self, article: Article) -> Tags:
        whole = Evidence(part=Part.TEXT, start=0, end=len(article.text), quote=article.text, score=0.5)
        return Tags(
            scores=dict.fromkeys(EventType, 0.75), labels=tuple(EventType), evidence=dict.fromkeys(EventType, (whole,))
        )


def record(value: bytes | None, headers: Headers = ()) -> Record:
    return Record(value=value, headers=headers, topic="articles", partition=2, offset=871, timestamp=NOON)


def events_of(article: Record) -> tuple[Message, ...]:
    (outcome,) = detect_batch([article], Keen())
    assert isinstance(outcome, Published)
    return outcome.events


def as_object(headers: Headers) -> dict[str, str]:
    return {name: (value or b"").decode() for name, value in headers}


TEXTS = st.text(min_size=1, max_size=40).filter(str.strip)
EVENTS = st.builds(
    Event,
    type=st.sampled_from(EventType),
    confidence=st.floats(0, 1),
    evidence=st.lists(
        st.builds(
            lambda part, start, quote, score: Evidence(
                part=part, start=start, end=start + len(quote), quote=quote, score=score
            ),
            st.sampled_from(Part),
            st.integers(0, 200_000),
            st.from_regex(r"\S+ [^\ud800-\udfff]*", fullmatch=True),
            st.floats(0, 1),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
    article=st.builds(
        ArticleRef,
        id=st.from_regex(r"[!-~]{1,256}", fullmatch=True),
        title=st.none() | TEXTS,
        url=st.none() | TEXTS,
        source=st.none() | TEXTS,
        language=st.none() | st.from_regex(codec._LANGUAGE, fullmatch=True).filter(lambda tag: len(tag) <= 64),
        published_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    ),
    model=st.just(ModelRef(name="m", version="1", sha256="0" * 64)),
)


@PROPERTY
@given(EVENTS)
def test_an_event_that_is_written_holds_the_schema(event: Event) -> None:
    Draft202012Validator(SCHEMAS["event"]).validate(json.loads(encode_event(event)))


@pytest.mark.parametrize("path", examples_in("article/good"), ids=lambda path: path.stem)
def test_the_events_of_an_example_article_hold_the_schemas_in_value_and_headers(path: Path) -> None:
    headers: Headers = (("tocsin_replay", b"drill-1"), ("traceparent", b"00-a-b-01"), ("tracestate", b"a=1"))
    for event in (*events_of(record(path.read_bytes())), *events_of(record(path.read_bytes(), headers))):
        assert accepted("event", json.loads(event.value or b""))
        assert accepted("event_headers", as_object(event.headers))


def test_the_schema_of_event_headers_names_those_that_are_written_and_requires_those_of_every_event() -> None:
    (least, *_), carried = events_of(record(b'{"text": "x"}')), ("ce_replay", "traceparent", "tracestate")
    headers: Headers = ((REPLAY_HEADER, b"drill-1"), ("traceparent", b"00"), ("tracestate", b"a=1"))
    most = events_of(record(b'{"text": "x"}', headers))[0]
    assert list(SCHEMAS["event_headers"]["required"]) == [name for name, _ in least.headers]
    assert list(properties("event_headers")) == [name for name, _ in most.headers]
    assert set(properties("event_headers")) - required("event_headers") == set(carried)


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
    assert list(SCHEMAS["dead_letter_headers"]["required"]) == [name for name, _ in encode_dead_letter(DEAD).headers]
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


# AsyncAPI


def nodes(node: Any) -> Iterator[Any]:
    yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(inner)


def resolved(reference: str) -> Any:
    """What a `$ref` of asyncapi.yaml points at; raises where there is no such file or no such place in it."""
    name, _, pointer = reference.partition("#")
    here = json.loads((V1 / name).read_bytes()) if name else ASYNCAPI
    for step in filter(None, pointer.split("/")):
        here = here[step]
    return here


def inlined(node: Any) -> Any:
    """The node with every `$ref` in it replaced by what it points at."""
    if isinstance(node, dict) and "$ref" in node:
        return inlined(resolved(node["$ref"]))
    if isinstance(node, dict):
        return {name: inlined(inner) for name, inner in node.items()}
    return [inlined(inner) for inner in node] if isinstance(node, list) else node


REFERENCES = sorted({node["$ref"] for node in nodes(ASYNCAPI) if isinstance(node, dict) and "$ref" in node})
MESSAGES: Mapping[str, Any] = ASYNCAPI["components"]["messages"]


def test_asyncapi_is_of_version_3_with_kafka_bindings_of_version_0_5() -> None:
    versions = [
        node["bindingVersion"] for node in nodes(ASYNCAPI) if isinstance(node, dict) and "bindingVersion" in node
    ]
    assert ASYNCAPI["asyncapi"] == "3.0.0"
    assert set(versions) == {"0.5.0"}


def test_asyncapi_has_the_version_of_the_contract() -> None:
    assert f"v{ASYNCAPI['info']['version'].partition('.')[0]}" == CONTRACT_VERSION


@pytest.mark.parametrize("reference", REFERENCES)
def test_every_reference_in_asyncapi_leads_somewhere(reference: str) -> None:
    assert resolved(reference)


def test_asyncapi_refers_to_every_schema() -> None:
    assert {f"./{name}.schema.json" for name in SCHEMAS} <= set(REFERENCES)


def test_the_channels_of_asyncapi_are_the_default_topics() -> None:
    defaults = Settings()
    topics = [defaults.articles_topic, defaults.events_topic, defaults.dead_topic]
    assert list(ASYNCAPI["channels"]) == topics
    assert [channel["address"] for channel in ASYNCAPI["channels"].values()] == topics


@pytest.mark.parametrize(("channel", "headroom_bytes"), [("articles", 0), ("events", 0), ("articles.dead", 65_536)])
def test_the_topics_of_asyncapi_have_the_default_sizes(channel: str, headroom_bytes: int) -> None:
    binding, defaults = ASYNCAPI["channels"][channel]["bindings"]["kafka"], Settings()
    assert binding["partitions"] == defaults.partitions
    assert binding["replicas"] == defaults.replication
    assert binding["topicConfiguration"]["max.message.bytes"] == defaults.topic_max_bytes + headroom_bytes


def test_the_broker_group_limit_and_source_in_the_contract_are_the_default_settings() -> None:
    defaults = Settings()
    assert ASYNCAPI["servers"]["kafka"]["host"] == defaults.brokers[0]
    assert ASYNCAPI["operations"]["receiveArticle"]["bindings"]["kafka"]["groupId"]["default"] == defaults.group
    assert f"{defaults.max_article_bytes:,} bytes" in MESSAGES["article"]["description"]
    assert f"by default {defaults.event_source}." in properties("event_headers")["ce_source"]["description"]


@pytest.mark.parametrize(
    ("operation", "action", "channel"),
    [
        ("receiveArticle", "receive", "articles"),
        ("sendEvent", "send", "events"),
        ("sendDeadLetter", "send", "articles.dead"),
    ],
)
def test_tocsin_receives_articles_and_sends_events_and_dead_letters(operation: str, action: str, channel: str) -> None:
    described = ASYNCAPI["operations"][operation]
    messages = [message["$ref"] for message in described["messages"]]
    assert described["action"] == action
    assert described["channel"]["$ref"] == f"#/channels/{channel}"
    assert messages == [f"#/channels/{channel}/messages/{name}" for name in ASYNCAPI["channels"][channel]["messages"]]


def test_every_event_type_is_a_message_with_its_meaning_and_codes() -> None:
    assert list(ASYNCAPI["channels"]["events"]["messages"]) == [event_type.value for event_type in EventType]
    for event_type, codes in CODES.items():
        message = MESSAGES[event_type]
        assert message["name"] == f"tocsin.{event_type}.{CONTRACT_VERSION}"
        assert message["title"] == event_type
        assert message["summary"] == codes.meaning
        assert message["x-codes"] == {"cameo": list(codes.cameo), "plover": list(codes.plover)}


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_has_headers_a_payload_a_content_type_and_a_described_key(name: str) -> None:
    message = {}
    for part in (*inlined(MESSAGES[name].get("traits", [])), inlined(MESSAGES[name])):
        message |= part
    assert message["headers"]
    assert message["payload"]
    assert message["contentType"]
    assert message["bindings"]["kafka"]["key"]["description"]


@pytest.mark.parametrize("path", examples_in("article/good"), ids=lambda path: path.stem)
def test_an_event_is_one_of_the_described_messages_and_only_one(path: Path) -> None:
    for event in events_of(record(path.read_bytes())):
        value, headers = json.loads(event.value or b""), as_object(event.headers)
        for part, document in (("payload", value), ("headers", headers)):
            matching = [
                event_type.value
                for event_type in EventType
                if Draft202012Validator(inlined(MESSAGES[event_type][part])).is_valid(document)
            ]
            assert matching == [value["type"]]


def test_a_plain_article_is_described_as_text_within_the_limits_of_an_article() -> None:
    payload = inlined(MESSAGES["plainArticle"]["payload"])
    assert MESSAGES["plainArticle"]["contentType"] == codec.PLAIN_TEXT
    assert payload == properties("article")["text"]
    assert Draft202012Validator(payload).is_valid((EXAMPLES / "article" / "plain" / "good.txt").read_bytes().decode())
