"""The command `tocsin`: one verb each, no logic. stdout is data, stderr is talk.

Heavy imports stand inside the verbs, so that `tocsin --help` answers at once. Exit 0 done, 1 failed, 2 could not
start, 130 interrupted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from consumers.cli_dead import dead
from consumers.settings import load_settings
from schemas.errors import CheckFailed, TocsinError
from schemas.event_type import EventType
from schemas.version import __version__

if TYPE_CHECKING:
    from consumers.files import FileProblem

_INTERRUPTED = 130
_TYPES = [event_type.value for event_type in EventType]
_PATH = click.Path(path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="tocsin")
def cli() -> None:
    """Tocsin watches news on Kafka and rings when diplomats act.

    Settings come from TOCSIN_* variables, the same for every verb; `tocsin config` shows them. Begin with:

      tocsin demo
    """


def main() -> None:
    """Runs a verb and turns errors into one line on stderr and an exit code."""
    try:
        cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(_INTERRUPTED)
    except TocsinError as error:
        click.echo(f"tocsin: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


@cli.command()
@click.argument("paths", nargs=-1, type=_PATH)
@click.option("--keep", is_flag=True, help="Stay up afterwards, until Ctrl-C.")
def demo(paths: tuple[Path, ...], keep: bool) -> None:
    """Start a broker and a worker, replay the seed articles, show the events, stop all.

    Needs no Kafka: the broker is an embedded one, in memory. Give PATHS to use articles of your own.

    Example: tocsin demo
    """
    from consumers.console import talk
    from consumers.demo import demo as run_demo
    from consumers.demo import seeds_folder

    run_demo(list(paths) or [seeds_folder()], talk(), keep=keep)


@cli.command()
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="So many workers on this machine; each reads on one core. They end together.",
)
def run(workers: int) -> None:
    """Run a worker: articles in, events and dead letters out, until SIGTERM or Ctrl-C.

    With --workers N the ports of health and metrics are TOCSIN_HTTP_PORT and the N-1 after it, and names in the group
    are TOCSIN_GROUP_INSTANCE with -1 to -N.

    Example: TOCSIN_BROKERS=kafka-1:9092,kafka-2:9092 tocsin run
    """
    settings = load_settings()
    if workers == 1:
        from consumers.run import run as run_worker

        run_worker(settings)
    else:
        from consumers.workers import run_workers

        run_workers(settings, workers)


@cli.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--explain", is_flag=True, help="Say why: the best sentence per type and what weighed for and against.")
def tag(files: tuple[Path, ...], explain: bool) -> None:
    """Tag articles without Kafka: one JSON line per article on stdout.

    FILES end in .txt (one article), .json (one article) or .jsonl (one a line), also with .gz or .zst; `-` or none is
    standard input. Weights are parts of the log-odds: above zero speaks for the type.

    Example: tocsin tag seeds/01-caspian-summit.json | jq .labels
    """
    from itertools import chain

    from consumers.console import data
    from consumers.detect import Reading
    from consumers.files import FileProblem, read_articles, read_standard_input, refuse_unknown
    from consumers.tagging import tag_articles
    from models.classifier import load_classifier

    settings = load_settings()
    named = [path for path in files if str(path) != "-"]
    for path in named:
        refuse_unknown(path)
    reading = Reading(max_article_bytes=settings.max_article_bytes, fields=settings.article_fields)
    sources = [read_standard_input() if str(path) == "-" else read_articles(path) for path in files or (Path("-"),)]
    problems = 0
    classifier = load_classifier(settings.model)
    why = classifier.explain if explain else None
    for line in tag_articles(chain.from_iterable(sources), classifier, reading, why):
        if isinstance(line, FileProblem):
            problems += 1
            _tell(line)
        else:
            data(line)
    if problems:
        raise CheckFailed(f"{problems} article(s) or file(s) could not be read; they are named above")


@cli.command()
@click.argument("paths", nargs=-1, required=True, type=_PATH)
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="At most this many articles a second.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    help="Keep the gaps between the articles' published_at, so many times as fast.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Send at most this many articles.")
@click.option("--loop", type=click.IntRange(min=1), default=1, show_default=True, help="Send all of it so many times.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@click.option("--expect", type=_PATH, help="Wait for the workers, then compare what came with this file.")
def replay(  # noqa: PLR0917 - click gives options by name
    paths: tuple[Path, ...],
    rate: float | None,
    speed: float | None,
    limit: int | None,
    loop: int,
    dry_run: bool,
    expect: Path | None,
) -> None:
    """Send articles from files or folders to the articles topic, byte for byte.

    Each carries header tocsin_replay with the id of this run. With --expect it waits until the workers' group has
    committed past the last article, prints every difference and exits 1 if there is any.

    Example: tocsin replay seeds --expect seeds/expected.jsonl
    """
    from consumers.replay import pace_of
    from consumers.replay_command import dry_replay, live_replay

    settings = load_settings()
    if rate and speed:
        raise click.UsageError("--rate and --speed exclude one another")
    if dry_run:
        dry_replay(list(paths), settings, limit=limit, loop=loop)
    else:
        live_replay(list(paths), settings, limit=limit, loop=loop, pace=pace_of(rate=rate, speed=speed), expect=expect)


@cli.command()
@click.option(
    "--type",
    "types",
    multiple=True,
    type=click.Choice(_TYPES),
    help="Only this type; repeatable.",
)
@click.option("--min-confidence", type=click.FloatRange(0, 1), default=0.0, help="Only events at least this sure.")
@click.option("--from", "start", default="end", show_default=True, help="beginning, end, N (the last N) or a TIME.")
@click.option("--group", help="Go on where this consumer group stopped, and commit what was shown.")
@click.option("-c", "count", type=click.IntRange(min=1), help="Stop after so many events.")
@click.option("-e", "stop_at_end", is_flag=True, help="Stop at the end of the topic.")
def watch(  # noqa: PLR0917 - click gives options by name
    types: tuple[str, ...],
    min_confidence: float,
    start: str,
    group: str | None,
    count: int | None,
    stop_at_end: bool,
) -> None:
    """Show events as they ring: on a terminal for people, in a pipe one JSON line each.

    Repeats (equal ce_id) are dropped; only committed events are shown.

    Example: tocsin watch --type sanctions_warning --from beginning -e
    """
    from consumers.subscriber import Filter
    from consumers.watch import watch_events

    wanted = Filter(types=frozenset(map(EventType, types)), min_confidence=min_confidence)
    watch_events(load_settings(), wanted, start=start, group=group, count=count, stop_at_end=stop_at_end)


cli.add_command(dead)


@cli.group()
def topics() -> None:
    """Create or show the three topics.

    Example: tocsin topics create
    """


@topics.command("create")
def topics_create() -> None:
    """Create those of the three topics that are not there; leave the others as they are.

    Example: TOCSIN_PARTITIONS=12 TOCSIN_REPLICATION=3 tocsin topics create
    """
    from consumers.kafka.admin import create_topics

    for state in create_topics(load_settings()):
        click.echo(f"{state.name}\t{state.partitions} partitions")


@topics.command("list")
def topics_list() -> None:
    """Show the three topics as the broker has them.

    Example: tocsin topics list
    """
    from consumers.kafka.admin import topic_states

    for state in topic_states(load_settings()):
        click.echo(f"{state.name}\t{state.partitions or 'no'} partitions")


@cli.command()
@click.option("--sample", type=_PATH, help="Try this file's articles against the contract and your field mapping.")
def check(sample: Path | None) -> None:
    """Check configuration, import origin, model, broker, access and topics; exit 1 if anything is wrong.

    Exit 2 where the broker does not let a worker in, or does not allow it what it does.

    Example: TOCSIN_ARTICLE_FIELDS=text=/body,title=/headline tocsin check --sample mine.jsonl
    """
    from consumers.preflight import findings, sample_findings

    settings = load_settings()
    bad = 0
    for finding in sample_findings(sample, settings) if sample else findings(settings):
        bad += not finding.good
        click.echo(f"{'ok  ' if finding.good else 'FAIL'}  {finding.what}: {finding.found}")
    if bad:
        raise CheckFailed(f"{bad} finding(s) to mend")


@cli.command()
def config() -> None:
    """Show every setting: variable, effective value, meaning.

    Example: tocsin config
    """
    from consumers.settings import setting_rows

    for row in setting_rows(load_settings()):
        changed = "" if row.value == row.default else f" (default {row.default or 'none'})"
        click.echo(f"{row.variable}={row.value}\n    {row.meaning}{changed}")


@cli.command()
@click.option("--port", type=click.IntRange(1, 65_535), default=9092, show_default=True, help="Port on 127.0.0.1.")
def broker(port: int) -> None:
    """Run the embedded broker in the foreground, in memory, until Ctrl-C; for trying things out.

    Example: tocsin broker --port 19092
    """
    import signal
    import threading

    from consumers.embedded import embedded_broker

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with embedded_broker(port) as running:
        click.echo(f"broker on {running.address}, in memory, without transactions; Ctrl-C ends it", err=True)
        stop.wait()


@cli.command()
@click.option("--out", type=_PATH, help="Folder to write to; default: the shipped one, with --corpus ./tocsin-model.")
@click.option("--corpus", multiple=True, type=_PATH, help="Labelled lines of your own (.jsonl) to add; repeatable.")
@click.option("--only", is_flag=True, help="Train on your lines alone, without the project's corpus.")
@click.option("--force", is_flag=True, help="Let a model with your lines overwrite the shipped one named by --out.")
def train(out: Path | None, corpus: tuple[Path, ...], only: bool, force: bool) -> None:
    """Train the classifier on the project's corpus and write its artefact; the same corpus gives the same bytes.

    A line of your own is {"text", "labels": [event types], "title"?, "id"?, "sentences"?: {label: [quotes]}}. Quotes
    are the sentences that state the event, exactly as in the text or title; without them, every sentence that has the
    words of such an event counts as stating it. What is wrong is told by file and line before anything is trained.

    Example: tocsin train --corpus mine.jsonl --out build/artefact
    """
    from consumers.training import train as run_train
    from consumers.training import train_own

    if corpus:
        train_own(list(corpus), out, only=only, force=force)
    elif only or force:
        raise click.UsageError("--only and --force go with --corpus")
    else:
        run_train(out)


@cli.command()
@click.argument("files", nargs=-1, required=True, type=_PATH)
@click.option("--without", multiple=True, help="Leave out articles of this `category`; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="All figures as one JSON object.")
@click.option("--report", type=_PATH, help="Also write a Markdown report to this .md file, with plots beside it.")
@click.option("--against", type=_PATH, help="Folder of another artefact: show what changes from it to this one.")
def evaluate(
    files: tuple[Path, ...], without: tuple[str, ...], as_json: bool, report: Path | None, against: Path | None
) -> None:
    """Measure the classifier on labelled articles: precision, recall, F1 and calibration per label, false alerts.

    Each line of FILES is an article with `labels`, a list of event types. `agreed` and `doubtful`, where present,
    select the items that two readers agree on, or are sure of. `category`, `genre`, `style` or the first word of
    `source` groups articles; `kind` groups those without labels. --report needs the extra tocsin[report].

    Example: tocsin evaluate mine.jsonl --report build/evaluation.md
    """
    from consumers.evaluation import evaluate as run_evaluate

    settings = load_settings()
    run_evaluate(list(files), settings, without=without, as_json=as_json, report_file=report, against=against)


def _tell(problem: FileProblem) -> None:
    from consumers.console import harmless

    click.echo(f"tocsin: {harmless(str(problem))}", err=True)


if __name__ == "__main__":
    main()
