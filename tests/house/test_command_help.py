"""Every verb explains itself with an example, and so does every target of the Makefile."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from consumers.cli import cli

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def verbs(group: click.Group, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every verb, groups and their sub-verbs included."""
    for name, command in group.commands.items():
        yield (*before, name)
        if isinstance(command, click.Group):
            yield from verbs(command, (*before, name))


def phony() -> set[str]:
    (names,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    return set(names.split())


def rules() -> dict[str, str]:
    """The targets that are verbs, each with the rest of its line."""
    return dict(re.findall(r"^([a-z][a-z-]*):(?!=)(.*)$", MAKEFILE, re.MULTILINE))


@pytest.mark.parametrize("verb", list(verbs(cli)), ids=" ".join)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_a_verb_explains_itself_with_an_example_that_uses_it(verb: tuple[str, ...], option: str) -> None:
    result = CliRunner().invoke(cli, [*verb, option])

    assert result.exit_code == 0
    _, found, example = " ".join(result.output.split()).partition("Example: ")
    assert found
    assert f"tocsin {' '.join(verb)}" in example


def test_the_help_of_the_command_lists_every_verb_with_what_it_does() -> None:
    output = CliRunner().invoke(cli, ["--help"]).output

    listed = re.findall(r"^  ([a-z-]+)  +\S", output.partition("Commands:")[2], re.MULTILINE)

    assert sorted(listed) == sorted(cli.commands)


def test_every_target_of_the_makefile_is_a_phony_verb_that_says_what_it_does() -> None:
    assert set(rules()) == phony()
    assert [name for name, rest in rules().items() if not re.search(r"## \S", rest)] == []


def test_make_help_lists_every_verb() -> None:
    result = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    listed = dict(re.findall(r"^(\S+)\s+(\S.*)$", result.stdout, re.MULTILINE))

    assert set(listed) == phony()


def test_make_alone_is_make_help() -> None:
    assert re.search(r"^\.DEFAULT_GOAL := help$", MAKEFILE, re.MULTILINE)
