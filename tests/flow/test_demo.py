"""`tocsin demo`: the first thing that anybody sees."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Tocsin = Callable[..., Any]


def processes_with(marker: str) -> list[str]:
    """Command lines of processes whose environment carries the marker."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def folders_left() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("tocsin-*"))


def test_the_demo_rings_and_ends_with_a_summary_and_leaves_nothing(tocsin: Tocsin) -> None:
    before = folders_left()
    marker = f"DEMO_MARKER_{os.getpid()}_A"
    said = tocsin("demo", **{marker: "1"})
    assert said.code == 0, said.err
    assert "dead letter not_json  34-broken-truncated.json" in said.err
    assert "37 articles in" in said.err
    assert "5 dead-lettered" in said.err
    for event_type in ("talks", "sanctions_warning", "program_exclusion"):
        assert event_type in said.err
    assert not processes_with(marker)
    assert folders_left() == before


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(
    ("until", "number"),
    [("broker", signal.SIGINT), ("worker", signal.SIGINT), ("articles", signal.SIGINT), ("articles", signal.SIGTERM)],
)
def test_an_interrupted_demo_leaves_nothing(until: str, number: signal.Signals) -> None:
    before = folders_left()
    marker = f"DEMO_MARKER_{os.getpid()}_{until}_{number}"
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "consumers.cli", "demo"],
        stderr=subprocess.PIPE,
        env=dict(os.environ) | {marker: "1"},
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(until.encode()):
                break
        process.send_signal(number)
        process.stderr.read()
        assert process.wait(60) == 130
    assert not processes_with(marker)
    assert folders_left() == before


def test_the_demo_takes_articles_of_ones_own(tocsin: Tocsin, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("The foreign ministers of Ghana and Togo held talks in Accra on Monday.")
    said = tocsin("demo", "mine.txt")
    assert said.code == 0, said.err
    assert "1 articles in · 1 events out (1 talks)" in said.err
