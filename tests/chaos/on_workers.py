"""What befalls workers: they die, join, leave, freeze, and are told to stop."""

from __future__ import annotations

import signal
import time

from plan import SESSION_S, Plan, instance_setting
from results import Result
from stage import Ground, Stage

from consumers.logs import LogEvent

_KILLS = 5


def kill(ground: Ground) -> Result:
    """SIGKILL of the only worker at five random moments; it is restarted a second later."""
    with ground.stage("kill") as stage:
        return _killed(stage)


def kill_static(ground: Ground) -> Result:
    """The same with static membership: no rebalance, the partitions wait for their member."""
    instances = instance_setting()
    if instances is None:
        return Result(scenario="kill-static", skipped="there is no setting for static membership")
    with ground.stage("kill-static") as stage:
        stage.crew.instances = instances
        return _killed(stage)


def _killed(stage: Stage) -> Result:
    stage.crew.add()
    stage.begin()
    for _ in range(_KILLS):
        stage.random_pause(0.5, 3.0)
        with stage.fault():
            stage.crew.kill(0)
    return stage.finish()


def join_leave(ground: Ground) -> Result:
    """A second and a third worker join under load and leave again."""
    with ground.stage("join-leave") as stage:
        stage.crew.add()
        stage.begin()
        for _ in range(2):
            with stage.fault():
                join(stage)
            stage.random_pause(0.5, 2.0)
        for slot in (1, 2):
            with stage.fault():
                _stop_well(stage, slot)
            stage.random_pause(0.5, 2.0)
        return stage.finish()


def kill_one(ground: Ground) -> Result:
    """SIGKILL of one of two workers, twice."""
    with ground.stage("kill-one") as stage:
        two_workers(stage)
        for slot in (1, 0):
            stage.random_pause(0.5, 3.0)
            with stage.fault():
                stage.crew.kill(slot)
            stage.random_pause(0.5, 3.0)
        return stage.finish()


def zombie(ground: Ground) -> Result:
    """One of two workers is frozen for twice the session time and then goes on with what it had in hand."""
    with ground.stage("zombie") as stage:
        two_workers(stage)
        stage.random_pause(0.5, 2.0)
        stage.crew.signal(0, signal.SIGSTOP)
        time.sleep(2 * SESSION_S)
        with stage.fault():
            stage.crew.signal(0, signal.SIGCONT)
        time.sleep(3)
        return stage.finish()


def rolling(ground: Ground) -> Result:
    """Three workers are restarted one after the other, as a deployment does."""
    with ground.stage("rolling") as stage:
        two_workers(stage)
        join(stage)
        for slot in (0, 1, 2):
            before = _joined(stage, slot)
            with stage.fault():
                code = stage.crew.stop(slot, again=True)
                stage.wait(lambda slot=slot, before=before: _joined(stage, slot) > before, "a worker did not join")  # type: ignore[misc]
            _expect(stage, code, {0}, "SIGTERM")
        return stage.finish()


def sigterm(ground: Ground) -> Result:
    """SIGTERM in the middle of the work, three times; the worker is started again."""
    return _told_to_stop(ground, "sigterm", (signal.SIGTERM,), {0})


def sigint(ground: Ground) -> Result:
    """SIGINT in the middle of the work, three times."""
    return _told_to_stop(ground, "sigint", (signal.SIGINT,), {0, 130})


def sigterm_twice(ground: Ground) -> Result:
    """Two SIGTERMs in the middle of the work, three times."""
    return _told_to_stop(ground, "sigterm-twice", (signal.SIGTERM, signal.SIGTERM), {0, 1, 143, -signal.SIGTERM})


def _told_to_stop(ground: Ground, name: str, signals: tuple[signal.Signals, ...], codes: set[int]) -> Result:
    with ground.stage(name, Plan(rate=500)) as stage:
        stage.crew.add()
        stage.begin()
        for _ in range(3):
            stage.random_pause(0.5, 2.0)
            with stage.fault():
                code = stage.crew.stop(0, *signals, again=True)
            _expect(stage, code, codes, "/".join(each.name for each in signals))
        return stage.finish()


def two_workers(stage: Stage) -> None:
    """Begins with two workers that both have partitions."""
    stage.crew.add()
    stage.begin()
    join(stage)


def join(stage: Stage, kind: str = "steady") -> int:
    """Adds a worker and returns when it is a member; Faust may give it nothing, as the third of three on four."""
    slot = stage.crew.add(kind)
    stage.wait(lambda: _joined(stage, slot) > 0, "a new worker did not join")
    return slot


def _joined(stage: Stage, slot: int) -> int:
    """How often the worker in a slot has started, restarts included."""
    return stage.crew.log(slot).read_text("utf-8").count(f'"{LogEvent.WORKER_STARTED}"')


def _stop_well(stage: Stage, slot: int) -> None:
    _expect(stage, stage.crew.stop(slot), {0}, "SIGTERM")


def _expect(stage: Stage, code: int, codes: set[int], what: str) -> None:
    if code not in codes:
        stage.result.problems.append(f"exit {code} after {what}, expected {' or '.join(map(str, sorted(codes)))}")
