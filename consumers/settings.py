"""Every setting of Tocsin, declared once: name, type, default, meaning. Read from `TOCSIN_*` variables.

No other module reads these variables. The README's table, the Dockerfile and the compose file are held against this
class by tests.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from consumers.security import HIDDEN, SaslMechanism, Secret, SecurityProtocol, misfits
from schemas.errors import StartupError
from schemas.mapping import FieldMap, parse_field_map

PREFIX = "TOCSIN_"


class Delivery(StrEnum):
    """What a worker promises of every event; see DECISIONS.md."""

    EXACTLY_ONCE = "exactly_once"
    AT_LEAST_ONCE = "at_least_once"


class LogLevel(StrEnum):
    """How much the worker says on stderr."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class _Rule:
    """How a variable's text becomes a value; `parse` raises ValueError, `expected` says what it wants."""

    parse: Callable[[str], object]
    expected: str


def _brokers(text: str) -> tuple[str, ...]:
    hosts = tuple(part.strip() for part in text.split(",") if part.strip())
    if not hosts or not all(_is_address(host) for host in hosts):
        raise ValueError
    return hosts


def _is_address(text: str) -> bool:
    host, colon, port = text.rpartition(":")
    if not (colon and re.fullmatch(r"[^\s/@]+", host) and "://" not in text):
        return False
    return port.isascii() and port.isdigit() and 0 < int(port) < 65_536


