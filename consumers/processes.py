"""Other processes: how one ended, and what Linux's /proc says of those that are there."""

from __future__ import annotations

from multiprocessing.process import BaseProcess
from pathlib import Path


def how_it_ended(process: BaseProcess) -> str:
    """The cause, as words that follow its name; `has ended` where another thread that waits for it was told how."""
    code = process.exitcode
    if code is None:
        return "has ended"
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit {code}"


def children_of(pid: int) -> list[int]:
    """The processes that it started and that are still there; none where it is gone."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in proc_text(task).split()]


def tree_of(pid: int) -> list[int]:
    """The process itself, what it started, what these started, and so on."""
    found = [pid]
    for each in found:
        found += children_of(each)
    return found


def runs(pid: int) -> bool:
    """Whether it is there and has not ended; one that has ended and is not waited for yet does not run."""
    return proc_state(pid) not in {"", "Z"}


def proc_state(pid: int) -> str:
    """Its state as one letter, see proc(5), or "" where it is gone."""
    return proc_text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].strip()[:1]


def proc_text(path: Path) -> str:
    """A file of /proc, or "" where its process is gone."""
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
