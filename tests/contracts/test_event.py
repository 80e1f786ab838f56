"""Events: what subscribers may rely on, in the value, in the id and in the headers."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import schemas
from consumers.detect import Reading, detect_batch
from consumers.outcome import Published
from models.tags import Classifier
from schemas.article import Article
from schemas.codec import MAX_TEXT_CHARACTERS, decode_article, decode_event, encode_event
from schemas.errors import ContractError, Reason
from schemas.event import ArticleRef, Event, Evidence, ModelRef, Part, article_ref, event_id
from schemas.event_type import EventType
from schemas.message import Headers, Message, Record

PROPERTY = settings(deadline=None, max_examples=100, derandomize=True)
EXAMPLES = Path(schemas.__file__).parent / "v1" / "examples"
ARTICLES = sorted((EXAMPLES / "article" / "good").rglob("*.json"))
GOOD = sorted((EXAMPLES / "event" / "good").rglob("*.json"))
BAD = sorted((EXAMPLES / "event" / "bad").rglob("*.json"))

REFUSALS: dict[str, tuple[Reason, list[str]]] = {
    "article-id-missing": (Reason.CONTRACT, ["article.id"]),
    "article-id-null": (Reason.CONTRACT, ["article.id"]),
    "article-id-too-long": (Reason.CONTRACT, ["article.id"]),
    "article-language-underscore": (Reason.CONTRACT, ["article.language"]),
    "article-missing": (Reason.CONTRACT, ["article", "article.id"]),
    "article-published-at-30-february": (Reason.CONTRACT, ["article.published_at"]),
    "article-published-at-date-only": (Reason.CONTRACT, ["article.published_at"]),
    "article-text": (Reason.CONTRACT, ["article", "article.id"]),
    "article-title-number": (Reason.CONTRACT, ["article.title"]),
    "confidence-above-one": (Reason.CONTRACT, ["confidence"]),
    "confidence-below-zero": (Reason.CONTRACT, ["confidence"]),
    "confidence-boolean": (Reason.CONTRACT, ["confidence"]),
    "confidence-missing": (Reason.CONTRACT, ["confidence"]),
    "confidence-null": (Reason.CONTRACT, ["confidence"]),
    "confidence-text": (Reason.CONTRACT, ["confidence"]),
    "empty": (Reason.NOT_JSON, ["value"]),
    "end-in-utf-16-units": (Reason.CONTRACT, ["evidence[0].end"]),
    "end-shorter-than-quote": (Reason.CONTRACT, ["evidence[0].end"]),
    "evidence-empty": (Reason.CONTRACT, ["evidence"]),
    "evidence-item-text": (Reason.CONTRACT, ["evidence[0]"]),
    "evidence-missing": (Reason.CONTRACT, ["evidence"]),
    "evidence-object": (Reason.CONTRACT, ["evidence"]),
    "in-body": (Reason.CONTRACT, ["evidence[0].in"]),
    "in-missing": (Reason.CONTRACT, ["evidence[0].in"]),
    "latin-1": (Reason.NOT_UTF8, ["value"]),
    "list": (Reason.CONTRACT, ["value"]),
    "model-missing": (Reason.CONTRACT, ["model", "model.name", "model.version", "model.sha256"]),
    "model-name-missing": (Reason.CONTRACT, ["model.name"]),
    "model-sha256-too-long": (Reason.CONTRACT, ["model.sha256"]),
    "model-version-number": (Reason.CONTRACT, ["model.version"]),
    "nothing": (
        Reason.CONTRACT,
        [
            *["type", "confidence", "evidence", "article", "article.id"],
            *["model", "model.name", "model.version", "model.sha256"],
        ],
    ),
    "quote-blank": (Reason.CONTRACT, ["evidence[0].quote"]),
    "quote-missing": (Reason.CONTRACT, ["evidence[0].quote"]),
    "quote-shorter-than-span": (Reason.CONTRACT, ["evidence[0].end"]),
    "score-above-one": (Reason.CONTRACT, ["evidence[0].score"]),
    "score-missing": (Reason.CONTRACT, ["evidence[0].score"]),
    "second-evidence-without-quote": (Reason.CONTRACT, ["evidence[1].quote"]),
    "start-boolean": (Reason.CONTRACT, ["evidence[0].start"]),
    "start-missing": (Reason.CONTRACT, ["evidence[0].start"]),
    "start-negative": (Reason.CONTRACT, ["evidence[0].start"]),
    "start-with-fraction": (Reason.CONTRACT, ["evidence[0].start"]),
    "truncated": (Reason.NOT_JSON, ["value"]),
    "type-in-capitals": (Reason.CONTRACT, ["type"]),
    "type-list": (Reason.CONTRACT, ["type"]),
    "type-missing": (Reason.CONTRACT, ["type"]),
    "type-unknown": (Reason.CONTRACT, ["type"]),
}
"""Name of a bad example → the reason of its refusal and the paths of its bad fields, in order."""

ARTICLE = Article(
    text="Peru and Chile hold talks.", id="a-1", content_hash="c" * 64, title="Talks", url="u", source="Lake Post"
)
NOON = datetime(2026, 3, 2, 12, 0, 0, 123_456, tzinfo=UTC)


def record(value: bytes, key: bytes | None = None, headers: Headers = ()) -> Record:
    return Record(value=value, key=key, headers=headers, topic="articles", partition=0, offset=7, timestamp=NOON)


def events_of(article: Record, classifier: Classifier, reading: Reading | None = None) -> tuple[Message, ...]:
    (outcome,) = detect_batch([article], classifier, reading or Reading())
    assert isinstance(outcome, Published)
    return outcome.events


def refusal_of(value: bytes | None) -> ContractError:
    with pytest.raises(ContractError) as caught:
        decode_event(value)
    return caught.value


def test_there_are_examples_of_every_type_and_the_table_names_every_bad_one() -> None:
    assert {event_type.value for event_type in EventType} <= {path.stem for path in GOOD}
    assert {path.stem for path in BAD} == set(REFUSALS)
    assert len(BAD) >= 10


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_example_is_read_as_it_is_written(path: Path) -> None:
    written = json.loads(path.read_bytes())
    event = decode_event(path.read_bytes())
    again = json.loads(encode_event(event))
    assert list(again) == ["type", "confidence", "evidence", "article", "model"]
    assert again == shared(written, again)


def shared(written: object, again: object) -> object:
    """What was written, without the fields that are not written again."""
    if isinstance(written, dict) and isinstance(again, dict):
        return {name: shared(written[name], again[name]) for name in written if name in again}
    if isinstance(written, list) and isinstance(again, list):
        return [shared(*pair) for pair in zip(written, again, strict=True)]
    return written


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_the_quotes_of_an_example_stand_in_an_example_article_where_it_says(path: Path) -> None:
    articles = {article.id: article for article in (decode_article(item.read_bytes()) for item in ARTICLES)}
    event = decode_event(path.read_bytes())
    article = articles[event.article.id]
    for evidence in event.evidence:
        part = article.title if evidence.part is Part.TITLE else article.text
        assert (part or "")[evidence.start : evidence.end] == evidence.quote
    assert replace(article_ref(article), published_at=None) == replace(event.article, published_at=None)
    assert [evidence.score for evidence in event.evidence] == sorted((e.score for e in event.evidence), reverse=True)


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_example_is_refused_with_its_reason_and_the_paths_of_its_bad_fields(path: Path) -> None:
    error = refusal_of(path.read_bytes())
    assert (error.reason, [problem.path for problem in error.problems]) == REFUSALS[path.stem]


def test_a_tombstone_is_refused_by_that_name() -> None:
    assert str(refusal_of(None)) == "value: expected an event, got a tombstone (null value)"


def test_a_wrong_span_says_how_long_the_quote_is() -> None:
    error = refusal_of((EXAMPLES / "event" / "bad" / "end-in-utf-16-units.json").read_bytes())
    assert str(error) == "evidence[0].end: expected start plus the 8 characters of the quote, got the number 9"


def test_an_unknown_type_is_answered_with_those_there_are() -> None:
    error = refusal_of((EXAMPLES / "event" / "bad" / "type-unknown.json").read_bytes())
    assert str(error) == 'type: expected one of talks, sanctions_warning, program_exclusion, got "war"'


def test_a_bad_start_is_not_held_against_the_end_too() -> None:
    document = json.loads((EXAMPLES / "event" / "good" / "talks.json").read_bytes())
    document["evidence"][0]["start"] = "here"
    assert [problem.path for problem in refusal_of(json.dumps(document).encode()).problems] == ["evidence[0].start"]


@pytest.mark.parametrize("absent", [None, "", " \n"])
def test_an_optional_field_of_the_article_that_is_null_or_blank_is_absent(absent: str | None) -> None:
    document = json.loads((EXAMPLES / "event" / "good" / "talks.json").read_bytes())
    names = ["title", "url", "source", "language", "published_at"]
    document["article"] |= dict.fromkeys(names, absent)
    event = decode_event(json.dumps(document).encode())
    assert event.article == ArticleRef(id=document["article"]["id"])
    assert list(json.loads(encode_event(event))["article"]) == ["id"]


def test_an_event_is_written_in_a_fixed_order_without_blanks_and_in_utc() -> None:
    event = Event(
        type=EventType.TALKS,
        confidence=0.5,
        evidence=(Evidence(part=Part.TITLE, start=0, end=4, quote="Lomé", score=1.0),),
        article=ArticleRef(id="a-1", source="Lake Post", published_at=NOON),
        model=ModelRef(name="m", version="1", sha256="0"),
    )
    assert encode_event(event).decode() == (
        '{"type":"talks","confidence":0.5,'
        '"evidence":[{"in":"title","start":0,"end":4,"quote":"Lomé","score":1.0}],'
        '"article":{"id":"a-1","source":"Lake Post","published_at":"2026-03-02T12:00:00.123Z"},'
        '"model":{"name":"m","version":"1","sha256":"0"}}'
    )


def independent_id(article: Article, event_type: str) -> str:
    """The id as DESIGN has it, made without the code under test."""
    parts = ["v1", article.source or "", article.id, article.content_hash, event_type]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


def test_an_event_id_is_the_same_for_ever() -> None:
    array = '["v1","Lake Post","a-1","' + "c" * 64 + '","talks"]'
    assert event_id(ARTICLE, EventType.TALKS) == hashlib.sha256(array.encode()).hexdigest()
    assert event_id(ARTICLE, EventType.TALKS) == "f290feecfc040e1f38a76070993058672df7079f7e4c1fa75ea343bbc92ae62a"


@PROPERTY
@given(st.text() | st.none(), st.text(), st.sampled_from(EventType))
def test_an_event_id_is_the_sha_256_of_a_json_array(source: str | None, id: str, event_type: EventType) -> None:  # noqa: A002 - the field's name
    article = replace(ARTICLE, source=source, id=id)
    assert event_id(article, event_type) == independent_id(article, event_type.value)


@pytest.mark.parametrize(
    "change",
    [{"source": "Hill Radio"}, {"source": None}, {"id": "a-2"}, {"content_hash": "d" * 64}],
    ids=["source", "no source", "id", "content"],
)
def test_an_event_id_changes_with_source_id_and_content(change: Mapping[str, Any]) -> None:
    assert event_id(replace(ARTICLE, **change), EventType.TALKS) != event_id(ARTICLE, EventType.TALKS)


def test_an_event_id_changes_with_the_type() -> None:
    assert len({event_id(ARTICLE, event_type) for event_type in EventType}) == len(EventType)


def test_an_event_id_does_not_run_its_inputs_together() -> None:
    one, other = replace(ARTICLE, source="a", id="bc"), replace(ARTICLE, source="ab", id="c")
    assert event_id(one, EventType.TALKS) != event_id(other, EventType.TALKS)


def test_an_event_id_does_not_change_with_what_is_not_content() -> None:
    same = replace(ARTICLE, url=None, language="en", published_at=NOON)
    assert event_id(same, EventType.TALKS) == event_id(ARTICLE, EventType.TALKS)


def test_a_corrected_article_gives_a_new_event_id_and_a_reflowed_one_does_not() -> None:
    def id_of(text: str) -> str:
        article = decode_article(json.dumps({"id": "a-1", "text": text}).encode())
        return event_id(article, EventType.TALKS)

    assert id_of("Talks in Lomé.") == id_of("Talks in\nLomé. ")
    assert id_of("Talks in Lomé.") != id_of("Talks in Accra.")


def test_the_headers_of_an_event_are_cloudevents_in_binary_mode(keen: Classifier) -> None:
    raw = (EXAMPLES / "article" / "good" / "talks-every-field.json").read_bytes()
    event = events_of(record(raw), keen, Reading(event_source="/tocsin/lake"))[0]
    assert event.headers == (
        ("ce_specversion", b"1.0"),
        ("ce_id", independent_id(decode_article(raw), "talks").encode()),
        ("ce_source", b"/tocsin/lake"),
        ("ce_type", b"tocsin.talks.v1"),
        ("ce_subject", b"lake-post-2026-03-02-0417"),
        ("ce_time", b"2026-03-02T12:00:00.123Z"),
        ("ce_dataschema", b"urn:tocsin:event:v1"),
        ("content-type", b"application/json"),
    )


def test_trace_context_and_replay_run_go_over_to_the_event_and_other_headers_do_not(keen: Classifier) -> None:
    headers: Headers = (
        ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("feed", b"evening"),
        ("tocsin_replay", b"drill-1"),
        ("tracestate", b"a=1"),
        ("tracestate", b"b=\xff"),
    )
    carried = events_of(record(b'{"text": "x"}', headers=headers), keen)[0].headers[8:]
    assert carried == (
        ("ce_replay", b"drill-1"),
        ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("tracestate", b"a=1"),
        ("tracestate", b"b=\xff"),
    )


@pytest.mark.parametrize(
    ("key", "expected"),
    [(b"\xff\x00", b"\xff\x00"), (b"", b""), (None, "é-1".encode())],
    ids=["bytes", "empty", "none"],
)
def test_the_key_of_an_event_is_its_articles_key_else_its_articles_id(
    key: bytes | None, expected: bytes, keen: Classifier
) -> None:
    raw = json.dumps({"id": "é-1", "text": "x"}).encode()
    assert {event.key for event in events_of(record(raw, key), keen)} == {expected}


def test_the_same_article_gives_the_same_bytes_whenever_it_comes(keen: Classifier) -> None:
    raw = (EXAMPLES / "article" / "good" / "talks-every-field.json").read_bytes()
    late = replace(record(raw), timestamp=datetime(2027, 1, 1, tzinfo=UTC), offset=99)
    first, second = events_of(record(raw), keen), events_of(late, keen)
    assert [event.value for event in first] == [event.value for event in second]
    assert [dict(event.headers)["ce_id"] for event in first] == [dict(event.headers)["ce_id"] for event in second]


TEXTS = st.text(min_size=1, max_size=40).filter(str.strip)
SHARES = st.floats(0, 1)
LANGUAGES = st.from_regex(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}", fullmatch=True)
MILLISECONDS = st.datetimes(timezones=st.just(UTC)).map(
    lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000)
)


@st.composite
def pieces_of_evidence(draw: st.DrawFn) -> Evidence:
    quote, start = draw(TEXTS), draw(st.integers(0, MAX_TEXT_CHARACTERS))
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
        language=st.none() | LANGUAGES,
        published_at=st.none() | MILLISECONDS,
    ),
    model=st.builds(ModelRef, name=TEXTS, version=TEXTS, sha256=st.text("0123456789abcdef", min_size=64, max_size=64)),
)


@PROPERTY
@given(EVENTS)
def test_an_event_comes_back_from_its_bytes_as_it_was(event: Event) -> None:
    assert decode_event(encode_event(event)) == event


def outcome_of(value: bytes) -> Event | ContractError:
    try:
        return decode_event(value)
    except ContractError as error:
        return error


def keeps_the_promise(outcome: Event | ContractError) -> bool:
    """What holds of every event and of every refusal, whatever the bytes were."""
    if isinstance(outcome, ContractError):
        return outcome.reason in {Reason.NOT_UTF8, Reason.NOT_JSON, Reason.CONTRACT} and len(outcome.problems) > 0
    return (
        0 <= outcome.confidence <= 1
        and len(outcome.evidence) > 0
        and all(e.end - e.start == len(e.quote) and 0 <= e.score <= 1 for e in outcome.evidence)
        and json.loads(encode_event(outcome))["type"] == outcome.type
    )


@st.composite
def damaged_bytes(draw: st.DrawFn) -> bytes:
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


@st.composite
def damaged_documents(draw: st.DrawFn) -> bytes:
    """A good example with one value, at any depth, exchanged for any other JSON."""
    document = json.loads(draw(st.sampled_from(GOOD)).read_bytes())
    parent, step = document, draw(st.sampled_from(sorted(document)))
    while draw(st.booleans()) and isinstance(parent[step], dict | list) and parent[step]:
        parent = parent[step]
        step = draw(st.sampled_from(sorted(parent) if isinstance(parent, dict) else range(len(parent))))
    parent[step] = draw(JSON)
    return json.dumps(document).encode()


@PROPERTY
@given(st.binary())
def test_arbitrary_bytes_are_read_or_refused_and_nothing_else(value: bytes) -> None:
    assert keeps_the_promise(outcome_of(value))


@PROPERTY
@given(damaged_bytes())
def test_an_example_with_damaged_bytes_is_read_or_refused_and_nothing_else(value: bytes) -> None:
    assert keeps_the_promise(outcome_of(value))


@PROPERTY
@given(damaged_documents())
def test_an_example_with_another_value_in_it_is_read_or_refused_and_nothing_else(value: bytes) -> None:
    assert keeps_the_promise(outcome_of(value))
