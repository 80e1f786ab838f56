"""AsyncAPI says what the code does: topics, messages, codes and defaults, and it leads to the published schemas."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

import schemas
from consumers.detect import detect_batch
from consumers.outcome import Published
from consumers.settings import Settings
from models.tags import Classifier
from schemas.codec import PLAIN_TEXT
from schemas.event import CONTRACT_VERSION
from schemas.event_type import CODES, EventType
from schemas.message import Record

V1 = Path(schemas.__file__).parent / "v1"
ARTICLES = sorted((V1 / "examples" / "article" / "good").rglob("*.json"))
ASYNCAPI = yaml.safe_load((V1 / "asyncapi.yaml").read_bytes())
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


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
    assert {f"./{path.name}" for path in V1.glob("*.schema.json")} <= set(REFERENCES)


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
    source = resolved("./event_headers.schema.json#/properties/ce_source")
    assert f"by default {defaults.event_source}." in source["description"]


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
    message: dict[str, Any] = {}
    for part in (*inlined(MESSAGES[name].get("traits", [])), inlined(MESSAGES[name])):
        message |= part
    assert message["headers"]
    assert message["payload"]
    assert message["contentType"]
    assert message["bindings"]["kafka"]["key"]["description"]


@pytest.mark.parametrize("path", ARTICLES, ids=lambda path: path.stem)
def test_an_event_is_one_of_the_described_messages_and_only_one(path: Path, keen: Classifier) -> None:
    record = Record(value=path.read_bytes(), topic="articles", partition=0, offset=7, timestamp=NOON)
    (outcome,) = detect_batch([record], keen)
    assert isinstance(outcome, Published)
    for event in outcome.events:
        value = json.loads(event.value or b"")
        headers = {name: (text or b"").decode() for name, text in event.headers}
        assert matching("payload", value) == matching("headers", headers) == [value["type"]]


def matching(part: str, document: object) -> list[str]:
    """The event messages that describe this payload, or these headers."""
    return [name for name in EventType if Draft202012Validator(inlined(MESSAGES[name][part])).is_valid(document)]


def test_a_plain_article_is_described_as_text_within_the_limits_of_an_article() -> None:
    payload = inlined(MESSAGES["plainArticle"]["payload"])
    assert MESSAGES["plainArticle"]["contentType"] == PLAIN_TEXT
    assert payload == resolved("./article.schema.json#/properties/text")
    assert Draft202012Validator(payload).is_valid(
        (V1 / "examples" / "article" / "plain" / "good.txt").read_bytes().decode()
    )
