"""TLS, passwords, certificates and ACLs on a Kafka that asks for them: who is let in, who is not, and what is said."""

import json
import re
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consumers.embedded import free_port
from consumers.kafka.client import KafkaSender
from consumers.kafka.connection import BOOTSTRAP_TIMEOUT_S
from consumers.local_kafka import jars
from consumers.security import SaslMechanism, Secret, SecurityProtocol
from consumers.settings import Delivery, Settings
from consumers.testing import Stream
from consumers.worker_process import worker_process
from schemas.message import Message

pytestmark = pytest.mark.kafka

Tocsin = Callable[..., Any]
Acl = tuple[str, str, str]
"""Operation, kind of resource, name."""

README = (Path(__file__).resolve().parents[2] / "README.md").read_text("utf-8")
TALKS = "The foreign ministers of Ghana and Togo held talks in Accra on Monday."
LIMIT_S = 15.0
"""Seconds in which a refusal must be told, on a machine with nothing else to do."""

TABLE = re.compile(r"^\| (`tocsin [^|]*) \| ([^|]* on [^|]*) \|$", re.MULTILINE)
ACLS = re.compile(r"((?:[A-Z]\w+)(?:, [A-Z]\w+)*) on (topic|group|transactional id) `([^`]+)`")


def table() -> dict[str, list[Acl]]:
    """Each verb of the README's table with the ACLs that it needs."""
    found = {}
    for verbs, needs in TABLE.findall(README):
        acls = [(o, kind, name) for operations, kind, name in ACLS.findall(needs) for o in operations.split(", ")]
        found |= dict.fromkeys(re.findall(r"`tocsin ([^`]+)`", verbs), acls)
    return found


NEEDS = table()
ONE_LESS = [(verb, acl) for verb in ("check", "topics create") for acl in NEEDS[verb]]
"""Each ACL of a worker, which `check` asks for in its stead, and of `topics create`, which asks for none but tries."""


def named(acl: Acl, settings: Settings) -> Acl:
    """The ACL with the names of these settings where the README has those of the defaults."""
    operation, kind, name = acl
    default = Settings()
    topics = {
        default.articles_topic: settings.articles_topic,
        default.events_topic: settings.events_topic,
        default.dead_topic: settings.dead_topic,
    }
    if kind == "topic":
        return operation, kind, topics[name]
    return operation, kind, re.sub(rf"^{default.group}\b|^desk$", settings.group, name)


def by_scram(kafka: Any, settings: Settings) -> Settings:
    return replace(
        settings,
        brokers=(kafka.addresses["SASL_SSL"],),
        security_protocol=SecurityProtocol.SASL_SSL,
        ssl_ca_file=kafka.certificates / "ca.pem",
        sasl_username="scram",
        sasl_password=Secret(kafka.password),
    )


def by_scram_256_and_file(kafka: Any, settings: Settings) -> Settings:
    password = kafka.certificates / "password"
    password.write_text(kafka.password + "\n")
    settings = by_scram(kafka, settings)
    return replace(
        settings, sasl_mechanism=SaslMechanism.SCRAM_SHA_256, sasl_password=None, sasl_password_file=password
    )


def by_plain(kafka: Any, settings: Settings) -> Settings:
    return replace(
        settings,
        brokers=(kafka.addresses["SASL_PLAINTEXT"],),
        security_protocol=SecurityProtocol.SASL_PLAINTEXT,
        sasl_mechanism=SaslMechanism.PLAIN,
        sasl_username="plain",
        sasl_password=Secret(kafka.password),
    )


def by_certificate(kafka: Any, settings: Settings) -> Settings:
    return replace(
        settings,
        brokers=(kafka.addresses["MTLS"],),
        security_protocol=SecurityProtocol.SSL,
        ssl_ca_file=kafka.certificates / "ca.pem",
        ssl_cert_file=kafka.certificates / "worker.pem",
        ssl_key_file=kafka.certificates / "worker.locked.key",
        ssl_key_password=Secret(kafka.key_password),
    )