def _topic(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", text) or text in {".", ".."}:
        raise ValueError
    return text


def _whole(low: int, high: int) -> _Rule:
    def parse(text: str) -> int:
        value = int(text) if text.isascii() and text.isdigit() else -1
        if not low <= value <= high:
            raise ValueError
        return value

    return _Rule(parse, f"a whole number from {low:,} to {high:,}")


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise ValueError
    return value


def _seconds(low: float, high: float) -> _Rule:
    def parse(text: str) -> float:
        value = float(text)
        if not low <= value <= high:
            raise ValueError
        return value

    return _Rule(parse, f"seconds, from {low:g} to {high:g}")


def _chosen(kind: type[StrEnum]) -> _Rule:
    return _Rule(kind, "one of " + ", ".join(kind))


def _not_empty(text: str) -> str:
    if not text.strip():
        raise ValueError
    return text


def _secret(text: str) -> Secret:
    return Secret(_not_empty(text))


_TOPIC = _Rule(_topic, "a Kafka topic name (letters, digits, '.', '_' and '-', at most 249)")
_INSTANCE = _Rule(_topic, "a name of letters, digits, '.', '_' and '-', at most 249")
_TEXT = _Rule(_not_empty, "a text that is not empty")
_SECRET = _Rule(_secret, "a text that is not empty")
_FILE = _Rule(Path, "a file")


def _setting(default: object, rule: _Rule, meaning: str) -> Any:
    return field(default=default, metadata={"rule": rule, "meaning": meaning})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The effective settings of one command, the same for every verb."""

    brokers: tuple[str, ...] = _setting(
        ("127.0.0.1:9092",), _Rule(_brokers, "host:port, comma separated"), "Kafka brokers, host:port, comma separated"
    )
    security_protocol: SecurityProtocol = _setting(
        SecurityProtocol.PLAINTEXT,
        _chosen(SecurityProtocol),
        "how the brokers are spoken to: plaintext, ssl, sasl_plaintext or sasl_ssl",
    )
    sasl_mechanism: SaslMechanism = _setting(
        SaslMechanism.SCRAM_SHA_512, _chosen(SaslMechanism), "how the password is proved: SCRAM-SHA-512, -256 or PLAIN"
    )
    sasl_username: str | None = _setting(None, _TEXT, "user that Kafka knows this Tocsin by")
    sasl_password: Secret | None = _setting(None, _SECRET, "that user's password; never shown")
    sasl_password_file: Path | None = _setting(None, _FILE, "file that holds the password, instead")
    ssl_ca_file: Path | None = _setting(
        None, _FILE, "PEM file of the authority that signed the brokers' certificates; empty for the system's own"
    )
    ssl_cert_file: Path | None = _setting(None, _FILE, "PEM file of the certificate that Tocsin shows (mutual TLS)")
    ssl_key_file: Path | None = _setting(None, _FILE, "PEM file of its private key")
    ssl_key_password: Secret | None = _setting(None, _SECRET, "password of that key; never shown")
    ssl_key_password_file: Path | None = _setting(None, _FILE, "file that holds the key's password, instead")
    group: str = _setting("tocsin", _TOPIC, "consumer group of the workers")
    articles_topic: str = _setting("articles", _TOPIC, "topic that articles arrive on")
    events_topic: str = _setting("events", _TOPIC, "topic that events go to")
    dead_topic: str = _setting("articles.dead", _TOPIC, "topic for what could not be read")
    delivery: Delivery = _setting(
        Delivery.EXACTLY_ONCE,
        _chosen(Delivery),
        "promise made for events: `exactly_once`, or `at_least_once` for brokers without transactions",
    )
    group_instance: str = _setting(
        "", _INSTANCE, "name of this worker's place in the group, for static membership; no two workers may share it"
    )
    model: Path | None = _setting(
        None, _Rule(Path, "a folder with an artefact"), "folder of the artefact; empty for the one that is shipped"
    )
    article_fields: FieldMap = _setting(
        FieldMap(),
        _Rule(parse_field_map, "FIELD=/json/pointer, comma separated"),
        "where articles of another form keep their fields, e.g. `text=/body,title=/headline`",
    )
    event_source: str = _setting("/tocsin", _TEXT, "`ce_source` of every event")
    max_article_bytes: int = _setting(
        1_048_576, _whole(1_024, 67_108_864), "bytes; a larger article goes to the dead letters"
    )
    buffer_bytes: int = _setting(
        33_554_432,
        _whole(65_536, 1_073_741_824),
        "bytes of articles that may wait in a worker, whatever the backlog; one fetch of as many may come on top",
    )
    batch_articles: int = _setting(256, _whole(1, 4_096), "most articles that are read in one batch")
    session_timeout_s: float = _setting(
        10.0, _seconds(1, 300), "seconds after which Kafka gives a silent worker's partitions to others"
    )
    delivery_timeout_s: float = _setting(
        120.0, _seconds(1, 3_600), "seconds that a batch may wait for the broker before the worker stops with exit 1"
    )
    stall_timeout_s: float = _setting(
        300.0,
        _seconds(1, 86_400),
        "seconds without progress, while articles wait, after which the worker stops with exit 1",
    )
    breaker_window: int = _setting(100, _whole(1, 100_000), "articles over which the breaker counts its own failures")
    breaker_share: float = _setting(
        0.5, _Rule(_share, "a number above 0, at most 1"), "share of them above which the worker stops with exit 1"
    )
    partitions: int = _setting(4, _whole(1, 10_000), "partitions of a topic that `topics create` makes")
    replication: int = _setting(1, _whole(1, 10), "replicas of each partition that `topics create` makes")
    topic_max_bytes: int = _setting(
        2_097_152, _whole(65_536, 1_073_741_824), "bytes; largest message on a topic that `topics create` makes"
    )
    http_host: str = _setting("127.0.0.1", _TEXT, "address that health and metrics are served on")
    http_port: int = _setting(0, _whole(0, 65_535), "port of `/livez`, `/readyz` and `/metrics`; 0 for none")
    log_level: LogLevel = _setting(LogLevel.INFO, _chosen(LogLevel), "how much is logged")

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Settings:
        """The settings that the `TOCSIN_*` variables of a mapping give; an empty variable counts as unset.

        Raises StartupError that names every unknown variable and every bad value at once.
        """
        declared = {variable(name): rule for name, rule in _rules().items()}
        values: dict[str, Any] = {}
        problems: list[str] = []
        for name, text in sorted(environment.items()):
            if not name.startswith(PREFIX):
                continue
            if name not in declared:
                problems.append(f"{name}: no such setting; {_nearest(name, list(declared))}")
            elif text != "":
                try:
                    values[name.removeprefix(PREFIX).lower()] = declared[name].parse(text)
                except StartupError as error:
                    problems.append(f"{name}: {error}")
                except ValueError:
                    got = HIDDEN if declared[name] is _SECRET else repr(text)
                    problems.append(f"{name}: expected {declared[name].expected}, got {got}")
        if problems:
            raise StartupError("settings:\n  " + "\n  ".join(problems))
        settings = cls(**values)
        settings.refuse_loops()
        settings.refuse_misfits()
        return settings

    def refuse_loops(self) -> None:
        """Raises StartupError where two topics are the same: events would be read as articles for ever."""
        topics = [self.articles_topic, self.events_topic, self.dead_topic]
        if len(set(topics)) < len(topics):
            raise StartupError(
                f"settings:\n  {variable('articles_topic')}, {variable('events_topic')} and {variable('dead_topic')}: "
                f"expected three different topics, got {', '.join(topics)}"
            )

    def refuse_misfits(self) -> None:
        """Raises StartupError where settings of security do not go together; names them, never shows them."""
        problems = [f"{variable(name)}: {problem}" for name, problem in misfits(self)]
        if problems:
            raise StartupError("settings:\n  " + "\n  ".join(problems))


def load_settings() -> Settings:
    """The settings of this process's environment."""
    return Settings.from_env(os.environ)


def variable(name: str) -> str:
    """The variable that sets a field: `group` → `TOCSIN_GROUP`."""
    return PREFIX + name.upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingRow:
    """One line of the settings table: variable, default and effective value as text, meaning."""

    variable: str
    default: str
    value: str
    meaning: str


def setting_rows(settings: Settings) -> list[SettingRow]:
    """Every setting with its default, its value here and its meaning, in the order of declaration."""
    return [
        SettingRow(
            variable=variable(item.name),
            default="" if item.default is MISSING else _as_text(item.default),
            value=_as_text(getattr(settings, item.name)),
            meaning=item.metadata["meaning"],
        )
        for item in fields(Settings)
    ]


def environment(settings: Settings) -> dict[str, str]:
    """The variables that give these settings again, secrets included: for the environment of a child process only."""
    values = {variable(item.name): getattr(settings, item.name) for item in fields(Settings)}
    return {name: value.text if isinstance(value, Secret) else _as_text(value) for name, value in values.items()}


def _rules() -> dict[str, _Rule]:
    return {item.name: item.metadata["rule"] for item in fields(Settings)}


def _nearest(name: str, known: list[str]) -> str:
    bare = [variable.removeprefix(PREFIX) for variable in known]
    close = difflib.get_close_matches(name.removeprefix(PREFIX), bare, n=1)
    return f"did you mean {PREFIX}{close[0]}?" if close else "`tocsin config` lists them all"


def _as_text(value: object) -> str:
    match value:
        case None:
            return ""
        case tuple():
            return ",".join(map(str, value))
        case FieldMap():
            return ",".join(f"{name}={value.pointer(name)}" for name, _ in value.pointers)
        case float():
            return f"{value:g}"
        case _:
            return str(value)
