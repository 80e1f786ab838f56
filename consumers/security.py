"""How Tocsin proves to Kafka who it is, as values: protocols, mechanisms, secrets, and which of them go together.

No file is read and no socket opened here; `consumers.kafka.security` does that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from consumers.settings import Settings

HIDDEN = "****"
"""What stands for a secret wherever one would be shown."""


class SecurityProtocol(StrEnum):
    """How a listener of Kafka is spoken to: with TLS or without, with a user's password or without."""

    PLAINTEXT = "plaintext"
    SSL = "ssl"
    SASL_PLAINTEXT = "sasl_plaintext"
    SASL_SSL = "sasl_ssl"

    @property
    def has_tls(self) -> bool:
        """Whether the connection is encrypted and the broker's certificate verified."""
        return self in {SecurityProtocol.SSL, SecurityProtocol.SASL_SSL}

    @property
    def has_sasl(self) -> bool:
        """Whether the client gives a user name and a password."""
        return self in {SecurityProtocol.SASL_PLAINTEXT, SecurityProtocol.SASL_SSL}


class SaslMechanism(StrEnum):
    """How a password is proved; the names are Kafka's."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that is never shown: its `repr` and `str` are `****`; `text` is for the one who needs it."""

    text: str = field(repr=False)

    def __repr__(self) -> str:
        return HIDDEN

    def __str__(self) -> str:
        return HIDDEN


_SASL = ("sasl_username", "sasl_password", "sasl_password_file")
_TLS = ("ssl_ca_file", "ssl_cert_file", "ssl_key_file", "ssl_key_password", "ssl_key_password_file")


def misfits(settings: Settings) -> Iterator[tuple[str, str]]:
    """The fields that do not go together, each with what was expected instead; never a value.

    A setting that the protocol would not use counts as one: who sets a password believes it is asked for.
    """
    protocol = settings.security_protocol
    given = {name for name in _SASL + _TLS if getattr(settings, name) is not None}
    for name in (name for name in _SASL if name in given and not protocol.has_sasl):
        yield name, f"is of no use with protocol {protocol}; it needs sasl_ssl or sasl_plaintext"
    for name in (name for name in _TLS if name in given and not protocol.has_tls):
        yield name, f"is of no use with protocol {protocol}; it needs ssl or sasl_ssl"
    if protocol.has_sasl and "sasl_username" not in given:
        yield "sasl_username", f"expected a user name, because the protocol is {protocol}; it is not set"
    if protocol.has_sasl and not given & {"sasl_password", "sasl_password_file"}:
        yield "sasl_password", f"expected a password, or a file with it, because the protocol is {protocol}"
    for name in ("sasl_password", "ssl_key_password"):
        if {name, f"{name}_file"} <= given:
            yield name, "expected the secret or a file with it; both are set"
    yield from _half_pairs(given)


def _half_pairs(given: set[str]) -> Iterator[tuple[str, str]]:
    if "ssl_cert_file" in given and "ssl_key_file" not in given:
        yield "ssl_key_file", "expected the key that goes with the certificate; only the certificate is set"
    if "ssl_key_file" in given and "ssl_cert_file" not in given:
        yield "ssl_cert_file", "expected the certificate that goes with the key; only the key is set"
    if given & {"ssl_key_password", "ssl_key_password_file"} and "ssl_key_file" not in given:
        yield "ssl_key_file", "expected the key that the key's password opens; it is not set"