PRINCIPALS = {
    by_scram: "User:scram",
    by_scram_256_and_file: "User:scram",
    by_plain: "User:plain",
    by_certificate: "User:CN=worker",
}
WAYS = [pytest.param(way, id=way.__name__) for way in PRINCIPALS]
DELIVERIES = [pytest.param(delivery, id=delivery) for delivery in Delivery]


@pytest.fixture
def stream(secure_kafka: Any) -> Stream:
    """Topics and a group of this test alone. The test itself comes in by the door where all is allowed."""
    return Stream(secure_kafka.admin, partitions=1)


@pytest.fixture
def told(tocsin: Tocsin, secure_kafka: Any) -> Iterator[Tocsin]:
    """Runs `tocsin`, and sees to it that no secret is said."""
    said: list[Any] = []

    def run(*arguments: object, **options: Any) -> Any:
        said.append(tocsin(*arguments, **options))
        return said[-1]

    yield run
    assert said
    for each in said:
        assert not secrets_in(each.out + each.err, secure_kafka)


def secrets_in(text: str, kafka: Any) -> list[str]:
    keys = [path.read_text() for path in kafka.certificates.glob("*.key")]
    lines = [line for key in keys for line in key.splitlines() if not line.startswith("-----")]
    return [secret for secret in [kafka.password, kafka.key_password, "wrong-one", *lines] if secret in text]


@contextmanager
def in_time() -> Iterator[None]:
    """What runs here waits for no more than one bootstrap, and works for no more than the rest of the time.

    The clock itself would only tell how busy the machine is; a command that waits longer is ended by the fixture.
    """

    def worked_s() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = worked_s()
    yield
    assert worked_s() - before < LIMIT_S - BOOTSTRAP_TIMEOUT_S


def dead_letter(settings: Settings) -> Message:
    at = {"topic": settings.articles_topic, "partition": "0", "offset": "0"}
    headers = {"tocsin_reason": "not_json"} | {f"__connect.errors.{name}": text for name, text in at.items()}
    return Message(value=b"{", headers=tuple((name, text.encode()) for name, text in headers.items()))


def article(name: str = "a") -> Message:
    return Message(value=json.dumps({"id": name, "text": TALKS}).encode())


@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize("way", WAYS)
def test_an_article_becomes_an_event_with_the_acls_of_the_readme_and_no_secret_is_logged(
    secure_kafka: Any, stream: Stream, tmp_path: Path, way: Any, delivery: Delivery
) -> None:
    acls = [named(acl, stream.settings) for acl in NEEDS["run"]]
    if delivery is Delivery.AT_LEAST_ONCE:
        acls = [acl for acl in acls if acl[1] != "transactional id"]
    secure_kafka.allow(PRINCIPALS[way], acls)
    settings = replace(way(secure_kafka, stream.settings), delivery=delivery)
    with worker_process(settings, tmp_path / "log") as worker:
        places = stream.send([article(), Message(value=b"{")])
        stream.wait_until_dealt_with(places, lambda: worker.poll() is None)
    assert [json.loads(record.value or b"")["type"] for record in stream.events()] == ["talks"]
    assert len(stream.dead_letters()) == 1
    log = (tmp_path / "log").read_text()
    assert "worker_started" in log
    assert not secrets_in(log, secure_kafka)


def arguments_of(verb: str, settings: Settings, folder: Path) -> list[str]:
    """What to type for a verb of the table, to see it do its work and end."""
    if verb.startswith("replay"):
        (folder / "one.txt").write_text(TALKS)
        (folder / "want.jsonl").write_text('{"file": "one.txt", "labels": ["talks"]}\n')
        return [*verb.replace("--expect", "--expect want.jsonl").split(), "one.txt"]
    if verb.startswith("watch"):
        return [*verb.replace("desk", settings.group).split(), "--from", "beginning", "-e"]
    if verb == "dead show":
        return [*verb.split(), "0@0"]
    if verb == "dead replay":
        return [*verb.split(), "--yes"]
    return verb.split()


