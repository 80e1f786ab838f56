"""Secrets and certificates come from files: what is wrong with one is told by its variable, and never shows it."""

import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kafka.errors import KafkaConnectionError, SaslAuthenticationFailedError

from consumers.kafka.connection import connection
from consumers.kafka.refusals import lacking, refusal
from consumers.kafka.security import principal, sasl_password, ssl_context
from consumers.security import Secret, SecurityProtocol
from consumers.settings import Settings
from schemas.errors import AccessError

SASL = {"security_protocol": SecurityProtocol.SASL_PLAINTEXT, "sasl_username": "desk"}
SSL = {"security_protocol": SecurityProtocol.SSL}


@pytest.mark.parametrize("end", ["", "\n", "\r\n"], ids=["bare", "newline", "windows"])
def test_a_password_is_read_from_its_file_without_the_end_of_its_line(tmp_path: Path, end: str) -> None:
    (tmp_path / "password").write_bytes(b" hu sh \xc3\xbc" + end.encode())

    assert sasl_password(Settings(**SASL, sasl_password_file=tmp_path / "password")) == " hu sh ü"


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "cannot be read"), (b"", "which is empty"), (b"\n", "which is empty"), (b"hush\xff", "expected UTF-8")],
    ids=["missing", "empty", "a newline", "not UTF-8"],
)
def test_a_password_file_that_holds_none_is_named(tmp_path: Path, content: bytes | None, told: str) -> None:
    if content is not None:
        (tmp_path / "password").write_bytes(content)

    with pytest.raises(AccessError) as refused:
        sasl_password(Settings(**SASL, sasl_password_file=tmp_path / "password"))

    assert str(refused.value).startswith("TOCSIN_SASL_PASSWORD_FILE: ")
    assert told in str(refused.value)
    assert "hush" not in str(refused.value)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"ssl_ca_file": None}, "TOCSIN_SSL_CA_FILE: {} cannot be read: No such file"),
        ({"ssl_ca_file": "hush"}, "TOCSIN_SSL_CA_FILE: expected certificates in PEM, in {}"),
        ({"ssl_cert_file": None, "ssl_key_file": "hush"}, "TOCSIN_SSL_CERT_FILE: {} cannot be read"),
        ({"ssl_key_file": None, "ssl_cert_file": "hush"}, "TOCSIN_SSL_KEY_FILE: {} cannot be read"),
        (
            {"ssl_cert_file": "hush", "ssl_key_file": "hush"},
            "TOCSIN_SSL_CERT_FILE, TOCSIN_SSL_KEY_FILE: expected a certificate and its own key in PEM",
        ),
    ],
    ids=["no CA", "CA that is none", "no certificate", "no key", "pair that is none"],
)
def test_a_file_of_tls_that_cannot_be_used_is_named(tmp_path: Path, files: dict[str, str | None], told: str) -> None:
    paths = {name: tmp_path / name for name in files}
    for name, content in files.items():
        if content is not None:
            paths[name].write_text(content)

    with pytest.raises(AccessError) as refused:
        ssl_context(Settings(**SSL, **paths))  # type: ignore[arg-type]

    assert str(refused.value).startswith(told.format(next(iter(paths.values()))))
    assert "hush" not in str(refused.value)


def test_certificates_and_host_names_are_always_verified() -> None:
    context = ssl_context(Settings(**SSL))

    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_plaintext_needs_no_context_and_no_login() -> None:
    arguments = connection(Settings())

    assert arguments["security_protocol"] == "PLAINTEXT"
    assert arguments["ssl_context"] is None
    assert [name for name in arguments if "sasl" in name] == []


@pytest.mark.parametrize(
    ("settings", "who"),
    [
        (Settings(), "User:ANONYMOUS"),
        (Settings(**SASL), "User:desk"),
        (Settings(**SSL, ssl_cert_file=Path("d.pem"), ssl_key_file=Path("d.key")), "TOCSIN_SSL_CERT_FILE (d.pem)"),
    ],
    ids=["plaintext", "sasl", "mutual TLS"],
)
def test_missing_acls_are_told_by_who_lacks_them(settings: Settings, who: str) -> None:
    assert who in principal(settings)
    assert f"{principal(settings)}: Read on topic 'a'; Read on group 'g'" in str(
        lacking(settings, ["Read on topic 'a'", "Read on group 'g'"])
    )


def failed_handshake(error: OSError) -> Callable[[], BaseException]:
    def build() -> BaseException:
        try:
            try:
                raise error
            except OSError as beneath:
                raise KafkaConnectionError(f"Handshake failed: {beneath}")  # noqa: B904 - as kafka-python does
        except KafkaConnectionError as found:
            return found

    return build


@pytest.mark.parametrize(
    ("causes", "told"),
    [
        ([], None),
        ([KafkaConnectionError("111 ECONNREFUSED")], None),
        (
            [KafkaConnectionError("socket disconnected"), SaslAuthenticationFailedError("no")],
            "refuses TOCSIN_SASL_USERNAME 'desk' with its password and TOCSIN_SASL_MECHANISM SCRAM-SHA-512 (",
        ),
        ([ValueError("Server sent wrong signature!")], "cannot prove by TOCSIN_SASL_MECHANISM SCRAM-SHA-512"),
        ([failed_handshake(ConnectionResetError("reset"))()], "does not answer in TLS"),
        ([failed_handshake(ssl.SSLEOFError(8, "EOF"))()], "does not answer in TLS"),
    ],
    ids=["nothing", "nobody there", "the clearest cause counts", "an impostor", "reset", "end"],
)
def test_the_errors_of_a_bootstrap_are_told_as_what_is_wrong(causes: list[Any], told: str | None) -> None:
    settings = Settings(
        security_protocol=SecurityProtocol.SASL_SSL,
        sasl_username="desk",
        sasl_password=Secret("hush"),
        brokers=("kafka-1.example:9093",),
    )

    found = refusal(causes, settings)

    assert (found is None) == (told is None)
    assert told is None or (told in str(found) and "(broker kafka-1.example:9093)" in str(found))


def test_what_kafka_python_is_given_hides_the_password_from_its_own_log(caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(**SASL, sasl_password=Secret("hush"))

    with caplog.at_level(logging.DEBUG):
        logging.getLogger("kafka").debug("Starting with configuration: %s", connection(settings))

    assert "hush" not in caplog.text
