"""The distribution cannot be uploaded by mistake, and what it needs is pinned by hash without naming any index."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
RUN = ROOT / "requirements" / "run.txt"
DEV = ROOT / "requirements" / "dev.txt"
BENCH = ROOT / "requirements" / "bench.txt"

files = pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.name)


def pins(path: Path) -> dict[str, str]:
    """Name → version of everything that a requirements file pins."""
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", path.read_text("utf-8"), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def unpinned(requirements: list[str], path: Path) -> list[str]:
    """Those of the requirements that the file does not pin, or pins to a version that they do not allow."""
    pinned = pins(path)
    wanted = {canonicalize_name(Requirement(text).name): Requirement(text).specifier for text in requirements}
    return [name for name, allowed in wanted.items() if name not in pinned or pinned[name] not in allowed]


def test_the_distribution_refuses_to_be_uploaded() -> None:
    assert "Private :: Do Not Upload" in PROJECT["project"]["classifiers"]


def test_the_wheel_holds_our_three_packages() -> None:
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

    assert packages == ["consumers", "models", "schemas"]
    assert [name for name in packages if not (ROOT / name / "__init__.py").is_file()] == []
    assert [name for name in packages if not (ROOT / name / "py.typed").is_file()] == []


def test_the_build_backend_is_pinned() -> None:
    assert [item for item in PROJECT["build-system"]["requires"] if not re.fullmatch(r"[a-z-]+==[0-9.]+", item)] == []


@files
def test_every_requirement_is_pinned_with_hashes(path: Path) -> None:
    lines = path.read_text("utf-8").replace("\\\n", " ").splitlines()
    requirements = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]

    assert requirements
    assert [line for line in requirements if not re.match(r"\S+==\S+ .*--hash=sha256:[0-9a-f]{64}\b", line)] == []


@files
def test_requirements_name_no_index_no_address_and_no_path(path: Path) -> None:
    forbidden = re.compile(r"--(extra-)?index-url|--find-links|--trusted-host|\w+://|(^|[\s=:])/")

    assert [line for line in path.read_text("utf-8").splitlines() if forbidden.search(line)] == []


def test_every_dependency_is_pinned_for_running() -> None:
    assert unpinned(PROJECT["project"]["dependencies"], RUN) == []


def test_every_dependency_is_pinned_for_developing() -> None:
    extras = PROJECT["project"]["optional-dependencies"]

    assert unpinned([*PROJECT["project"]["dependencies"], *extras["demo"], *extras["dev"]], DEV) == []


def test_every_dependency_is_pinned_for_measuring() -> None:
    extras = PROJECT["project"]["optional-dependencies"]

    assert unpinned([*PROJECT["project"]["dependencies"], *extras["bench"]], BENCH) == []


def test_tests_run_on_the_versions_that_production_runs_on() -> None:
    assert pins(RUN).items() <= pins(DEV).items()


def test_the_bench_measures_the_versions_that_production_runs_on() -> None:
    assert pins(RUN).items() <= pins(BENCH).items()