@pytest.mark.parametrize("verb", [verb for verb in NEEDS if verb not in {"run", "replay --expect"}])
def test_a_verb_does_its_work_with_its_acls_alone(
    secure_kafka: Any, stream: Stream, told: Tocsin, tmp_path: Path, verb: str
) -> None:
    settings = by_scram(secure_kafka, own_topics(verb, stream))
    secure_kafka.allow("User:scram", [named(acl, settings) for acl in NEEDS[verb]])
    said = told(*arguments_of(verb, settings, tmp_path), settings=settings)
    assert said.code == 0, said.out + said.err
    assert "Traceback" not in said.err
    assert len(stream.articles()) == verb.endswith("replay")


def own_topics(verb: str, stream: Stream) -> Settings:
    """The settings of the stream, with what the verb needs to find: dead letters, or no topics."""
    if verb.startswith("dead"):
        with closing(KafkaSender(stream.settings)) as sender:
            sender.send(stream.settings.dead_topic, dead_letter(stream.settings)).wait()
    if verb == "topics create":
        names = {
            field: getattr(stream.settings, field) + "-new"
            for field in ("articles_topic", "events_topic", "dead_topic")
        }
        return replace(stream.settings, **names)
    return stream.settings


def test_a_replay_that_expects_does_its_work_with_its_acls_alone(
    secure_kafka: Any, stream: Stream, told: Tocsin, tmp_path: Path
) -> None:
    secure_kafka.allow("User:scram", [named(acl, stream.settings) for acl in NEEDS["replay --expect"]])
    (tmp_path / "one.txt").write_text(TALKS)
    (tmp_path / "want.jsonl").write_text('{"file": "one.txt", "labels": ["talks"]}\n')
    with worker_process(stream.settings, tmp_path / "log"):
        settings = by_scram(secure_kafka, stream.settings)
        said = told("replay", "one.txt", "--expect", "want.jsonl", settings=settings)
    assert said.code == 0, said.out + said.err


@pytest.mark.parametrize(
    ("verb", "lacks"), [pytest.param(v, acl, id=f"{v}: {acl[0]} on {acl[2]}") for v, acl in ONE_LESS]
)
def test_an_acl_that_is_missing_is_named(  # noqa: PLR0917 - fixtures are asked for by name
    secure_kafka: Any, stream: Stream, told: Tocsin, tmp_path: Path, verb: str, lacks: Acl
) -> None:
    settings = by_scram(secure_kafka, own_topics(verb, stream))
    secure_kafka.allow("User:scram", [named(acl, settings) for acl in NEEDS[verb] if acl != lacks])
    with in_time():
        said = told(*arguments_of(verb, settings, tmp_path), settings=settings)
    assert said.code == 2, said.out + said.err
    _, kind, name = lacks = named(lacks, settings)
    assert lacks in told_of(said.err)
    assert {(k, n) for _, k, n in told_of(said.err)} == {(kind, name)}
    assert "Traceback" not in said.err


@pytest.mark.parametrize("verb", sorted(set(NEEDS) - {"topics create"}))
def test_who_may_do_nothing_is_told_every_acl_that_is_missing(
    secure_kafka: Any, stream: Stream, told: Tocsin, tmp_path: Path, verb: str
) -> None:
    settings = by_scram(secure_kafka, own_topics(verb, stream))
    with in_time():
        said = told(*arguments_of(verb, settings, tmp_path), settings=settings)
    assert said.code == 2, said.out + said.err
    assert told_of(said.err) == {named(acl, settings) for acl in NEEDS[verb]}
    assert "Traceback" not in said.err


def told_of(text: str) -> set[Acl]:
    """The ACLs that a message names, in the words of the README."""
    _, is_it, needs = text.partition("Kafka does not allow User:scram: ")
    assert is_it, text
    found = re.findall(
        r"((?:[A-Z]\w+)(?:, [A-Z]\w+)*) on (topic|group|transactional id)(s that begin with)? '([^']+)'", needs
    )
    return {
        (operation, kind, name + ("*" if prefix else ""))
        for operations, kind, prefix, name in found
        for operation in operations.split(", ")
    }


VERBS = ["run", "check", "topics list", "topics create", "replay", "watch", "dead list"]


