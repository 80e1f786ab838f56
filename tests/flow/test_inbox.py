"""Batches grow under load and go at once when there is none; what waits is bounded."""

import asyncio
from datetime import UTC, datetime

from consumers.inbox import Inbox
from consumers.intake import Arrived
from schemas.message import Record


def arrived(offset: int, size_bytes: int = 1) -> Arrived:
    record = Record(value=b"x" * size_bytes, topic="t", partition=0, offset=offset, timestamp=datetime.now(UTC))
    return Arrived(record=record, epoch=1, follows=offset)


def offsets(batch: list[Arrived]) -> list[int]:
    return [each.record.offset for each in batch]


def test_what_waits_comes_in_its_order_and_at_most_a_batch_of_it() -> None:
    async def story() -> list[list[int]]:
        inbox = Inbox(most_articles=10)
        for offset in range(5):
            await inbox.put(arrived(offset))
        return [offsets(await inbox.take(3)), offsets(await inbox.take(3))]

    assert asyncio.run(story()) == [[0, 1, 2], [3, 4]]


def test_a_single_article_goes_at_once() -> None:
    async def story() -> list[int]:
        inbox = Inbox(most_articles=10)
        taking = asyncio.ensure_future(inbox.take(256))
        await asyncio.sleep(0)
        await inbox.put(arrived(7))
        return offsets(await taking)

    assert asyncio.run(story()) == [7]


def test_it_waits_for_room_by_number_and_by_bytes() -> None:
    async def held_up(inbox: Inbox, first: list[Arrived], last: Arrived) -> tuple[bool, list[int]]:
        for each in first:
            await inbox.put(each)
        putting = asyncio.ensure_future(inbox.put(last))
        await asyncio.sleep(0.01)
        waited = not putting.done()
        await inbox.take(1)
        await putting
        return waited, offsets(await inbox.take(10))

    async def story() -> list[tuple[bool, list[int]]]:
        by_number = await held_up(Inbox(most_articles=2), [arrived(0), arrived(1)], arrived(2))
        by_bytes = await held_up(Inbox(most_articles=9, most_bytes=100), [arrived(0, 60), arrived(1, 60)], arrived(2))
        large = await held_up(Inbox(most_articles=9, most_bytes=100), [arrived(0, 500)], arrived(1))
        return [by_number, by_bytes, large]

    assert asyncio.run(story()) == [(True, [1, 2]), (True, [1, 2]), (True, [1])]
