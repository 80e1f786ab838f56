"""What one run of a scenario gave, and the table of all of them."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

RESUME_WITHIN_S = 15.0
"""Seconds within which output resumes after the end of a fault; the only limit of time that a scenario is held to."""

_HEAD = (
    "scenario",
    "articles",
    "lost",
    "twice",
    "order",
    "dead",
    "offsets",
    "gap s",
    "resumed s",
    "all s",
    "exits",
    "",
)


@dataclass(slots=True, kw_only=True)
class Result:
    """One run of one scenario; `problems` are why it failed, `notes` are facts for the reader."""

    scenario: str
    articles: int = 0
    outputs: int = 0
    lost: int = 0
    duplicated: int = 0
    disordered: int = 0
    dead: int = 0
    expected_dead: int = 0
    repeats_dropped: int = 0
    offsets: str = "-"
    longest_gap_s: float = 0.0
    resumed_s: list[float] = field(default_factory=list)
    """Per fault, seconds from its end to the first new output."""
    resumed_everywhere_s: list[float] = field(default_factory=list)
    """Per fault, seconds from its end until every partition of the input had given new output."""
    slow_because: str = ""
    exits: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: str = ""
    seconds: float = 0.0
    load_average: float = 0.0
    """Of the machine, over the last minute of the run: above its cores, times say little."""

    @property
    def verdict(self) -> str:
        """passed, failed or skipped."""
        return "skipped" if self.skipped else "failed" if self.problems else "passed"

    def judge_resumption(self) -> None:
        """Adds a problem where output resumed too late and no reason is told."""
        late = [seconds for seconds in self.resumed_s if seconds > RESUME_WITHIN_S]
        if late and not self.slow_because:
            self.problems.append(f"output resumed after {max(late):.1f} s, not within {RESUME_WITHIN_S:g} s")

    def row(self) -> list[str]:
        """The result as a line of the table."""
        if self.skipped:
            return [self.scenario, *["-"] * (len(_HEAD) - 2), f"skipped: {self.skipped}"]
        said = "; ".join(self.problems + self.notes)
        slow = self.slow_because if self.resumed_s and max(self.resumed_s) > RESUME_WITHIN_S else ""
        return [
            self.scenario,
            f"{self.articles:,}",
            f"{self.lost:,}",
            f"{self.duplicated:,}",
            f"{self.disordered:,}",
            f"{self.dead:,}/{self.expected_dead:,}",
            self.offsets,
            f"{self.longest_gap_s:.1f}",
            _longest(self.resumed_s),
            _longest(self.resumed_everywhere_s),
            str(len(self.exits)),
            ": ".join(filter(None, [self.verdict, "; ".join(filter(None, [said, slow]))])),
        ]


def _longest(seconds: Sequence[float]) -> str:
    return f"{max(seconds):.1f}" if seconds else "-"


def table(results: Sequence[Result]) -> str:
    """All results in columns."""
    rows = [list(_HEAD), *(result.row() for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD) - 1)]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [row[i].rjust(widths[i]) for i in range(1, len(widths))]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return "\n".join(lines)


def tally(results: Sequence[Result]) -> str:
    """`N passed, N failed`, and what was skipped."""
    counts = {name: sum(result.verdict == name for result in results) for name in ("passed", "failed", "skipped")}
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    return f"{counts['passed']} passed, {counts['failed']} failed{skipped}"


def save(results: Sequence[Result], folder: Path, name: str, circumstances: dict[str, object]) -> None:
    """Writes NAME.json and NAME.md."""
    about = circumstances | {"date": datetime.now(UTC).isoformat(timespec="seconds"), "versions": _versions()}
    runs = [asdict(result) | {"verdict": result.verdict} for result in results]
    text = json.dumps(about | {"tally": tally(results), "runs": runs}, indent=1)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    told = ", ".join(f"{key} {value}" for key, value in (*circumstances.items(), *_versions().items()))
    lines = [f"{tally(results)}. {about['date']}; {told}.", "", _markdown(_HEAD), _markdown(["---"] * len(_HEAD))]
    lines += [_markdown(result.row()) for result in results]
    (folder / f"{name}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _markdown(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in cells) + " |"


def _versions() -> dict[str, str]:
    jars = Path(__file__).resolve().parents[2] / "deploy" / "kafka" / "lib"
    kafka = next((jar.stem.partition("-")[2] for jar in jars.glob("kafka_2.13-*.jar")), "?")
    ours = {name: version(name) for name in ("tocsin", "faust-streaming", "aiokafka", "kafka-python")}
    return {"kafka": kafka, **ours, "python": platform.python_version()}