@pytest.mark.parametrize("verb", VERBS)
def test_a_wrong_password_is_told_by_user_and_mechanism(
    secure_kafka: Any, stream: Stream, told: Tocsin, tmp_path: Path, verb: str
) -> None:
    settings = replace(by_scram(secure_kafka, stream.settings), sasl_password=Secret("wrong-one"))
    refused(
        told,
        verb,
        settings,
        tmp_path,
        "the broker refuses TOCSIN_SASL_USERNAME 'scram' with its password and TOCSIN_SASL_MECHANISM SCRAM-SHA-512",
    )


@pytest.mark.parametrize("verb", VERBS)
def test_an_untrusted_certificate_is_told_by_the_file_that_should_trust_it(
    secure_kafka: Any, stream: Stream, told: Tocsin, tmp_path: Path, verb: str
) -> None:
    stranger = secure_kafka.certificates / "stranger.pem"
    settings = replace(by_scram(secure_kafka, stream.settings), ssl_ca_file=stranger)
    refused(told, verb, settings, tmp_path, f"TOCSIN_SSL_CA_FILE must hold the authority that signed it ({stranger})")


def refused(told: Tocsin, verb: str, settings: Settings, folder: Path, text: str) -> None:
    """The verb ends with 2 in time, and says this and where."""
    with in_time():
        said = told(*arguments_of(verb, settings, folder), settings=settings)
    assert said.code == 2, said.out + said.err
    assert text in said.err
    assert settings.brokers[0] in said.err
    assert "Traceback" not in said.err


def other_host(kafka: Any, settings: Settings) -> Settings:
    settings = by_scram(kafka, settings)
    return replace(settings, brokers=(settings.brokers[0].replace("localhost", "127.0.0.1"),))


def no_certificate(kafka: Any, settings: Settings) -> Settings:
    return replace(by_certificate(kafka, settings), ssl_cert_file=None, ssl_key_file=None, ssl_key_password=None)


def stranger(kafka: Any, settings: Settings) -> Settings:
    files = {"ssl_cert_file": kafka.certificates / "stranger.pem", "ssl_key_file": kafka.certificates / "stranger.key"}
    return replace(by_certificate(kafka, settings), ssl_key_password=None, **files)


def wrong_key_password(kafka: Any, settings: Settings) -> Settings:
    return replace(by_certificate(kafka, settings), ssl_key_password=Secret("wrong-one"))


def no_key_password(kafka: Any, settings: Settings) -> Settings:
    return replace(by_certificate(kafka, settings), ssl_key_password=None)


def no_ca(kafka: Any, settings: Settings) -> Settings:
    return replace(by_certificate(kafka, settings), ssl_ca_file=None)


def wrong_password_plain(kafka: Any, settings: Settings) -> Settings:
    return replace(by_plain(kafka, settings), sasl_password=Secret("wrong-one"))


def stranger_by_name(kafka: Any, settings: Settings) -> Settings:
    return replace(by_scram(kafka, settings), sasl_username="nobody")


def spoken(listener: str, protocol: SecurityProtocol) -> Any:
    """A listener spoken to in another protocol than its own."""

    def settings_of(kafka: Any, settings: Settings) -> Settings:
        address = kafka.addresses.get(listener, kafka.admin)
        return replace(by_scram(kafka, settings), brokers=(address,), security_protocol=protocol)

    settings_of.__name__ = f"{protocol}_to_{listener.lower()}"
    return settings_of


PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL = SecurityProtocol
EXPECTED = "expected TOCSIN_SECURITY_PROTOCOL"


