"""The verbs of `tocsin dead`. As in `cli`, no logic, and heavy imports inside the verbs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import click

from consumers.settings import load_settings
from schemas.errors import Reason

_LIMIT = 1_000


def _moment(_context: click.Context, _option: click.Parameter, text: str | None) -> datetime | None:
    from consumers.dead_letters import parsed_moment

    try:
        return parsed_moment(text, datetime.now(UTC)) if text is not None else None
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(
            f"expected a time such as 2024-05-01T12:00:00Z or an age such as 2h, got {text!r}"
        ) from error


def _place(_context: click.Context, _argument: click.Parameter, text: str) -> tuple[int, int]:
    from consumers.dead_letters import parsed_place

    try:
        return parsed_place(text)
    except ValueError as error:
        raise click.BadParameter(f"expected PARTITION@OFFSET as `tocsin dead list` gives it, got {text!r}") from error


def _filters(verb: Callable[..., None]) -> Callable[..., None]:
    """The options that say which letters; `list` and `replay` share them."""
    reasons = click.Choice([reason.value for reason in Reason])
    since = "Only those that died then or later: an RFC 3339 time, or an age such as 90s, 30m, 2h, 7d."
    partition = "Only this partition of the dead-letter topic; repeatable."
    count = click.IntRange(min=1)
    for option in (
        click.option("--limit", type=count, default=_LIMIT, show_default=True, help="At most so many, the oldest."),
        click.option("--partition", "partitions", multiple=True, type=click.IntRange(min=0), help=partition),
        click.option("--until", callback=_moment, metavar="TIME|AGE", help="Only those that died before then."),
        click.option("--since", callback=_moment, metavar="TIME|AGE", help=since),
        click.option("--reason", "reasons", multiple=True, type=reasons, help="Only this reason; repeatable."),
    ):
        verb = option(verb)
    return verb


@click.group()
def dead() -> None:
    """List, show and send back what could not be read.

    Example: tocsin dead list --since 2h
    """


@dead.command("list")
@_filters
@click.option("--json", "as_json", is_flag=True, help="JSON lines on a terminal too.")
def dead_list(  # noqa: PLR0917 - click gives options by name
    reasons: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    partitions: tuple[int, ...],
    limit: int,
    as_json: bool,
) -> None:
    """One line per dead letter, oldest first: a table on a terminal, in a pipe JSON lines.

    Example: tocsin dead list --reason contract --since 2h
    """
    from consumers.dead_command import list_letters
    from consumers.dead_letters import Wanted

    wanted = Wanted(reasons=frozenset(reasons), since=since, until=until)
    list_letters(load_settings(), wanted, partitions=partitions, limit=limit, as_json=as_json)


@dead.command("show")
@click.argument("place", metavar="PARTITION@OFFSET", callback=_place)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on a terminal too.")
@click.option("--raw", is_flag=True, help="Only the value, byte for byte; not on a terminal.")
def dead_show(place: tuple[int, int], as_json: bool, raw: bool) -> None:
    """Everything of one dead letter: reason, headers, and the beginning of its value made harmless.

    Example: tocsin dead show 2@14
    """
    from consumers.dead_command import show_letter

    show_letter(load_settings(), place, as_json=as_json, raw=raw)


@dead.command("replay")
@_filters
@click.option(
    "--max-attempts", type=click.IntRange(min=1), default=3, show_default=True, help="Leave out those refused so often."
)
@click.option("--again", is_flag=True, help="Also those that were sent back before.")
@click.option("--yes", is_flag=True, help="Send them; without, it only says what it would do.")
def dead_replay(  # noqa: PLR0917 - click gives options by name
    reasons: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    partitions: tuple[int, ...],
    limit: int,
    max_attempts: int,
    again: bool,
    yes: bool,
) -> None:
    """Send articles back to the articles topic, byte for byte, once what killed them is mended.

    Only what lies on the dead-letter topic when it starts is read. Letters without the article's bytes, of another
    articles topic, refused --max-attempts times or sent back before are left out and counted. What has been sent back
    is remembered in the offsets of group TOCSIN_GROUP.dead-replay, which Kafka keeps for offsets.retention.minutes
    (7 days) after the last run. A run that dies may have sent articles that the next one sends again: their events
    have the same ce_id. Run one at a time.

    Example: tocsin dead replay --reason bug --since 2026-03-02T06:00:00Z --yes
    """
    from consumers.dead_command import replay_letters
    from consumers.dead_letters import Wanted

    replay_letters(
        load_settings(),
        Wanted(reasons=frozenset(reasons), since=since, until=until),
        partitions=partitions,
        limit=limit,
        max_attempts=max_attempts,
        again=again,
        sends=yes,
    )
