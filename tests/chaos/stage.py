"""The stage of one scenario: topics, load, workers and watcher of its own, on a broker that may be shared."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brokers import Broker
from counting import Count, Seen, committed_offsets, count, read_committed, seen_of
from crew import Crew
from judging import judge_count, judge_offsets, note_exits
from load import Entry, Load
from plan import Options, Plan, settings_of
from results import Result
from topics import create_topic
from watcher import Watcher

STUCK_S = 120.0
"""Seconds without any step forward after which a scenario is given up: it has then failed, it is not slow."""

UNREAD_AT_MOST = 12_000
"""Articles by which the workers may be behind before the load waits: enough to lose, and soon read up."""


class StuckError(Exception):
    """Nothing moved any more."""


class Stage:
    """Everything that one run of a scenario has in hand. Use it by `Ground.stage`."""

    def __init__(
        self,
        name: str,
        *,
        options: Options,
        plan: Plan,
        address: str,
        worker_address: str | None,
        folder: Path,
        dice: random.Random,
    ) -> None:
        self.options, self.plan, self.address, self.dice = options, plan, address, dice
        self.result = Result(scenario=name, slow_because=plan.slow_because)
        self.settings = settings_of(options, plan, worker_address or address)
        self.gone: set[int] = set()
        self.earlier: dict[int, Entry] = {}
        self.may_be_bugs = 0
        self.loaded_at = 0.0
        folder.mkdir(parents=True)
        self._create_topics()
        extra = {"CHAOS_BREAK": options.sabotage} if options.sabotage else {}
        self.crew = Crew(self.settings, folder, extra)
        self.load = self._load()
        self.watcher = self._watcher()
        self.load.braked = lambda: len(self.load.ledger.entries) - self.watcher.outputs() > UNREAD_AT_MOST

    def _create_topics(self) -> None:
        shape: dict[str, Any] = {"partitions": self.options.partitions, "replication": self.plan.replication}
        create_topic(self.address, self.settings.articles_topic, **shape)
        create_topic(self.address, self.settings.dead_topic, **shape, appended_time=True)
        if not self.plan.events_topic_missing:
            self.create_events_topic()

    def create_events_topic(self) -> None:
        """Creates the events topic, where the plan left it out."""
        create_topic(
            self.address,
            self.settings.events_topic,
            partitions=self.options.partitions,
            replication=self.plan.replication,
            appended_time=True,
        )

    def _load(self) -> Load:
        backlog = self.options.articles // 5 if self.plan.backlog is None else self.plan.backlog
        return self.plan.load(
            address=self.address,
            topic=self.settings.articles_topic,
            partitions=self.options.partitions,
            recipe=self.plan.recipe,
            at_least=self.options.articles,
            backlog=backlog,
            rate=self.plan.rate,
        )

    def _watcher(self) -> Watcher:
        return Watcher(
            address=self.address,
            events=self.settings.events_topic,
            dead=self.settings.dead_topic,
            partitions=self.options.partitions,
        )

    def begin(self) -> None:
        """Starts the load, and returns when every partition gives output."""
        self.load.start()
        self.watcher.start()
        self.wait(lambda: self.watcher.partitions_seen() == self.options.partitions, "no output at the beginning")

    def wait(self, condition: Callable[[], bool], otherwise: str, *, most_s: float = STUCK_S) -> None:
        """Returns when the condition holds; raises StuckError where it never does."""
        until = time.monotonic() + most_s
        while not condition():
            if time.monotonic() > until:
                raise StuckError(f"{otherwise} ({most_s:g} s)")
            if self.load.error is not None:
                raise StuckError(f"the load failed: {self.load.error!r}")
            time.sleep(0.05)

    def random_pause(self, least_s: float, most_s: float) -> None:
        """Lets the work go on for a random time."""
        time.sleep(self.dice.uniform(least_s, most_s))

    @contextlib.contextmanager
    def fault(self) -> Iterator[None]:
        """The block is the fault; after it, waits until every partition gives new output, and notes how long it took.

        What is judged is the time to the first new output; a worker that is behind may take its partitions in turn.
        Raises StuckError where output does not resume.
        """
        yield
        ended = time.time()
        self.wait(
            lambda: self.watcher.resumed_after(ended) is not None,
            f"output did not resume in every partition after fault {len(self.result.resumed_s) + 1}",
        )
        first_s, last_s = self.watcher.resumed_after(ended) or (0.0, 0.0)
        self.result.resumed_s.append(round(first_s, 1))
        self.result.resumed_everywhere_s.append(round(last_s, 1))

    def committed(self) -> dict[int, int]:
        """The group's committed offsets."""
        with contextlib.suppress(Exception):
            return committed_offsets(self.address, self.settings.group, self.settings.articles_topic)
        return {}

    def drain(self) -> None:
        """Ends the load and waits until the group has committed past its last article."""
        self.load.finish()
        self.loaded_at = time.time()
        ends = self.load.ledger.ends()
        best, since = -1, time.monotonic()
        while True:
            committed = self.committed()
            if all(committed.get(partition, 0) >= end for partition, end in ends.items()):
                return
            done = sum(min(committed.get(partition, 0), end) for partition, end in ends.items())
            if done > best:
                best, since = done, time.monotonic()
            if time.monotonic() - since > STUCK_S:
                raise StuckError(
                    f"{done:,} of {sum(ends.values()):,} offsets committed, then nothing for {STUCK_S:g} s"
                )
            time.sleep(0.5)

    def finish(self) -> Result:
        """Drains, stops the workers, counts, and judges."""
        with self._noting_trouble():
            self.drain()
        codes = self.crew.stop_all()
        if any(codes):
            self.result.problems.append(f"workers ended with {codes} on SIGTERM")
        self.watcher.stop()
        self.result.longest_gap_s = round(self.watcher.longest_gap_s(self.loaded_at), 1)
        with self._noting_trouble():
            judge_count(self.result, self.count(), self.load.ledger)
            judge_offsets(self.result, self.committed(), self.load.ledger.ends(), exact=self.plan.load is Load)
        if self.options.timed:
            self.result.judge_resumption()
        note_exits(self.result, self.crew.exits)
        return self.result

    @contextlib.contextmanager
    def _noting_trouble(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - what follows is still to be counted
            self.result.problems.append(f"{type(error).__name__}: {error}"[:400])

    def seen(self) -> list[Seen]:
        """All output so far, as the independent consumer sees it."""
        numbers = {(each.partition, each.offset): each.number for each in list(self.load.ledger.entries.values())}
        topics = (self.settings.events_topic, self.settings.dead_topic)
        return read_committed(
            self.address,
            topics,
            self.options.partitions,
            lambda record: seen_of(record, self.settings.dead_topic, numbers),
        )

    def count(self) -> Count:
        """The independent count."""
        return count(
            (self.earlier | self.load.ledger.entries).values(),
            self.seen(),
            bugs_raise=self.plan.bugs_raise,
            drop_repeats=self.options.drops_repeats,
            gone=self.gone,
            may_be_bugs=self.may_be_bugs,
        )

    def close(self) -> None:
        """Ends what is still there, however the scenario ended."""
        self.crew.close()
        self.load.abandon()
        if self.watcher.is_alive():
            self.watcher.stop()


@dataclass(slots=True, kw_only=True)
class Ground:
    """What all scenarios of a round share: the options, one broker, a folder."""

    options: Options
    broker: Broker
    folder: Path
    run: int = 1
    given_up: Result | None = None
    """What was counted of a scenario that got stuck."""

    @contextlib.contextmanager
    def stage(
        self, name: str, plan: Plan | None = None, *, address: str | None = None, worker_address: str | None = None
    ) -> Iterator[Stage]:
        """A stage on the shared broker, or on the one at `address`; workers may go by another address.

        Where it gets stuck, what came out is counted all the same, and kept in `given_up`.
        """
        stage = Stage(
            name,
            options=self.options,
            plan=plan or Plan(),
            address=address or self.broker.address,
            worker_address=worker_address,
            folder=self.folder_of(name),
            dice=random.Random(f"{self.options.seed}-{name}-{self.run}"),  # noqa: S311 - moments, not secrets
        )
        try:
            yield stage
        except StuckError as error:
            stage.result.problems.append(str(error))
            self.given_up = stage.finish()
            raise
        finally:
            stage.close()

    def folder_of(self, name: str) -> Path:
        """Where a run of a scenario writes its logs."""
        return self.folder / f"{name}-{self.run}"