@pytest.mark.parametrize(
    ("way", "text"),
    [
        (other_host, "is not trusted: IP address mismatch, certificate is not valid for '127.0.0.1'"),
        (no_ca, "TOCSIN_SSL_CA_FILE must hold the authority that signed it (the system's authorities; it is not set)"),
        (no_certificate, "the broker does not accept our certificate, TOCSIN_SSL_CERT_FILE (none is set)"),
        (stranger, "stranger.pem): "),
        (wrong_password_plain, "the broker refuses TOCSIN_SASL_USERNAME 'plain' with its password"),
        (stranger_by_name, "the broker refuses TOCSIN_SASL_USERNAME 'nobody' with its password"),
        (spoken("MTLS", PLAINTEXT), f"the broker speaks TLS: {EXPECTED} ssl or sasl_ssl, got plaintext"),
        (spoken("SASL_SSL", PLAINTEXT), f"the broker speaks TLS: {EXPECTED} ssl or sasl_ssl, got plaintext"),
        (spoken("SASL_SSL", SASL_PLAINTEXT), f"the broker speaks TLS: {EXPECTED} sasl_ssl, got sasl_plaintext"),
        (spoken("SASL_SSL", SSL), f"wants a user and a password: {EXPECTED} sasl_ssl, got ssl"),
        (spoken("SASL_PLAINTEXT", PLAINTEXT), f"wants a user and a password: {EXPECTED} sasl_plaintext, got plaintext"),
        (spoken("PLAINTEXT", SSL), f"does not answer in TLS: {EXPECTED} plaintext, got ssl"),
        (spoken("PLAINTEXT", SASL_SSL), f"does not answer in TLS: {EXPECTED} sasl_plaintext, got sasl_ssl"),
        (spoken("PLAINTEXT", SASL_PLAINTEXT), f"asks for no user and password here: {EXPECTED} plaintext"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_broker_that_does_not_let_us_in_is_told_by_what_is_wrong(
    secure_kafka: Any, stream: Stream, way: Any, text: str
) -> None:
    from consumers.kafka.admin import topic_states
    from schemas.errors import AccessError

    settings = way(secure_kafka, stream.settings)
    with pytest.raises(AccessError) as refusal:
        topic_states(settings)
    assert text in str(refusal.value)
    assert settings.brokers[0] in str(refusal.value)


@pytest.mark.parametrize("way", [wrong_key_password, no_key_password], ids=lambda way: way.__name__)
def test_a_key_that_does_not_open_ends_at_once_and_asks_nobody(
    secure_kafka: Any, stream: Stream, told: Tocsin, way: Any
) -> None:
    said = told("topics", "list", settings=way(secure_kafka, stream.settings))
    assert said.code == 2
    assert "an encrypted key needs the right TOCSIN_SSL_KEY_PASSWORD" in said.err


def test_a_broker_that_is_not_there_is_still_told_from_one_that_refuses(
    secure_kafka: Any, stream: Stream, told: Tocsin
) -> None:
    nowhere = replace(by_scram(secure_kafka, stream.settings), brokers=(f"localhost:{free_port()}",))
    said = told("topics", "list", settings=nowhere)
    assert said.code == 2
    assert "no Kafka broker answers at localhost" in said.err


def test_config_and_a_worker_that_says_all_it_can_show_no_secret(
    secure_kafka: Any, stream: Stream, told: Tocsin
) -> None:
    both = replace(
        by_certificate(secure_kafka, stream.settings),
        security_protocol=SecurityProtocol.SASL_SSL,
        sasl_username="scram",
        sasl_password=Secret(secure_kafka.password),
    )
    said = told("config", settings=both)
    assert "TOCSIN_SASL_PASSWORD=****\n" in said.out
    assert "TOCSIN_SSL_KEY_PASSWORD=****\n" in said.out


def test_the_commands_of_the_readme_give_the_acls_of_its_table(secure_kafka: Any, tmp_path: Path) -> None:
    """With Kafka's own tool, which the README names; it only asks the broker of the tests."""
    lines = re.findall(r"^\$allow (.*)$", README, re.MULTILINE)
    tool = ["java", "-cp", str(jars() / "*"), "org.apache.kafka.tools.AclCommand"]
    server = ["--bootstrap-server", secure_kafka.admin]
    for line in lines:
        added = ["--add", "--allow-principal", "User:readme", *line.split()]
        subprocess.run([*tool, *server, *added], cwd=tmp_path, check=True, capture_output=True)
    granted = secure_kafka.granted("User:readme")
    assert granted == set(NEEDS["run"])
