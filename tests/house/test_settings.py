"""Settings come from `TOCSIN_*` variables: every field, every refusal, all problems at once."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from consumers.settings import Delivery, LogLevel, Settings, setting_rows, variable
from schemas.errors import StartupError
from schemas.mapping import FieldMap

NAMES = [field.name for field in fields(Settings)]

GOOD: dict[str, tuple[str, object]] = {
    "brokers": ("kafka-1:9092, kafka-2:9093", ("kafka-1:9092", "kafka-2:9093")),
    "group": ("desk-7", "desk-7"),
    "articles_topic": ("news.articles", "news.articles"),
    "events_topic": ("news.events", "news.events"),
    "dead_topic": ("news.dead", "news.dead"),
    "delivery": ("at_least_once", Delivery.AT_LEAST_ONCE),
    "model": ("build/artefact", Path("build/artefact")),
    "article_fields": ("text=/body,id=/meta/a~1b", FieldMap((("text", ("body",)), ("id", ("meta", "a/b"))))),
    "event_source": ("/desk/7", "/desk/7"),
    "max_article_bytes": ("2048", 2_048),
    "batch_articles": ("1", 1),
    "batch_wait_ms": ("250", 250),
    "session_timeout_s": ("2.5", 2.5),
    "delivery_timeout_s": ("5", 5.0),
    "breaker_window": ("7", 7),
    "breaker_share": ("0.25", 0.25),
    "partitions": ("12", 12),
    "replication": ("3", 3),
    "topic_max_bytes": ("65536", 65_536),
    "http_host": ("0.0.0.0", "0.0.0.0"),  # noqa: S104 - a value, nothing listens
    "http_port": ("9464", 9_464),
    "log_level": ("debug", LogLevel.DEBUG),
}

BAD: dict[str, tuple[str, ...]] = {
    "brokers": (
        "a:1 b:1",
        "PLAINTEXT://kafka:9092",
        "http://x:1",
        "kafka",
        "kafka:",
        ":9092",
        "kafka:0",
        "kafka:65536",
        "kafka:http",
        "kafka:9092,kafka",
        ",",
        " ",
    ),
    "group": ("two words", "ü", "a/b", "x" * 250, ".."),
    "articles_topic": ("two words", "."),
    "events_topic": ("events!", "x" * 250),
    "dead_topic": ("articles,dead", " "),
    "delivery": ("at_most_once", "AT_LEAST_ONCE"),
    "article_fields": ("body", "text=body", "headline=/title", "text=/a,text=/b"),
    "event_source": (" ",),
    "max_article_bytes": ("1023", "67108865", "1 MiB", "1e6", "-1"),
    "batch_articles": ("0", "4097", "many", "1.5"),
    "batch_wait_ms": ("0", "10001", "10ms"),
    "session_timeout_s": ("0.5", "301", "10s", "nan", "inf"),
    "delivery_timeout_s": ("0", "3601", "nan", "-inf"),
    "breaker_window": ("0", "100001", "x"),
    "breaker_share": ("0", "1.01", "50%", "nan"),
    "partitions": ("0", "10001", "four"),
    "replication": ("0", "11", "x"),
    "topic_max_bytes": ("65535", "1073741825", "2MiB"),
    "http_host": (" ",),
    "http_port": ("-1", "65536", "http"),
    "log_level": ("warn", "INFO", "loud"),
}

ANYTHING_GOES = {"model"}
"""Fields that take every text: whether an artefact is there is seen when it is loaded."""

SOUNDS_SECRET = re.compile(r"password|passphrase|secret|token|credential|(^|_)key($|_)")


def test_an_empty_environment_gives_every_default() -> None:
    assert Settings.from_env({}) == Settings()


def test_every_default_may_be_written_out_as_its_variable() -> None:
    assert Settings.from_env({row.variable: row.default for row in setting_rows(Settings())}) == Settings()


def test_the_effective_value_is_shown_so_that_it_can_be_set_again() -> None:
    settings = Settings.from_env({variable(name): text for name, (text, _) in GOOD.items()})

    assert Settings.from_env({row.variable: row.value for row in setting_rows(settings)}) == settings


@pytest.mark.parametrize("name", NAMES)
def test_a_field_is_read_from_its_variable(name: str) -> None:
    text, value = GOOD[name]

    settings = Settings.from_env({f"TOCSIN_{name.upper()}": text})

    assert getattr(settings, name) == value
    assert {other for other in NAMES if getattr(settings, other) != getattr(Settings(), other)} <= {name}


def test_the_good_values_differ_from_the_defaults() -> None:
    same = {name for name, (_, value) in GOOD.items() if value == getattr(Settings(), name)}

    assert same == {"delivery"}, "a value that is the default proves nothing; `delivery` has only one so far"


@pytest.mark.parametrize(
    ("name", "text"), [pytest.param(name, text, id=f"{name}={text[:20]}") for name in BAD for text in BAD[name]]
)
def test_a_bad_value_is_refused_by_the_name_of_its_variable(name: str, text: str) -> None:
    with pytest.raises(StartupError) as refusal:
        Settings.from_env({variable(name): text})

    assert re.search(rf"\n  {variable(name)}: .*(expected|starts with)", str(refusal.value))


def test_every_field_has_bad_values_that_are_tried() -> None:
    assert set(BAD) | ANYTHING_GOES == set(NAMES)
    assert not set(BAD) & ANYTHING_GOES


def test_a_refused_value_is_quoted() -> None:
    with pytest.raises(StartupError, match=r"TOCSIN_PARTITIONS: expected a whole number from 1 to 10,000, got 'four'"):
        Settings.from_env({"TOCSIN_PARTITIONS": "four"})


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("TOCSIN_BROKER", "TOCSIN_BROKERS"),
        ("TOCSIN_ARTICLE_TOPIC", "TOCSIN_ARTICLES_TOPIC"),
        ("TOCSIN_LOGLEVEL", "TOCSIN_LOG_LEVEL"),
    ],
)
def test_an_unknown_variable_is_named_with_the_one_that_was_meant(wrong: str, right: str) -> None:
    with pytest.raises(StartupError, match=rf"{wrong}: no such setting; did you mean {right}\?"):
        Settings.from_env({wrong: "x"})


def test_an_unknown_variable_unlike_any_other_points_to_the_list() -> None:
    with pytest.raises(StartupError, match=r"TOCSIN_SOMETHING_QUITE_DIFFERENT: no such setting; `tocsin config`"):
        Settings.from_env({"TOCSIN_SOMETHING_QUITE_DIFFERENT": "1"})


def test_an_unknown_variable_is_refused_even_when_it_is_empty() -> None:
    with pytest.raises(StartupError, match="TOCSIN_BROKER: no such setting"):
        Settings.from_env({"TOCSIN_BROKER": ""})


def test_all_problems_are_reported_at_once() -> None:
    wrong = {
        "TOCSIN_BROKER": "kafka:9092",
        "TOCSIN_HTTP_PORT": "http",
        "TOCSIN_LOG_LEVEL": "loud",
        "TOCSIN_ARTICLE_FIELDS": "body",
    }

    with pytest.raises(StartupError) as refusal:
        Settings.from_env(wrong | {"TOCSIN_GROUP": "fine"})

    lines = str(refusal.value).splitlines()
    assert [line.split(":")[0].strip() for line in lines] == ["settings", *sorted(wrong)]


def test_a_refusal_to_start_exits_with_2() -> None:
    with pytest.raises(StartupError) as refusal:
        Settings.from_env({"TOCSIN_HTTP_PORT": "http"})

    assert refusal.value.exit_code == 2


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_variable_counts_as_unset(name: str) -> None:
    assert Settings.from_env({variable(name): ""}) == Settings()


def test_variables_of_others_are_passed_over() -> None:
    others = {"PATH": "/bin", "KAFKA_BROKERS": "kafka:9092", "MY_TOCSIN_GROUP": "x", "tocsin_group": "x"}

    assert Settings.from_env(others) == Settings()


@pytest.mark.parametrize("name", NAMES)
def test_no_setting_is_a_secret_yet(name: str) -> None:
    assert not SOUNDS_SECRET.search(name), "a secret has a type whose repr is ***, so that `tocsin config` hides it"


def test_every_setting_has_a_meaning_that_fits_one_cell_of_a_table() -> None:
    unfit = [row.variable for row in setting_rows(Settings()) if not row.meaning.strip() or set("|\n") & {*row.meaning}]

    assert unfit == []


def test_two_topics_of_one_name_are_refused() -> None:
    with pytest.raises(StartupError, match="three different topics"):
        Settings.from_env({"TOCSIN_ARTICLES_TOPIC": "events"})
