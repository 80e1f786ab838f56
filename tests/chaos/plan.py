"""How a scenario is run: what the round asks for, what the scenario changes, and the settings that follow."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from articles import Recipe
from load import Load

from consumers.settings import Delivery, Settings

SESSION_S = 10.0
"""`TOCSIN_SESSION_TIMEOUT_S` of every worker here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the round is asked for by variables; see `__main__`."""

    articles: int
    partitions: int
    delivery: Delivery
    seed: int
    sabotage: str = ""
    timed: bool = True
    """Whether output that resumes late is a failure: not on a machine that does other things beside."""

    @property
    def drops_repeats(self) -> bool:
        """Whether the promise is that of at-least-once: none twice after dropping repeated ids."""
        return self.delivery is Delivery.AT_LEAST_ONCE and not self.sabotage


@dataclass(slots=True, kw_only=True)
class Plan:
    """How a scenario differs from the ordinary one."""

    recipe: Recipe = Recipe()
    bugs_raise: bool = False
    backlog: int | None = None
    """Articles at once at the beginning; a fifth of all where it is None."""
    rate: float = 400.0
    load: type[Load] = Load
    slow_because: str = ""
    replication: int = 1
    settings: Mapping[str, object] = field(default_factory=dict)
    events_topic_missing: bool = False


def instance_setting() -> str | None:
    """The variable for static membership, where the product has one."""
    names = [item.name for item in fields(Settings) if item.name.startswith("group_instance")]
    return f"TOCSIN_{names[0].upper()}" if names else None


def settings_of(options: Options, plan: Plan, address: str) -> Settings:
    name = uuid.uuid4().hex[:10]
    values: dict[str, Any] = {
        "brokers": tuple(address.split(",")),
        "group": f"group-{name}",
        "articles_topic": f"articles-{name}",
        "events_topic": f"events-{name}",
        "dead_topic": f"dead-{name}",
        "session_timeout_s": SESSION_S,
        "delivery": Delivery.AT_LEAST_ONCE if options.sabotage else options.delivery,
        "partitions": options.partitions,
        "replication": plan.replication,
    }
    return Settings(**(values | dict(plan.settings)))
