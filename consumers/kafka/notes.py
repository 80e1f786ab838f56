"""Offsets of a group without members, each with a note: how far the replay of dead letters has come."""

from __future__ import annotations

from collections.abc import Mapping

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from consumers.kafka.admin import topic_id
from consumers.kafka.connection import broker_errors, connection
from consumers.settings import Settings
from schemas.errors import TransientError


class GroupNotes:
    """Committed offsets of one topic, with their notes.

    Kafka forgets them `offsets.retention.minutes` (7 days by default) after the last commit. The embedded broker keeps
    the offsets and drops the notes.
    """

    def __init__(self, settings: Settings, group: str, topic: str) -> None:
        """Raises StartupError where no broker answers."""
        self._group, self._topic = group, topic
        self.topic_id = topic_id(settings, topic) or "-"
        """Tells a topic from another that had its name before; `-` where the broker has no such ids (Kafka 2.7)."""
        with broker_errors(settings):
            self._consumer = KafkaConsumer(**connection(settings), group_id=group, enable_auto_commit=False)

    def read(self, partitions: list[int]) -> dict[int, tuple[int, str]]:
        """Offset and note by partition; partitions without an offset are left out. Raises TransientError."""
        try:
            found = {p: self._consumer.committed(TopicPartition(self._topic, p), metadata=True) for p in partitions}
        except KafkaError as error:
            raise TransientError(f"offsets of group {self._group!r} could not be read: {error!r}") from error
        return {p: (at.offset, at.metadata or "") for p, at in found.items() if at is not None}

    def write(self, notes: Mapping[int, tuple[int, str]]) -> None:
        """Commits offsets with their notes. Raises TransientError."""
        if not notes:
            return
        offsets = {TopicPartition(self._topic, p): OffsetAndMetadata(at, note, -1) for p, (at, note) in notes.items()}
        try:
            self._consumer.commit(offsets)
        except KafkaError as error:
            raise TransientError(f"offsets of group {self._group!r} could not be committed: {error!r}") from error

    def close(self) -> None:
        """Releases its sockets."""
        self._consumer.close()
