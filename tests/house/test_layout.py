"""The house keeps its shape: what lies at the top, how long a file is, what an import does."""

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("consumers", "models", "schemas")
FOLDERS = {"requirements", ".ci", "consumers", "models", "schemas", "tests", "seeds", "deploy"}
FILES = {
    "pyproject.toml",
    "README.md",
    "Makefile",
    "CHANGELOG.md",
    "DECISIONS.md",
    "CONTRIBUTING.md",
    "LICENSE",
    ".gitignore",
    ".dockerignore",
}
MOST_LINES = 400

SOURCES = [path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))]

LOOK_ROUND = """
import importlib, json, logging, pkgutil, sys, threading
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(getattr(package, "__path__", []), sys.argv[1] + "."):
    importlib.import_module(module.name)
print(json.dumps({
    "threads": [thread.name for thread in threading.enumerate()],
    "loaded": sorted({name.partition(".")[0] for name in sys.modules}),
    "handlers": len(logging.getLogger().handlers),
}))
"""


@pytest.fixture
def tracked() -> list[str]:
    """The files of the repository as git has them."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("only a git checkout knows which files belong to the repository")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name]


def imported(path: Path) -> set[str]:
    """The top-level names of everything that a file imports, at its head or later."""
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    taken = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in plain | taken}


def importers(library: str) -> list[str]:
    """Our files that import a library."""
    return [path.relative_to(ROOT).as_posix() for path in SOURCES if library in imported(path)]


def test_the_top_level_holds_what_was_agreed_and_nothing_else(tracked: list[str]) -> None:
    folders = {name.partition("/")[0] for name in tracked if "/" in name}
    files = {name for name in tracked if "/" not in name}

    assert folders <= FOLDERS
    assert files <= FILES


def test_no_tracked_file_knows_where_this_checkout_lies(tracked: list[str]) -> None:
    here = re.compile(rb"(?<![\w./-])" + re.escape(str(ROOT).encode()) + rb"(?![\w.-])")
    contents = {name: (ROOT / name).read_bytes() for name in tracked if (ROOT / name).is_file()}

    assert contents
    assert [name for name, content in contents.items() if here.search(content)] == []


def test_a_source_file_is_short_enough_to_read() -> None:
    lines = {path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines()) for path in SOURCES}

    assert lines
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}


def test_tests_are_no_packages() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


@pytest.mark.parametrize("module", ["schemas", "models.tags", "consumers.cli"])
def test_nothing_happens_on_import(module: str) -> None:
    looked = subprocess.run(
        [sys.executable, "-c", LOOK_ROUND, module], cwd=ROOT, capture_output=True, text=True, check=True
    )

    found = json.loads(looked.stdout)
    assert found["threads"] == ["MainThread"]
    assert set(found["loaded"]) & {"faust", "mode", "kafka", "aiokafka", "sklearn", "rich"} == set()
    assert found["handlers"] == 0
    assert looked.stderr == ""


def test_faust_is_imported_in_two_files_only() -> None:
    assert importers("faust") == ["consumers/app.py", "consumers/transport.py"]
    assert set(importers("mode")) <= {"consumers/app.py"}


@pytest.mark.parametrize("client", ["kafka", "aiokafka"])
def test_plain_kafka_clients_are_imported_in_one_folder_only(client: str) -> None:
    found = importers(client)

    assert found
    assert [name for name in found if not name.startswith("consumers/kafka/")] == []
