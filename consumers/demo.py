"""`tocsin demo`: a broker, a worker and the seed articles, from nothing to ringing events, and nothing left behind."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.text import Text

from consumers.console import harmless, show_event
from consumers.embedded import embedded_broker
from consumers.files import article_files
from consumers.in_flight import InFlight, Sent
from consumers.kafka.admin import create_topics
from consumers.kafka.client import KafkaReader, KafkaSender
from consumers.replay import new_run_id, replay, replayed_articles
from consumers.settings import Delivery, Settings, variable
from consumers.subscriber import Once, Received, received
from consumers.verification import dealt_with
from consumers.worker_process import worker_process
from schemas.errors import StartupError, TocsinError, TransientError
from schemas.message import Record, header

_SESSION_TIMEOUT_S = 2.0
"""Seconds of the demo worker's session: the embedded broker lets a first member wait half of it (measured)."""

_START_S = 60.0
"""Seconds the worker may take until it is in its group; it takes three to six."""


@dataclass(slots=True)
class Summary:
    """What the demo did."""

    articles: int
    events: Counter[str]
    dead_letters: int
    rung: int
    seconds: float

    @property
    def ignored(self) -> int:
        """Articles that gave neither event nor dead letter."""
        return self.articles - self.rung - self.dead_letters


def seeds_folder() -> Path:
    """The seed articles beside this checkout; raises StartupError where there are none."""
    folder = Path(__file__).resolve().parent.parent / "seeds"
    if not folder.is_dir():
        raise StartupError("the seed articles are not installed with the package: name a folder of articles instead")
    return folder


def demo(paths: list[Path], console: Console, *, keep: bool) -> Summary:
    """Runs the whole path once over the articles in `paths`; with `keep` it then stays up until Ctrl-C."""
    with _terminable():
        return _demo(paths, console, keep=keep)


def _demo(paths: list[Path], console: Console, *, keep: bool) -> Summary:
    files = article_files(paths)
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(embedded_broker())
        console.print(f"broker    embedded, in memory, on {broker.address}")
        settings = replace(
            Settings(),
            brokers=(broker.address,),
            group="tocsin-demo",
            delivery=Delivery.AT_LEAST_ONCE,
            session_timeout_s=_SESSION_TIMEOUT_S,
        )
        create_topics(settings)
        reader = KafkaReader(settings, group=settings.group)
        stack.callback(reader.close)
        worker = stack.enter_context(_worker(settings))
        console.print("worker    started; it loads its model and joins its group (a few seconds)")
        sent = _send(files, settings)
        console.print(f"articles  {len(sent)} sent from {', '.join(map(str, paths))}\n")
        summary = _listen(reader, sent, settings, console, worker)
        summary.seconds = time.monotonic() - began
        show_summary(console, summary)
        if keep:
            _stay(settings, console)
    return summary


def _send(files: list[Path], settings: Settings) -> list[Sent]:
    sender = KafkaSender(settings)
    try:
        return list(
            replay(
                replayed_articles(files),
                sender,
                topic=settings.articles_topic,
                run_id=new_run_id(),
                fields=settings.article_fields,
                on_problem=lambda _: None,
                in_flight=InFlight(),
            )
        )
    finally:
        sender.close()


def _listen(
    reader: KafkaReader, sent: list[Sent], settings: Settings, console: Console, worker: subprocess.Popen[bytes]
) -> Summary:
    """Shows events and dead letters as they come, until the worker has committed past the last article."""
    reader.assign([settings.events_topic, settings.dead_topic])
    reader.seek(reader.beginnings())
    names = {(str(item.partition), str(item.offset)): item.article.path.name for item in sent}
    files = {item.id: item.article.path.name for item in sent}
    once, subjects = Once(), set()
    summary = Summary(articles=len(sent), events=Counter(), dead_letters=0, rung=0, seconds=0.0)
    until = time.monotonic() + _START_S
    done = False
    while True:
        records = reader.poll(0.2)
        for record in records:
            if record.topic == settings.dead_topic:
                summary.dead_letters += 1
                _show_dead_letter(console, record, names)
                continue
            item = received(record)
            if isinstance(item, Received) and once.is_new(item.id):
                summary.events[item.event.type.value] += 1
                subjects.add(item.event.article.id)
                show_event(console, item, name=files.get(item.event.article.id))
        if done and not records:
            summary.rung = len(subjects)
            return summary
        done = dealt_with(sent, reader, settings.articles_topic) == len(sent)
        if records:
            until = time.monotonic() + _START_S
        if worker.poll() is not None:
            raise TransientError(f"the worker ended with exit {worker.returncode}")
        if not done and time.monotonic() > until:
            raise TransientError(f"the worker gave nothing for {_START_S:g} s")


def _show_dead_letter(console: Console, record: Record, names: dict[tuple[str, str], str]) -> None:

    at = (
        header(record.headers, "__connect.errors.partition") or "",
        header(record.headers, "__connect.errors.offset") or "",
    )
    line = Text()
    line.append(f"{'dead letter':>17} ", style="bold red")
    line.append(f"{header(record.headers, 'tocsin_reason')}  ", style="bold")
    line.append(names.get(at, "?"), style="cyan")
    line.append(
        f"\n{'':>24}{harmless(header(record.headers, '__connect.errors.exception.message') or '')}", style="dim"
    )
    console.print(line)


def show_summary(console: Console, summary: Summary) -> None:
    """The last lines of the demo."""
    events = ", ".join(f"{count} {name}" for name, count in sorted(summary.events.items())) or "none"
    console.print(
        f"\n{summary.articles} articles in · {sum(summary.events.values())} events out ({events}) · "
        f"{summary.ignored} ignored · {summary.dead_letters} dead-lettered · {summary.seconds:.1f} seconds"
    )


def _stay(settings: Settings, console: Console) -> None:
    name = variable("brokers")
    console.print(
        f"\nstill running; try, with {name}={settings.brokers[0]} {variable('group')}={settings.group}:\n"
        "  tocsin watch --from beginning\n  tocsin replay seeds\nCtrl-C ends it."
    )
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(1)


@contextlib.contextmanager
def _worker(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """A worker whose log is shown only when something fails."""
    with tempfile.TemporaryDirectory(prefix="tocsin-demo-") as folder:
        log = Path(folder) / "worker.log"
        with worker_process(settings, log) as process:
            try:
                yield process
            except TocsinError as error:
                said = log.read_text(errors="replace")[-2_000:]
                raise type(error)(f"{error}\n{said}") from error


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Lets SIGTERM end the demo as Ctrl-C does, with everything it started."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
