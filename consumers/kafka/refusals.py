"""What a broker's refusal means for the one who set Tocsin up: certificate, protocol, password or ACL.

What kafka-python raises is only read here, never raised. No message holds a secret.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence

from kafka.errors import (
    AuthorizationError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    InvalidReceiveError,
    KafkaConnectionError,
    SaslAuthenticationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailedError,
    UnsupportedSaslMechanismError,
)

from consumers.kafka.bootstrap import Closed
from consumers.kafka.security import principal
from consumers.settings import Settings, variable
from schemas.errors import AccessError

ACLS = "see Security in README.md for the ACLs of each command"

_PROBE_S = 2.0
"""Seconds that a port may take to answer a TLS handshake, once it is known to take connections; a guess."""


def missing_acl(error: AuthorizationError, settings: Settings) -> AccessError:
    """The ACL that a broker missed, as far as its error tells; `consumers.kafka.access` asks before that."""
    if isinstance(error, GroupAuthorizationFailedError):
        lacks = f"Read on group {settings.group!r} or the one named by --group"
    elif isinstance(error, TransactionalIdAuthorizationFailedError):
        lacks = f"Write on transactional ids that begin with '{settings.group}-'"
    elif isinstance(error, TopicAuthorizationFailedError):
        named = error.args[0] if error.args else ""
        topics = ", ".join(sorted(map(repr, named))) if isinstance(named, set | frozenset) else repr(str(named))
        lacks = f"an operation on topic {topics}"
    else:
        lacks = f"an operation on the cluster ({type(error).__name__})"
    return lacking(settings, [lacks])


def lacking(settings: Settings, acls: Sequence[str]) -> AccessError:
    """The error for missing ACLs, each like `Read on topic 'articles'`."""
    return AccessError(f"Kafka does not allow {principal(settings)}: {'; '.join(acls)} ({ACLS})")


def refusal(causes: Sequence[BaseException], settings: Settings) -> AccessError | None:
    """Why no broker let us in, from the errors of the attempts; None where no broker answered at all.

    The clearest cause counts, whenever it came: a broker that has refused a password may just close the next attempt.
    """
    different = {(type(cause), str(cause)): cause for cause in causes}.values()
    readings = (_certificate, _password, _speaks_no_tls, _wants_tls, _wants_user, _closes_login)
    told = (reading(cause, settings) for reading in readings for cause in different)
    return next((AccessError(f"{text} (broker {_where(settings)})") for text in told if text), None)


def _certificate(cause: BaseException, settings: Settings) -> str | None:
    """A certificate that one side does not trust."""
    match _tls_error(cause):
        case ssl.SSLCertVerificationError() as error:
            trusted = settings.ssl_ca_file or "the system's authorities; it is not set"
            return (
                f"the broker's certificate is not trusted: {error.verify_message.rstrip('.')}; "
                f"{variable('ssl_ca_file')} must hold the authority that signed it ({trusted}), and "
                f"{variable('brokers')} the host name that it was made for"
            )
        case ssl.SSLError(reason=str() as reason) if "ALERT" in reason:
            shown = settings.ssl_cert_file or "none is set"
            return f"the broker does not accept our certificate, {variable('ssl_cert_file')} ({shown}): {reason}"
    return None


def _password(cause: BaseException, settings: Settings) -> str | None:
    """A user, password or mechanism that the broker refuses."""
    mechanism = f"{variable('sasl_mechanism')} {settings.sasl_mechanism}"
    match cause:
        case SaslAuthenticationFailedError():
            return _refuses_user(settings)
        case UnsupportedSaslMechanismError():
            return f"the broker does not know {mechanism}; expected one of its listener's sasl.enabled.mechanisms"
        case IllegalSaslStateError():
            without = "ssl" if settings.security_protocol.has_tls else "plaintext"
            return f"the broker asks for no user and password here: expected {_protocol(settings, without)}"
        case ValueError():
            return f"the broker cannot prove by {mechanism} that it knows the password of {_user(settings)}"
    return None


def _speaks_no_tls(cause: BaseException, settings: Settings) -> str | None:
    """TLS spoken to a port that has none: it closes the connection, or answers something else."""
    if not isinstance(_tls_error(cause), ssl.SSLError | ConnectionError):
        return None
    without = "sasl_plaintext" if settings.security_protocol.has_sasl else "plaintext"
    return f"the broker does not answer in TLS: expected {_protocol(settings, without)}, or another port"


def _wants_tls(cause: BaseException, settings: Settings) -> str | None:
    """Plaintext spoken to a port with TLS: it answers with an alert, or closes the connection."""
    if settings.security_protocol.has_tls or not (isinstance(cause, InvalidReceiveError) or _is_dropped(cause)):
        return None
    if not any(map(_speaks_tls, settings.brokers)):
        return None
    within = "sasl_ssl" if settings.security_protocol.has_sasl else "ssl or sasl_ssl"
    return f"the broker speaks TLS: expected {_protocol(settings, within)}"


def _wants_user(cause: BaseException, settings: Settings) -> str | None:
    """A listener with SASL lets anybody connect, and closes at the first request of one who did not log in."""
    if settings.security_protocol.has_sasl or not isinstance(cause, Closed):
        return None
    within = "sasl_ssl" if settings.security_protocol.has_tls else "sasl_plaintext"
    return f"the broker wants a user and a password: expected {_protocol(settings, within)}"


def _closes_login(cause: BaseException, settings: Settings) -> str | None:
    """A connection that ends at the login: kafka-python 3.0.12 loses a refusal that comes together with the end."""
    if not (settings.security_protocol.has_sasl and _is_dropped(cause)):
        return None
    return f"{_refuses_user(settings)}: it closes the connection at the login"


def _refuses_user(settings: Settings) -> str:
    mechanism = f"{variable('sasl_mechanism')} {settings.sasl_mechanism}"
    return f"the broker refuses {_user(settings)} with its password and {mechanism}"


def _tls_error(cause: BaseException) -> BaseException | None:
    """The error beneath kafka-python's own: it keeps that of a handshake as context, and a later one as argument."""
    if not isinstance(cause, KafkaConnectionError):
        return None
    if cause.args and str(cause.args[0]).startswith("Handshake failed"):
        beneath: BaseException | None = cause.__context__
        return beneath
    return next((each for each in cause.args if isinstance(each, ssl.SSLError)), None)


def _is_dropped(cause: BaseException) -> bool:
    return isinstance(cause, KafkaConnectionError) and "socket disconnected" in str(cause)


def _speaks_tls(address: str) -> bool:
    """Whether a port answers a TLS handshake; nothing is sent but that, so whom it belongs to does not matter."""
    host, _, port = address.rpartition(":")
    context = ssl.create_default_context()
    try:
        with socket.create_connection((host, int(port)), timeout=_PROBE_S) as plain:
            context.wrap_socket(plain, server_hostname=host).close()
    except ssl.SSLCertVerificationError:
        return True
    except (OSError, ValueError):
        return False
    return True


def _protocol(settings: Settings, expected: str) -> str:
    return f"{variable('security_protocol')} {expected}, got {settings.security_protocol}"


def _user(settings: Settings) -> str:
    return f"{variable('sasl_username')} {settings.sasl_username!r}"


def _where(settings: Settings) -> str:
    return ", ".join(settings.brokers)
