"""The Worker alone, with a sink that does what a test tells it: what is written, what is not, and what ends it."""

import asyncio
import io
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from consumers.detect import detect_batch
from consumers.health import Health
from consumers.intake import Arrived, Member, Partition, Positions
from consumers.logs import Log, set_up_logging
from consumers.metrics import Metrics
from consumers.outcome import Outcome
from consumers.settings import Settings
from consumers.sink import Outgoing, portions
from consumers.testing import KeywordClassifier
from consumers.worker import BreakerTripped, Worker
from schemas.errors import TocsinError, TransientError
from schemas.message import Record

TOPIC = "articles"
Answer = Callable[[int], Coroutine[Any, Any, bool]]


class PlayedSink:
    """Keeps what it is given; `answer` says, per write, how it ends."""

    def __init__(self, answer: Answer) -> None:
        self.writes: list[tuple[int, dict[Partition, int], Member]] = []
        self._answer = answer

    async def write(self, outgoing: Sequence[Outgoing], positions: Positions, member: Member) -> bool:
        self.writes.append((len(outgoing), dict(positions), member))
        return await self._answer(len(self.writes))

    def close(self) -> None:
        """Nothing is held."""


class NoOffsets:
    """Offsets that nobody asks for."""

    def starts(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        return dict.fromkeys(partitions, 0)

    def lost(self, places: Mapping[Partition, int]) -> TocsinError:
        return TransientError(str(places))


async def well(_number: int) -> bool:
    return True


def member(epoch: int = 1) -> Member:
    return Member(epoch=epoch, generation=epoch, member_id="m", instance=None)


def article(offset: int, text: str = "talks", *, epoch: int = 1) -> Arrived:
    record = Record(
        value=orjson.dumps({"text": text}), topic=TOPIC, partition=0, offset=offset, timestamp=datetime.now(UTC)
    )
    return Arrived(record=record, epoch=epoch, follows=offset)


def read_at_once(records: Sequence[Record]) -> list[Outcome]:
    return detect_batch(records, KeywordClassifier())


def play(
    answer: Answer,
    story: Callable[[Worker], Coroutine[Any, Any, None]],
    read: Callable[[Sequence[Record]], list[Outcome]] = read_at_once,
    full: int = 1,
) -> tuple[PlayedSink, Worker]:
    """Runs a story with a worker that has partition 0 from offset 0 on; a batch of `full` articles is full."""
    set_up_logging("error", io.StringIO())
    sink = PlayedSink(answer)

    async def told() -> Worker:
        worker = Worker(
            settings=Settings(breaker_window=4, batch_articles=full),
            read=read,
            sink=sink,
            offsets=NoOffsets(),
            health=Health(stall_timeout_s=60),
            metrics=Metrics(),
            log=Log(),
        )
        worker.assigned(member(), {(TOPIC, 0): 0})
        await story(worker)
        await worker.finish()
        return worker

    return sink, asyncio.run(told())


def positions(sink: PlayedSink) -> list[int]:
    return [where[TOPIC, 0] for _, where, _ in sink.writes]


def test_batches_are_written_in_their_order_with_the_offsets_behind_them() -> None:
    async def story(worker: Worker) -> None:
        for offset in range(3):
            await worker.handle([article(offset)])

    sink, worker = play(well, story)
    assert positions(sink) == [1, 2, 3]
    assert worker.failure is None


def test_a_batch_is_read_while_the_one_before_it_is_written() -> None:
    order: list[str] = []

    async def slow(number: int) -> bool:
        order.append(f"begin {number}")
        await asyncio.sleep(0.2)
        order.append(f"end {number}")
        return True

    async def story(worker: Worker) -> None:
        await worker.handle([article(0)])
        order.append("first handled")
        await worker.handle([article(1)])

    play(slow, story)
    assert order[0] in {"first handled", "begin 1"}
    assert order.index("first handled") < order.index("end 1") < order.index("begin 2")


def test_the_next_batch_is_given_to_be_read_before_the_one_in_hand_is_and_they_are_written_in_order() -> None:
    second_is_read = threading.Event()

    def first_waits_for_second(records: Sequence[Record]) -> list[Outcome]:
        if records[0].offset == 0:
            assert second_is_read.wait(10)
        else:
            second_is_read.set()
        return read_at_once(records)

    async def story(worker: Worker) -> None:
        for offset in range(3):
            await worker.handle([article(offset)])

    sink, worker = play(well, story, first_waits_for_second)
    assert positions(sink) == [1, 2, 3]
    assert worker.failure is None


def test_no_third_batch_is_taken_while_two_are_in_hand() -> None:
    async def story(worker: Worker) -> None:
        await worker.handle([article(0)])
        handled = asyncio.ensure_future(worker.handle([article(1)]))
        await asyncio.sleep(0.05)
        assert not handled.done()
        go_on.set()
        await handled

    def wait(records: Sequence[Record]) -> list[Outcome]:
        assert go_on.wait(10)
        return read_at_once(records)

    go_on = threading.Event()
    _, worker = play(well, story, wait)
    assert worker.failure is None


def test_a_batch_that_is_not_full_is_read_before_another_is_taken() -> None:
    seen: list[int] = []

    def read(records: Sequence[Record]) -> list[Outcome]:
        time.sleep(0.05)
        seen.append(records[0].offset)
        return read_at_once(records)

    async def story(worker: Worker) -> None:
        for offset in range(2):
            await worker.handle([article(offset)])
            assert seen == list(range(offset + 1))

    play(well, story, read, full=2)


def test_after_a_refused_write_nothing_more_of_that_epoch_is_written() -> None:
    async def refused_first(number: int) -> bool:
        return number > 1

    async def story(worker: Worker) -> None:
        for offset in range(3):
            await worker.handle([article(offset)])
        worker.assigned(member(2), {(TOPIC, 0): 0})
        await worker.handle([article(0, epoch=2), article(1, epoch=2)])

    sink, worker = play(refused_first, story)
    assert positions(sink) == [1, 2]
    assert [who.epoch for _, _, who in sink.writes] == [1, 2]
    assert worker.failure is None


def test_a_batch_whose_partitions_went_while_it_was_read_is_not_written() -> None:
    async def story(worker: Worker) -> None:
        reading = asyncio.ensure_future(worker.handle([article(0)]))
        await asyncio.sleep(0)
        await worker.revoked()
        await reading

    sink, worker = play(well, story)
    assert sink.writes == []
    assert worker.failure is None


def test_giving_partitions_back_waits_for_the_write_in_hand() -> None:
    order: list[str] = []

    async def slow(_number: int) -> bool:
        await asyncio.sleep(0.2)
        order.append("written")
        return True

    async def story(worker: Worker) -> None:
        await worker.handle([article(0)])
        await asyncio.sleep(0.05)
        await worker.revoked()
        order.append("given back")

    play(slow, story)
    assert order == ["written", "given back"]


def test_an_error_of_the_sink_ends_the_worker_and_nothing_is_written_after_it() -> None:
    async def broken(_number: int) -> bool:
        raise TransientError("no broker")

    async def story(worker: Worker) -> None:
        for offset in range(3):
            await worker.handle([article(offset)])
            await asyncio.sleep(0.05)

    sink, worker = play(broken, story)
    assert len(sink.writes) == 1
    assert str(worker.failure) == "no broker"
    assert worker.stopping.is_set()


def test_running_out_of_memory_ends_the_worker_and_blames_no_article(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_self: KeywordClassifier, _articles: object) -> None:
        raise MemoryError

    monkeypatch.setattr(KeywordClassifier, "tag", full)

    async def story(worker: Worker) -> None:
        await worker.handle([article(0)])

    sink, worker = play(well, story)
    assert sink.writes == []
    assert "memory" in str(worker.failure)


def test_the_breaker_ends_the_worker_and_its_batch_is_not_written() -> None:
    async def story(worker: Worker) -> None:
        await worker.handle([article(offset, "explode") for offset in range(4)])

    sink, worker = play(well, story)
    assert sink.writes == []
    assert isinstance(worker.failure, BreakerTripped)


@pytest.mark.parametrize(
    ("sizes", "counts"),
    [([], [0]), ([5], [1]), ([50], [1]), ([4, 4, 4], [2, 1]), ([50, 1, 1], [1, 2]), ([1] * 12, [10, 2])],
)
def test_a_batch_is_cut_where_it_grows_too_large(sizes: list[int], counts: list[int]) -> None:
    assert portions(sizes, 10) == counts


def seen_where_a_worker_reads(expression: str) -> str:
    """The value of an expression in the reading process of a worker, before it has a classifier."""
    looking = (
        "import gc, sys; from consumers.run import serve; from consumers.settings import Settings\n"
        f"def look(): print({expression}, flush=True); sys.exit()\n"
        "serve(Settings(), look)"
    )
    seen = subprocess.run([sys.executable, "-c", looking], check=False, capture_output=True, text=True)
    return seen.stdout


def test_threads_of_a_worker_wait_a_millisecond_for_the_interpreter_and_not_five() -> None:
    assert seen_where_a_worker_reads("sys.getswitchinterval()") == "0.001\n"


def test_what_is_imported_is_never_looked_through_for_garbage() -> None:
    assert seen_where_a_worker_reads("len(gc.get_objects()) < gc.get_freeze_count()") == "True\n"
