"""A Kafka with TLS, passwords and an authorizer, and what its users need: certificates and ACLs."""

import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    UserScramCredentialUpsertion,
)

from consumers.embedded import LOOPBACK, free_port, stop_process
from consumers.local_kafka import start_kafka

PASSWORD = "s3cret-of-the-tests"  # noqa: S105 - of a broker that lives as long as the tests
KEY_PASSWORD = "k3y-of-the-tests"  # noqa: S105 - as above
LISTENERS = {"MTLS": "SSL", "SASL_PLAINTEXT": "SASL_PLAINTEXT", "SASL_SSL": "SASL_SSL"}
"""Name of a listener → its protocol. PLAINTEXT, beside them, is for the tests: there everybody may do everything."""

MODULES = "org.apache.kafka.common.security"


@dataclass(frozen=True, kw_only=True)
class SecureKafka:
    """A broker that lets in whom it knows, and allows what its ACLs say."""

    admin: str
    addresses: dict[str, str]
    certificates: Path
    password: str = PASSWORD
    key_password: str = KEY_PASSWORD

    def allow(self, principal: str, grants: Iterable[tuple[str, str, str]]) -> None:
        """Operation, kind of resource and name, as README.md has them. Returns when the broker goes by these ACLs."""
        acls = [_acl(principal, *grant) for grant in grants]
        with KafkaAdminClient(bootstrap_servers=[self.admin]) as client:
            if acls:
                assert not client.create_acls(acls)["failed"]
            until = time.monotonic() + 10
            while not set(acls) <= _known(client, principal):
                assert time.monotonic() < until, "the broker does not know the ACLs"
                time.sleep(0.05)

    def granted(self, principal: str) -> set[tuple[str, str, str]]:
        """The ACLs of a principal, in the words of README.md."""
        with KafkaAdminClient(bootstrap_servers=[self.admin]) as client:
            return {_in_words(acl) for acl in _known(client, principal)}


def _in_words(acl: ACL) -> tuple[str, str, str]:
    resource = acl.resource_pattern
    prefixed = resource.pattern_type is ACLResourcePatternType.PREFIXED
    operation = acl.operation.name.title().replace("_", "")
    kind = resource.resource_type.name.lower().replace("_", " ")
    return operation, kind, resource.resource_name + ("*" if prefixed else "")


def _acl(principal: str, operation: str, kind: str, name: str) -> ACL:
    """An ACL; a name that ends in * is a prefix."""
    pattern = ACLResourcePatternType.PREFIXED if name.endswith("*") else ACLResourcePatternType.LITERAL
    resource = ResourcePattern(ResourceType[kind.upper().replace(" ", "_")], name.rstrip("*"), pattern)
    wanted = ACLOperation[operation.replace("Configs", "_Configs").upper()]
    return ACL(principal, "*", wanted, ACLPermissionType.ALLOW, resource)


def _known(client: KafkaAdminClient, principal: str) -> set[ACL]:
    every = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
    found, _ = client.describe_acls(ACLFilter(principal, "*", ACLOperation.ANY, ACLPermissionType.ANY, every))
    return set(found)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ca.pem; broker and worker with a key each, the worker's also encrypted; and a stranger that nobody signed."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    def self_signed(name: str) -> None:
        openssl(
            *_NEW_KEY, "-x509", "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem"
        )

    self_signed("ca")
    self_signed("stranger")
    for name, host in (("broker", "localhost"), ("worker", "worker.example")):
        openssl(*_NEW_KEY, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (folder / "san").write_text(f"subjectAltName=DNS:{host}\n")
        signed = ["x509", "-req", "-days", "2", "-in", f"{name}.csr", "-extfile", "san", "-out", f"{name}.pem"]
        openssl(*signed, "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial")
    openssl("pkcs8", "-topk8", "-in", "worker.key", "-out", "worker.locked.key", "-passout", f"pass:{KEY_PASSWORD}")
    store = [(folder / name).read_text() for name in ("broker.key", "broker.pem", "ca.pem")]
    (folder / "broker.store.pem").write_text("".join(store))
    return folder


_NEW_KEY = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@pytest.fixture(scope="session")
def secure_kafka(tmp_path_factory: pytest.TempPathFactory, certificates: Path) -> Iterator[SecureKafka]:
    """Users `scram` and `plain` with PASSWORD, and CN=worker by its certificate; none of them may do anything yet."""
    ports = {name: free_port() for name in ("PLAINTEXT", "CONTROLLER", *LISTENERS)}
    folder = tmp_path_factory.mktemp("secure-kafka")
    running = start_kafka(folder, port=ports["PLAINTEXT"], properties=_properties(ports, certificates))
    try:
        with KafkaAdminClient(bootstrap_servers=[running.address]) as client:
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
                client.alter_user_scram_credentials([UserScramCredentialUpsertion("scram", mechanism, PASSWORD)])
        addresses = {name: f"localhost:{ports[name]}" for name in LISTENERS}
        yield SecureKafka(admin=running.address, addresses=addresses, certificates=certificates)
    finally:
        stop_process(running.process)


def _properties(ports: dict[str, int], certificates: Path) -> dict[str, str]:
    hosts = {"PLAINTEXT": LOOPBACK, "CONTROLLER": LOOPBACK} | dict.fromkeys(LISTENERS, "localhost")
    at = {name: f"{name}://{hosts[name]}:{port}" for name, port in ports.items()}
    protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT"} | LISTENERS
    logins = {}
    for name in ("sasl_plaintext", "sasl_ssl"):
        plain = f'{MODULES}.plain.PlainLoginModule required user_plain="{PASSWORD}";'
        logins[f"listener.name.{name}.plain.sasl.jaas.config"] = plain
        for digest in ("256", "512"):
            scram = f"{MODULES}.scram.ScramLoginModule required;"
            logins[f"listener.name.{name}.scram-sha-{digest}.sasl.jaas.config"] = scram
    return logins | {
        "listeners": ",".join(at.values()),
        "advertised.listeners": ",".join(text for name, text in at.items() if name != "CONTROLLER"),
        "controller.quorum.voters": f"1@{LOOPBACK}:{ports['CONTROLLER']}",
        "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(certificates / "broker.store.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(certificates / "ca.pem"),
        "listener.name.mtls.ssl.client.auth": "required",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }
