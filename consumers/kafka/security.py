"""What proves to Kafka who we are, read from files where the settings name some: TLS context, password, principal."""

from __future__ import annotations

import ssl
from pathlib import Path

from consumers.security import HIDDEN, Secret
from consumers.settings import Settings, variable
from schemas.errors import AccessError


class _Unshown(str):
    """A text that its `repr` does not show: Kafka's clients write all their arguments into their debug log."""

    __slots__ = ()

    def __repr__(self) -> str:
        return HIDDEN


def ssl_context(settings: Settings) -> ssl.SSLContext | None:
    """The TLS context of the settings, or None where the protocol has no TLS.

    It trusts the authority of `ssl_ca_file`, else the system's, and always verifies the broker's certificate and its
    host name. Raises AccessError that names the variable of a file that cannot be read or is not what it should be.
    """
    if not settings.security_protocol.has_tls:
        return None
    context = _trusting(settings.ssl_ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.ssl_cert_file is not None and settings.ssl_key_file is not None:
        _show(context, settings.ssl_cert_file, settings.ssl_key_file, key_password(settings))
    return context


def sasl_password(settings: Settings) -> str | None:
    """The password, from its variable or its file; None where neither is set. Raises AccessError for a bad file."""
    text = _text(settings.sasl_password, settings.sasl_password_file, "sasl_password_file")
    return None if text is None else _Unshown(text)


def key_password(settings: Settings) -> str | None:
    """The password of the private key, as above."""
    return _text(settings.ssl_key_password, settings.ssl_key_password_file, "ssl_key_password_file")


def principal(settings: Settings) -> str:
    """Who we are to Kafka's ACLs, as far as we know it: a certificate's name is for the broker to map."""
    if settings.security_protocol.has_sasl:
        return f"User:{settings.sasl_username}"
    if settings.security_protocol.has_tls and settings.ssl_cert_file is not None:
        return f"the subject of {variable('ssl_cert_file')} ({settings.ssl_cert_file})"
    return "User:ANONYMOUS"


def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise AccessError(f"{variable('ssl_ca_file')}: expected certificates in PEM, in {ca_file}") from error
    except OSError as error:
        raise _unreadable("ssl_ca_file", ca_file, error) from error


def _show(context: ssl.SSLContext, cert: Path, key: Path, password: str | None) -> None:
    """Loads our certificate; the empty password keeps OpenSSL from asking for one on the terminal."""
    for name, path in (("ssl_cert_file", cert), ("ssl_key_file", key)):
        try:
            path.read_bytes()
        except OSError as error:
            raise _unreadable(name, path, error) from error
    try:
        context.load_cert_chain(cert, key, password=password or "")
    except (ssl.SSLError, OSError, ValueError) as error:
        raise AccessError(
            f"{variable('ssl_cert_file')}, {variable('ssl_key_file')}: expected a certificate and its own key in PEM, "
            f"in {cert} and {key}; an encrypted key needs the right {variable('ssl_key_password')}"
        ) from error


def _text(secret: Secret | None, path: Path | None, name: str) -> str | None:
    """The secret itself, or the file's text without the newline at its end."""
    if path is None:
        return secret.text if secret is not None else None
    try:
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise _unreadable(name, path, error) from error
    except UnicodeDecodeError as error:
        raise AccessError(f"{variable(name)}: expected UTF-8 in {path}") from error
    if not text.strip():
        raise AccessError(f"{variable(name)}: expected a secret in {path}, which is empty")
    return text


def _unreadable(name: str, path: Path | None, error: OSError) -> AccessError:
    return AccessError(f"{variable(name)}: {path} cannot be read: {error.strerror or error}")
