"""What befalls the reading of articles: slow, faulty or hungry classifiers, poison, and strange input."""

from __future__ import annotations

import time

from articles import Recipe
from load import TransactionalLoad
from on_workers import join
from plan import Plan
from results import Result
from stage import Ground


def poison(ground: Ground) -> Result:
    """One article in ten is poison, while a worker is killed and a second one joins."""
    with ground.stage("poison", Plan(recipe=Recipe(poison_every=10))) as stage:
        stage.crew.add()
        stage.begin()
        stage.random_pause(1.0, 3.0)
        with stage.fault():
            stage.crew.kill(0)
        with stage.fault():
            join(stage)
        return stage.finish()


def slow(ground: Ground) -> Result:
    """The classifier takes five seconds a batch; a second worker joins in the middle of one."""
    plan = Plan(
        backlog=ground.options.articles,
        rate=50,
        settings={"batch_articles": 2_048},
        slow_because="a batch takes 5 s, and two may stand before a partition's next",
    )
    with ground.stage("slow", plan) as stage:
        stage.crew.add("slow")
        stage.begin()
        with stage.fault():
            stage.crew.add("slow")
            time.sleep(8)
        return stage.finish()


def bugs(ground: Ground) -> Result:
    """The classifier raises on every 1,000th article: each of them, and only they, become dead letters `bug`."""
    every = min(1_000, ground.options.articles // 10)
    with ground.stage("bugs", Plan(recipe=Recipe(bug_every=every), bugs_raise=True)) as stage:
        stage.crew.add("raises")
        stage.begin()
        stage.random_pause(1.0, 3.0)
        with stage.fault():
            stage.crew.kill(0)
        return stage.finish()


def out_of_memory(ground: Ground) -> Result:
    """The classifier leaks until the worker meets its memory limit: it ends and is restarted, no article suffers."""
    with ground.stage("out-of-memory", Plan(rate=500)) as stage:
        stage.crew.add("leaking")
        stage.begin()
        stage.wait(lambda: len(stage.crew.exits) >= 2, "the worker never met its limit, or survived it")
        return stage.finish()


def breaker(ground: Ground) -> Result:
    """The classifier raises on everything: the worker stops, and after the repair nothing is lost.

    What it failed on before its breaker had seen enough stands in the dead letters as `bug`, and is there.
    """
    with ground.stage("breaker", Plan(rate=500)) as stage:
        slot = stage.crew.add()
        stage.begin()
        stage.crew.stop(slot)
        before = len(stage.crew.exits)
        stage.crew.start_again(slot, "broken")
        stage.wait(lambda: len(stage.crew.exits) >= before + 2, "the breaker did not trip")
        tripped = stage.crew.exits[before:]
        if any(each.code != 1 for each in tripped):
            stage.result.problems.append(
                f"the breaker ended workers with {[each.code for each in tripped]}, expected 1"
            )
        stage.crew.stop(slot)
        stage.may_be_bugs = stage.settings.breaker_window * (len(stage.crew.exits) - before)
        with stage.fault():
            stage.crew.start_again(slot, "steady")
        return stage.finish()


def aborted(ground: Ground) -> Result:
    """The input is written by transactions, every third aborted; the worker is killed in the middle."""
    with ground.stage("aborted", Plan(load=TransactionalLoad, rate=300)) as stage:
        stage.crew.add()
        stage.begin()
        for _ in range(2):
            stage.random_pause(1.0, 3.0)
            with stage.fault():
                stage.crew.kill(0)
        result = stage.finish()
        if isinstance(stage.load, TransactionalLoad):
            result.notes.append(f"{len(stage.load.aborted):,} articles aborted")
        return result


def bad_header(ground: Ground) -> Result:
    """Records with a header key that is not UTF-8, in the middle of the load: stepped over, with a dead letter."""
    middle = ground.options.articles // 2
    recipe = Recipe(undecodable=frozenset({middle, middle + 1, middle + 400}))
    with ground.stage("bad-header", Plan(recipe=recipe)) as stage:
        stage.crew.add()
        stage.begin()
        stage.load.wait_for(middle + 500)
        return stage.finish()
