"""Batches grow under load and go at once when there is none; what waits is bounded."""

import asyncio
from datetime import UTC, datetime

import pytest

from consumers.inbox import Inbox
from consumers.intake import Arrived
from schemas.message import Record


def arrived(offset: int, size_bytes: int = 1) -> Arrived:
    record = Record(value=b"x" * size_bytes, topic="t", partition=0, offset=offset, timestamp=datetime.now(UTC))
    return Arrived(record=record, epoch=1, follows=offset)


def offsets(batch: list[Arrived]) -> list[int]:
    return [each.record.offset for each in batch]


def inbox_of(*waiting: Arrived, most_articles: int = 10, most_bytes: int = 1_000) -> Inbox:
    inbox = Inbox(most_articles=most_articles, most_bytes=most_bytes)
    inbox.put(waiting)
    return inbox


def test_what_waits_comes_in_its_order_and_at_most_a_batch_of_it() -> None:
    async def story() -> list[list[int]]:
        inbox = inbox_of(*map(arrived, range(5)))
        return [offsets(await inbox.take(3)), offsets(await inbox.take(3))]

    assert asyncio.run(story()) == [[0, 1, 2], [3, 4]]


def test_a_single_article_goes_at_once() -> None:
    async def story() -> list[int]:
        inbox = inbox_of()
        taking = asyncio.ensure_future(inbox.take(256))
        await asyncio.sleep(0)
        inbox.put([arrived(7)])
        return offsets(await taking)

    assert asyncio.run(story()) == [7]


def test_it_has_room_again_once_enough_was_taken_by_number_and_by_bytes() -> None:
    async def story(inbox: Inbox) -> tuple[bool, bool]:
        full = not await inbox.has_room()
        await inbox.take(1)
        return full, await inbox.has_room()

    by_number = inbox_of(arrived(0), arrived(1), most_articles=2)
    by_bytes = inbox_of(arrived(0, 60), arrived(1, 60), most_bytes=100)
    large = inbox_of(arrived(0, 500), most_bytes=100)
    assert [asyncio.run(story(inbox)) for inbox in (by_number, by_bytes, large)] == [(True, True)] * 3
    assert asyncio.run(inbox_of(arrived(0, 60), most_bytes=100).has_room())


@pytest.mark.parametrize(
    ("waiting", "at_once"), [([], True), ([arrived(0)], False)], ids=["nothing waits", "some waits"]
)
def test_a_fetch_is_put_off_only_while_articles_wait_already(waiting: list[Arrived], at_once: bool) -> None:
    async def story() -> bool:
        asked = asyncio.ensure_future(inbox_of(*waiting).has_room())
        await asyncio.sleep(0)
        done = asked.done()
        assert await asked
        return done

    assert asyncio.run(story()) is at_once
