"""How the command speaks: data on stdout, talk on stderr; article text is shown without its control characters."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from consumers.subscriber import Received


def data(line: bytes) -> None:
    """One line of data on stdout, at once, so that a pipe sees it when it happens."""
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def talk() -> Console:
    """The console on stderr."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def harmless(text: str) -> str:
    """Somebody else's text, fit for a terminal: no escape sequences, no control or direction-changing characters."""
    return "".join(" " if unicodedata.category(char)[0] == "C" else char for char in text)


@contextmanager
def progress_bar(console: Console) -> Iterator[Progress]:
    """A progress bar on stderr; where that is no terminal, nothing."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield bar


def show_event(console: Console, received: Received, name: str | None = None) -> None:
    """An event as a person wants to see it ring: type, confidence, title, the sentence that proves it.

    An article without a title goes by `name`, or else by its id.
    """
    event = received.event
    best = event.evidence[0]
    line = Text()
    line.append(f"{event.type.value:>17} ", style="bold yellow")
    line.append(f"{event.confidence:4.2f}  ", style="bold")
    line.append(harmless(event.article.title or name or event.article.id), style="cyan")
    line.append(f"\n{'':>24}“{harmless(best.quote)}”", style="dim")
    console.print(line)
