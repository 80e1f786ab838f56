"""What goes wrong while a topic is read, turned into our errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kafka.errors import CorruptRecordError, KafkaError

from schemas.errors import TransientError


@contextmanager
def reading_errors(topic: str) -> Iterator[None]:
    """Turns kafka-python's errors of reading a topic into a TransientError that says what to do.

    kafka-python 3.0.12 cannot decode a header key that is not UTF-8, and does not say where it met one.
    """
    try:
        yield
    except (CorruptRecordError, UnicodeDecodeError) as error:
        raise TransientError(
            f"topic {topic!r} holds a record that the Kafka client cannot decode, and that is none of Tocsin's: "
            f"--partition leaves out the partition that it is in ({error})"
        ) from error
    except KafkaError as error:
        raise TransientError(f"topic {topic!r} could not be read: {error!r}") from error
