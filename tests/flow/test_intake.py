"""What may be written: only what was fetched in the present epoch, once, and never after a hole. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.intake import Arrived, HoleError, Intake, Member, positions_after
from schemas.message import Record

TOPIC = "articles"


def member(epoch: int) -> Member:
    return Member(epoch=epoch, generation=epoch * 10, member_id=f"m{epoch}", instance=None)


def arrived(offset: int, *, epoch: int = 1, follows: int | None = None, partition: int = 0) -> Arrived:
    record = Record(
        value=b"", topic=TOPIC, partition=partition, offset=offset, timestamp=datetime(2026, 1, 1, tzinfo=UTC)
    )
    return Arrived(record=record, epoch=epoch, follows=offset if follows is None else follows)


def offsets(found: Sequence[Arrived]) -> list[int]:
    return [each.record.offset for each in found]


def opened(start: int = 0, *, epoch: int = 1) -> Intake:
    intake = Intake()
    intake.assign(member(epoch), {(TOPIC, 0): start})
    return intake


def test_before_an_assignment_nothing_may_be_written() -> None:
    assert Intake().take([arrived(0)]) == []


def test_what_lies_below_the_committed_offset_is_dropped() -> None:
    assert offsets(opened(3).take([arrived(n) for n in range(5)])) == [3, 4]


def test_records_of_another_epoch_are_dropped() -> None:
    intake = opened(epoch=2)
    assert offsets(intake.take([arrived(0, epoch=1), arrived(0, epoch=2), arrived(1, epoch=3)])) == [0]


def test_partitions_that_are_not_ours_are_dropped() -> None:
    assert opened().take([arrived(0, partition=1)]) == []


def test_offsets_may_have_gaps_where_the_client_saw_nothing_between() -> None:
    assert offsets(opened().take([arrived(0, follows=0), arrived(7, follows=1), arrived(9, follows=8)])) == [0, 7, 9]


def test_a_record_that_follows_one_that_was_not_taken_is_refused() -> None:
    intake = opened()
    intake.take([arrived(0), arrived(1)])
    with pytest.raises(HoleError, match=r"articles\[0\]: offsets 2 to 4 were fetched and not read"):
        intake.take([arrived(5)])


def test_what_was_taken_is_not_taken_again_when_it_is_fetched_again() -> None:
    intake = opened()
    intake.take([arrived(0), arrived(1)])
    intake.assign(member(1), {(TOPIC, 0): 0})
    assert offsets(intake.take([arrived(0, follows=0), arrived(1), arrived(2)])) == [2]


def test_after_revocation_nothing_may_be_written_until_the_next_epoch() -> None:
    intake = opened()
    intake.revoke()
    assert intake.take([arrived(0)]) == []
    intake.assign(member(2), {(TOPIC, 0): 0})
    assert offsets(intake.take([arrived(0, epoch=1), arrived(0, epoch=2)])) == [0]


def test_it_is_behind_while_a_partition_is_not_written_up_to_its_end() -> None:
    intake = opened()
    assert not intake.behind({(TOPIC, 0): 0})
    intake.take([arrived(0)])
    assert intake.behind({(TOPIC, 0): 1})
    intake.written(1, {(TOPIC, 0): 1})
    assert not intake.behind({(TOPIC, 0): 1})
    assert not intake.behind({(TOPIC, 1): 5})


def test_what_was_written_of_an_earlier_epoch_says_nothing_of_this_one() -> None:
    intake = opened(epoch=2)
    intake.written(1, {(TOPIC, 0): 5})
    assert intake.behind({(TOPIC, 0): 1})


@given(st.lists(st.tuples(st.integers(1, 6), st.booleans(), st.booleans()), max_size=30), st.integers(0, 3))
def test_whatever_dies_each_offset_is_written_once_and_in_order(
    steps: list[tuple[int, bool, bool]], start: int
) -> None:
    """A model of the broker: committed offsets move with what is written; an assignment begins at them."""
    intake, epoch, committed, position = opened(start), 1, start, start
    written: list[int] = []
    for count, lost_membership, fetched_again in steps:
        batch = [arrived(position + n, epoch=epoch) for n in range(count)]
        position += count
        fresh = intake.take(batch)
        if lost_membership:
            epoch += 1
            intake.assign(member(epoch), {(TOPIC, 0): committed})
            position = committed
            assert intake.take(batch) == []
            continue
        written += offsets(fresh)
        intake.written(epoch, positions_after(fresh))
        committed = max(committed, *positions_after(fresh).values()) if fresh else committed
        if fetched_again:
            position = start
            intake.assign(member(epoch), {(TOPIC, 0): position})
    assert written == list(range(start, start + len(written)))
