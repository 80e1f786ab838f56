"""On what a bench run was done: versions, processor, cores, date."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = (
    "tocsin",
    "faust-streaming",
    "aiokafka",
    "kafka-python",
    "confluent-kafka",
    "quixstreams",
    "faststream",
    "scikit-learn",
    "numpy",
    "orjson",
)


def circumstances() -> dict[str, object]:
    """What a reader of the figures wants to know of the machine."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "commit": _commit(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load_average": round(os.getloadavg()[0], 2),
        "versions": {
            "python": platform.python_version(),
            "kafka": _kafka(),
            **{name: version(name) for name in _PACKAGES},
        },
    }


def _kafka() -> str:
    jars = _ROOT / "deploy" / "kafka" / "lib"
    return next((jar.stem.partition("-")[2] for jar in jars.glob("kafka_2.13-*.jar")), "?")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _commit() -> str:
    """The commit and whether the tree differs from it; empty outside of a repository."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=_ROOT, capture_output=True, text=True, check=False
    )
    return told.stdout.strip()
