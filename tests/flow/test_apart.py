"""The reading process: it reads as `detect_batch` does, and ends neither too soon nor too late."""

import gc
import io
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from consumers.apart import ReadingProcess, packed, unpacked
from consumers.detect import Reading, detect_batch
from consumers.logs import Log, set_up_logging
from consumers.outcome import IgnoredReason, Published
from consumers.processes import runs
from consumers.testing import KeywordClassifier, eventually
from models.tags import Classifier, Tags
from schemas.article import Article
from schemas.errors import Reason, StartupError, TransientError
from schemas.event import Part
from schemas.event_type import EventType
from schemas.message import Record

TALKS = orjson.dumps({"text": "They hold talks."})


class OutOfMemory(KeywordClassifier):
    """Has no memory for a text with `large` in it."""

    def tag(self, articles: Sequence[Article]) -> list[Tags]:
        if any("large" in article.text for article in articles):
            raise MemoryError
        return super().tag(articles)


class Frozen(KeywordClassifier):
    """Reads only where what it is made of has been put out of the garbage collector's way."""

    def tag(self, articles: Sequence[Article]) -> list[Tags]:
        assert not any(each is self for each in gc.get_objects())
        return super().tag(articles)


def record(offset: int, value: bytes | None = TALKS) -> Record:
    headers = (("traceparent", b"00-1"), ("empty", None), ("traceparent", b"00-2"))
    when = datetime(2026, 1, 2, tzinfo=UTC)
    return Record(value=value, key=b"k", headers=headers, topic="t", partition=3, offset=offset, timestamp=when)


@contextmanager
def reader(classifier: Callable[[], Classifier] = KeywordClassifier) -> Iterator[ReadingProcess]:
    with closing(ReadingProcess(classifier, Reading(event_source="/here"), Log())) as process:
        yield process
    assert not multiprocessing.active_children()


def pid_of_reader() -> int:
    (process,) = multiprocessing.active_children()
    assert process.pid is not None
    return process.pid


def test_it_reads_as_the_pure_call_does() -> None:
    values = [TALKS, None, b"\xff", b"{}", orjson.dumps({"text": "nothing"}), orjson.dumps({"text": "explode"}), TALKS]
    records = [record(offset, value) for offset, value in enumerate(values)]
    with reader() as process:
        assert process.loaded() == KeywordClassifier.model
        read = process.read(records), process.read([]), process.read(records[:1])
    wanted = detect_batch(records, KeywordClassifier(), Reading(event_source="/here"))
    assert read == (wanted, [], wanted[:1])


def test_two_threads_that_give_batches_at_once_are_each_given_their_own() -> None:
    batches = [[record(20 * number + place) for place in range(1 + number % 7)] for number in range(60)]
    large = record(0, orjson.dumps({"text": "They hold talks. " * 10_000}))
    with reader() as process, ThreadPoolExecutor(2) as threads:
        process.loaded()
        read = list(threads.map(process.read, [[large] * 5, *batches]))
    assert read[1:] == [detect_batch(batch, KeywordClassifier(), Reading(event_source="/here")) for batch in batches]


def test_its_classifier_is_never_looked_through_for_garbage() -> None:
    with reader(Frozen) as process:
        process.loaded()
        assert isinstance(process.read([record(0)])[0], Published)


def test_what_is_wrong_with_the_classifier_is_told_here() -> None:
    def refuse() -> Classifier:
        raise StartupError("no such model")

    with reader(refuse) as process, pytest.raises(StartupError, match="no such model"):
        process.loaded()


def test_a_bug_is_logged_there(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as log:
        set_up_logging("info", log)
        with reader() as process:
            process.loaded()
            process.read([record(7, orjson.dumps({"text": "explode"}))])
        set_up_logging("error", io.StringIO())
    (line,) = map(orjson.loads, (tmp_path / "log").read_text().splitlines())
    assert (line["event"], line["error_class"], line["offset"]) == ("bug", "builtins.ValueError", 7)


def test_no_memory_is_told_here_and_is_no_articles_fault() -> None:
    with reader(OutOfMemory) as process:
        process.loaded()
        with pytest.raises(MemoryError):
            process.read([record(0, orjson.dumps({"text": "large"}))])


def test_its_death_is_noticed_with_and_without_a_batch() -> None:
    with reader() as process:
        process.loaded()
        process.look()
        os.kill(pid_of_reader(), signal.SIGKILL)
        with pytest.raises(TransientError, match="killed by signal 9"):
            process.read([record(0)])
        with pytest.raises(TransientError, match="killed by signal 9"):
            process.look()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_reads_on_where_a_signal_tells_all_processes_to_stop(number: signal.Signals) -> None:
    with reader() as process:
        process.loaded()
        os.kill(pid_of_reader(), number)
        assert len(process.read([record(0)])) == 1


HANGING = """
import multiprocessing, sys, time
from consumers.apart import ReadingProcess
from consumers.detect import Reading
from consumers.logs import Log
def hang():
    sys.setswitchinterval(1000)
    while True: pass
ReadingProcess(hang, Reading(), Log())
print(multiprocessing.active_children()[0].pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills a child with its parent (prctl)")
def test_it_dies_with_its_parent_even_where_it_hangs() -> None:
    with subprocess.Popen([sys.executable, "-c", HANGING], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert runs(child)
        parent.kill()
    try:
        assert eventually(lambda: not runs(child), within_s=10)
    finally:
        if runs(child):
            os.kill(child, signal.SIGKILL)


class Hostile:
    """Would run a command where it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch hostile-was-here",)


@pytest.mark.parametrize("value", [Hostile(), os.system, pickle.Unpickler])
def test_nothing_but_values_comes_out_of_the_pipe(
    value: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(pickle.UnpicklingError, match="none of the values"):
        unpacked(packed(value))
    assert not list(tmp_path.iterdir())
    assert unpacked(packed([record(1), None, "text", b"bytes", 0.5])) == [record(1), None, "text", b"bytes", 0.5]


@pytest.mark.parametrize("words", [EventType, Part, Reason, IgnoredReason])
def test_enumerations_pass_as_python_up_to_3_11_3_pickles_them(words: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "__reduce_ex__", lambda word, _: (getattr, (words, word.name)))
    assert unpacked(packed(list(words))) == list(words)
