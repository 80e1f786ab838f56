"""What has come in and may still be written: the guard between fetching and writing. Pure.

Every assignment of partitions opens an *epoch*. A record is taken only within the epoch in which it was fetched, in
the order of its partition, and only if the record fetched before it was taken: the cursor of a partition is the offset
that is to be taken next. What is taken is written in the same order, or the epoch ends.
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
    """Records got lost inside this process between fetching and reading; the broker still has them."""


class Intake:
    """The cursors of the current epoch; used from one thread."""

    def __init__(self) -> None:
        self.member: Member | None = None
        self._next: dict[Partition, int] = {}
        self._written: dict[Partition, int] = {}

    def assign(self, member: Member, starts: Positions) -> None:
        """Opens an epoch at these offsets. Within the same epoch a cursor never goes back."""
        if self.member is not None and self.member.epoch == member.epoch:
            starts = {at: max(offset, self._next.get(at, offset)) for at, offset in starts.items()}
        else:
            self._written = dict(starts)
        self.member = member
        self._next = dict(starts)

    def revoke(self) -> None:
        """Closes the epoch: nothing of it is taken or written any more."""
        self.member = None
        self._next = {}
        self._written = {}

    def take(self, arrived: Iterable[Arrived]) -> list[Arrived]:
        """Those of the current epoch that were not taken yet, in their order; the cursors go past them.

        Raises HoleError where one does not follow what was taken before it.
        """
        if self.member is None:
            return []
        taken: list[Arrived] = []
        for each in arrived:
            at = (each.record.topic, each.record.partition)
            if each.epoch != self.member.epoch or at not in self._next or each.record.offset < self._next[at]:
                continue
            if each.follows > self._next[at]:
                raise HoleError(
                    f"{at[0]}[{at[1]}]: offsets {self._next[at]} to {each.follows - 1} were fetched and not read; "
                    "the worker stops, and they are read again"
                )
            self._next[at] = each.record.offset + 1
            taken.append(each)
        return taken

    def written(self, epoch: int, positions: Positions) -> None:
        """Notes what has been written of an epoch, if that is still the current one."""
        if self.member is not None and self.member.epoch == epoch:
            self._written.update(positions)

    def behind(self, ends: Positions) -> bool:
        """Whether any partition of the epoch has not been written up to its end here."""
        return any(self._written.get(at, end) < end for at, end in ends.items())


def positions_after(arrived: Sequence[Arrived]) -> dict[Partition, int]:
    """The offsets to commit once these records, in order per partition, are dealt with."""
    return {(each.record.topic, each.record.partition): each.record.offset + 1 for each in arrived}
