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


class UndecodableRecordError(TransientError):
    """The client cannot decode a record: it raises at that offset for ever (a header key that is not UTF-8)."""

    def __init__(self, topic: str, partition: int, offset: int) -> None:
        self.topic, self.partition, self.offset = topic, partition, offset
        super().__init__(
            f"{topic}[{partition}]@{offset}: the Kafka client cannot decode this record (a header key that is not "
            f"UTF-8); move the group past it, to offset {offset + 1}, to go on"
        )


def undecodable(consumer: Any) -> UndecodableRecordError | None:
    """The record at which the fetcher of this aiokafka consumer has just failed to decode.

    aiokafka 0.14 raises without saying where; its iterator over the partition's records has then ended, and the
    offset to fetch next is still that of the culprit. Tested on a real broker.
    """
    for tp, fetched in consumer._fetcher._records.items():  # noqa: SLF001 - there is no public way, see above
        records = getattr(fetched, "_partition_records", None)
        iterator = getattr(records, "_records_iterator", None)
        if records is not None and iterator is not None and iterator.gi_frame is None:
            return UndecodableRecordError(tp.topic, tp.partition, records.next_fetch_offset)
    return None
