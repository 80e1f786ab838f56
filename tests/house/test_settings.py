"""Settings come from `TOCSIN_*` variables: every field, every refusal, all problems at once."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from consumers.security import SaslMechanism, Secret, SecurityProtocol
from consumers.settings import Delivery, LogLevel, Settings, environment, setting_rows, variable
from schemas.errors import StartupError
from schemas.mapping import FieldMap

NAMES = [field.name for field in fields(Settings)]

GOOD: dict[str, tuple[str, object]] = {
    "brokers": ("kafka-1:9092, kafka-2:9093", ("kafka-1:9092", "kafka-2:9093")),
    "security_protocol": ("ssl", SecurityProtocol.SSL),
    "sasl_mechanism": ("SCRAM-SHA-256", SaslMechanism.SCRAM_SHA_256),
    "sasl_username": ("desk", "desk"),
    "sasl_password": ("hush, one", Secret("hush, one")),
    "sasl_password_file": ("/run/secrets/desk", Path("/run/secrets/desk")),
    "ssl_ca_file": ("ca.pem", Path("ca.pem")),
    "ssl_cert_file": ("desk.pem", Path("desk.pem")),
    "ssl_key_file": ("desk.key", Path("desk.key")),
    "ssl_key_password": ("hush, two", Secret("hush, two")),
    "ssl_key_password_file": ("/run/secrets/key", Path("/run/secrets/key")),
    "group": ("desk-7", "desk-7"),
    "articles_topic": ("news.articles", "news.articles"),
    "events_topic": ("news.events", "news.events"),
    "dead_topic": ("news.dead", "news.dead"),
    "delivery": ("at_least_once", Delivery.AT_LEAST_ONCE),
    "group_instance": ("desk-7.1", "desk-7.1"),
    "model": ("build/artefact", Path("build/artefact")),
    "article_fields": ("text=/body,id=/meta/a~1b", FieldMap((("text", ("body",)), ("id", ("meta", "a/b"))))),
    "event_source": ("/desk/7", "/desk/7"),
    "max_article_bytes": ("2048", 2_048),
    "buffer_bytes": ("65536", 65_536),
    "batch_articles": ("1", 1),
    "session_timeout_s": ("2.5", 2.5),
    "delivery_timeout_s": ("5", 5.0),
    "stall_timeout_s": ("30", 30.0),
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
    "security_protocol": ("tls", "SSL", "sasl"),
    "sasl_mechanism": ("plain", "SCRAM", "GSSAPI"),
    "sasl_username": (" ",),
    "sasl_password": (" ",),
    "ssl_key_password": (" ",),
    "group": ("two words", "ü", "a/b", "x" * 250, ".."),
    "articles_topic": ("two words", "."),
    "events_topic": ("events!", "x" * 250),
    "dead_topic": ("articles,dead", " "),
    "delivery": ("at_most_once", "AT_LEAST_ONCE"),
    "article_fields": ("body", "text=body", "headline=/title", "text=/a,text=/b"),
    "event_source": (" ",),
    "max_article_bytes": ("1023", "67108865", "1 MiB", "1e6", "-1"),
    "buffer_bytes": ("65535", "1073741825", "32 MiB"),
    "batch_articles": ("0", "4097", "many", "1.5"),
    "group_instance": ("two words", "a/b", "x" * 250),
    "stall_timeout_s": ("0.5", "never"),
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

FILES = {"sasl_password_file", "ssl_ca_file", "ssl_cert_file", "ssl_key_file", "ssl_key_password_file"}

ANYTHING_GOES = {"model"} | FILES
"""Fields that take every text: whether an artefact or a file is there is seen when it is read."""

SOUNDS_SECRET = re.compile(r"password|passphrase|secret|token|credential|(^|_)key($|_)")

_SSL = {"TOCSIN_SECURITY_PROTOCOL": "ssl"}
_PAIR = _SSL | {"TOCSIN_SSL_CERT_FILE": "desk.pem", "TOCSIN_SSL_KEY_FILE": "desk.key"}
_SASL = {"TOCSIN_SECURITY_PROTOCOL": "sasl_plaintext", "TOCSIN_SASL_USERNAME": "desk"}
_LOGIN = _SASL | {"TOCSIN_SASL_PASSWORD": "hush"}

BESIDE: dict[str, dict[str, str]] = {
    "sasl_username": _LOGIN,
    "sasl_password": _SASL,
    "sasl_password_file": _SASL,
    "ssl_ca_file": _SSL,
    "ssl_cert_file": _PAIR,
    "ssl_key_file": _PAIR,
    "ssl_key_password": _PAIR,
    "ssl_key_password_file": _PAIR,
}
"""The other variables without which a field makes no sense."""

MISFITS = [
    ({"TOCSIN_SASL_USERNAME": "desk"}, "TOCSIN_SASL_USERNAME: is of no use with protocol plaintext"),
    ({"TOCSIN_SASL_PASSWORD": "hush"}, "TOCSIN_SASL_PASSWORD: is of no use with protocol plaintext"),
    (_SSL | {"TOCSIN_SASL_PASSWORD_FILE": "f"}, "TOCSIN_SASL_PASSWORD_FILE: is of no use with protocol ssl"),
    ({"TOCSIN_SSL_CA_FILE": "ca.pem"}, "TOCSIN_SSL_CA_FILE: is of no use with protocol plaintext"),
    (_LOGIN | {"TOCSIN_SSL_CA_FILE": "ca.pem"}, "TOCSIN_SSL_CA_FILE: is of no use with protocol sasl_plaintext"),
    ({"TOCSIN_SECURITY_PROTOCOL": "sasl_ssl"}, "TOCSIN_SASL_USERNAME: expected a user name"),
    (_SASL, "TOCSIN_SASL_PASSWORD: expected a password, or a file with it"),
    (_LOGIN | {"TOCSIN_SASL_PASSWORD_FILE": "f"}, "TOCSIN_SASL_PASSWORD: expected the secret or a file with it; both"),
    (_SSL | {"TOCSIN_SSL_CERT_FILE": "c"}, "TOCSIN_SSL_KEY_FILE: expected the key that goes with the certificate"),
    (_SSL | {"TOCSIN_SSL_KEY_FILE": "k"}, "TOCSIN_SSL_CERT_FILE: expected the certificate that goes with the key"),
    (_SSL | {"TOCSIN_SSL_KEY_PASSWORD": "hush"}, "TOCSIN_SSL_KEY_FILE: expected the key that the key's password opens"),
    (
        _PAIR | {"TOCSIN_SSL_KEY_PASSWORD": "hush", "TOCSIN_SSL_KEY_PASSWORD_FILE": "f"},
        "TOCSIN_SSL_KEY_PASSWORD: expected the secret or a file with it; both",
    ),
]


def test_an_empty_environment_gives_every_default() -> None:
    assert Settings.from_env({}) == Settings()


def test_every_default_may_be_written_out_as_its_variable() -> None:
    assert Settings.from_env({row.variable: row.default for row in setting_rows(Settings())}) == Settings()


def test_the_effective_value_is_shown_so_that_it_can_be_set_again() -> None:
    settings = Settings.from_env({variable(name): text for name, (text, _) in GOOD.items() if name not in BESIDE})

    assert Settings.from_env({row.variable: row.value for row in setting_rows(settings)}) == settings


@pytest.mark.parametrize("name", NAMES)
def test_a_child_process_gets_every_setting_secrets_included(name: str) -> None:
    settings = Settings.from_env(BESIDE.get(name, {}) | {variable(name): GOOD[name][0]})

    assert Settings.from_env(environment(settings)) == settings


@pytest.mark.parametrize("name", NAMES)
def test_a_field_is_read_from_its_variable(name: str) -> None:
    text, value = GOOD[name]
    beside = BESIDE.get(name, {})

    settings = Settings.from_env(beside | {f"TOCSIN_{name.upper()}": text})

    assert getattr(settings, name) == value
    changed = {variable(other) for other in NAMES if getattr(settings, other) != getattr(Settings(), other)}
    assert changed <= {variable(name), *beside}


def test_the_good_values_differ_from_the_defaults() -> None:
    same = {name for name, (_, value) in GOOD.items() if value == getattr(Settings(), name)}

    assert same == set(), "a value that is the default proves nothing"


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


@pytest.mark.parametrize(("variables", "told"), MISFITS, ids=[told.partition(" with")[0] for _, told in MISFITS])
def test_settings_of_security_that_do_not_go_together_are_refused(variables: dict[str, str], told: str) -> None:
    with pytest.raises(StartupError) as refusal:
        Settings.from_env(variables)

    assert f"\n  {told}" in str(refusal.value)
    assert "hush" not in str(refusal.value)


@pytest.mark.parametrize("name", [name for name in NAMES if SOUNDS_SECRET.search(name)])
def test_a_setting_that_sounds_secret_is_one_or_names_a_file(name: str) -> None:
    assert name in FILES or isinstance(GOOD[name][1], Secret), "`tocsin config` would show it"


def test_a_secret_is_shown_as_stars_wherever_it_is_shown() -> None:
    settings = Settings.from_env(_LOGIN)
    (row,) = [row for row in setting_rows(settings) if row.variable == "TOCSIN_SASL_PASSWORD"]

    shown = [repr(settings), str(settings), f"{settings.sasl_password}", f"{settings.sasl_password!r}", row.value]

    assert [text for text in shown if "hush" in text] == []
    assert row.value == "****"


def test_a_secret_that_is_refused_is_not_quoted() -> None:
    with pytest.raises(StartupError, match=r"TOCSIN_SASL_PASSWORD: expected a text that is not empty, got \*\*\*\*"):
        Settings.from_env({"TOCSIN_SASL_PASSWORD": "\t"})


def test_every_setting_has_a_meaning_that_fits_one_cell_of_a_table() -> None:
    unfit = [row.variable for row in setting_rows(Settings()) if not row.meaning.strip() or set("|\n") & {*row.meaning}]

    assert unfit == []


def test_two_topics_of_one_name_are_refused() -> None:
    with pytest.raises(StartupError, match="three different topics"):
        Settings.from_env({"TOCSIN_ARTICLES_TOPIC": "events"})
