"""Committing offsets with the aiokafka consumer that Faust owns; what aiokafka leaves untyped ends here."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from schemas.errors import TransientError


async def commit_offsets(consumer: Any, positions: Mapping[tuple[str, int], int]) -> None:
    """Commits as the member of the group that this consumer is, so that Kafka refuses it from a replaced worker.

    Partitions that have meanwhile gone to another worker are passed over: that one reads on from the last commit and
    doubles what was just sent. aiokafka itself retries what can be retried. Raises TransientError for the rest.
    """
    mine = {(tp.topic, tp.partition): tp for tp in consumer.assignment()}
    offsets = {mine[at]: offset for at, offset in positions.items() if at in mine}
    if not offsets:
        return
    try:
        with contextlib.suppress(CommitFailedError, IllegalStateError):
            await consumer.commit(offsets)
    except KafkaError as error:
        raise TransientError(f"offsets could not be committed: {error!r}") from error
