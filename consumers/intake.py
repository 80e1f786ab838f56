"""What has come in and may still be written: the guard between fetching and writing. Pure.

Every assignment of partitions opens an *epoch*. A record is written only within the epoch in which it was fetched,
in the order of its partition, and only if the record fetched before it was written: the cursor of a partition is the
offset that is to be written next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from schemas.errors import TransientError
from schemas.message import Record

Partition = tuple[str, int]
"""Topic and partition."""

Positions = Mapping[Partition, int]
"""Partition → the offset to go on from, that is the last one dealt with plus one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """The worker's place in its consumer group, for one epoch; Kafka refuses offsets from any other generation."""

    epoch: int
    generation: int
    member_id: str
    instance: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A fetched record. `follows` is the offset after the record before it in its partition and epoch.

    `undecodable`: a header key of it is not UTF-8, so that no client can write it again; only its value is kept here.
    """

    record: Record
    epoch: int
    follows: int
    undecodable: bool = False


class HoleError(TransientError):
    """Records got lost inside this process between fetching and writing; the broker still has them."""


class Intake:
    """The cursors of the current epoch; used from one thread."""

    def __init__(self) -> None:
        self.member: Member | None = None
        self._next: dict[Partition, int] = {}

    def assign(self, member: Member, starts: Positions) -> None:
        """Opens an epoch at these offsets. Within the same epoch a cursor never goes back."""
        if self.member is not None and self.member.epoch == member.epoch:
            starts = {at: max(offset, self._next.get(at, offset)) for at, offset in starts.items()}
        self.member = member
        self._next = dict(starts)

    def revoke(self) -> None:
        """Closes the epoch: nothing of it is written any more."""
        self.member = None
        self._next = {}

    def fresh(self, arrived: Iterable[Arrived]) -> list[Arrived]:
        """Those of the current epoch that are not written yet, in their order.

        Raises HoleError where one does not follow what was written before it.
        """
        if self.member is None:
            return []
        expected = dict(self._next)
        kept: list[Arrived] = []
        for each in arrived:
            at = (each.record.topic, each.record.partition)
            if each.epoch != self.member.epoch or at not in expected or each.record.offset < expected[at]:
                continue
            if each.follows > expected[at]:
                raise HoleError(
                    f"{at[0]}[{at[1]}]: offsets {expected[at]} to {each.follows - 1} were fetched and not written; "
                    "the worker stops, and they are read again"
                )
            expected[at] = each.record.offset + 1
            kept.append(each)
        return kept

    def advance(self, positions: Positions) -> None:
        """Moves the cursors of what has been written."""
        self._next.update(positions)

    def behind(self, ends: Positions) -> bool:
        """Whether any partition of the epoch has not been written up to its end here."""
        return any(self._next.get(at, end) < end for at, end in ends.items())


def positions_after(arrived: Sequence[Arrived]) -> dict[Partition, int]:
    """The offsets to commit once these records, in order per partition, are dealt with."""
    return {(each.record.topic, each.record.partition): each.record.offset + 1 for each in arrived}
