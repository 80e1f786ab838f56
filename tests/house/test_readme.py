"""What the papers for people say is so: settings, verbs, make targets, links."""

import re
from pathlib import Path

import click
import pytest

from consumers.cli import cli
from consumers.settings import Settings, setting_rows
from models.train import THRESHOLDS
from schemas.event_type import EventType

ROOT = Path(__file__).resolve().parents[2]
PAPERS = ["README.md", "CONTRIBUTING.md"]

FENCE = re.compile(r"^ *```[^\n]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(\s*<?([^)>\s]+)>?[^)]*\)|^\[[^\]]+\]:\s*(\S+)|(?:src|href)=\"([^\"]+)\"", re.MULTILINE)


def text_of(paper: str) -> str:
    return (ROOT / paper).read_text("utf-8")


def code_of(paper: str) -> list[str]:
    """What stands in code, line by line: fenced blocks without their comments, and spans."""
    text = text_of(paper)
    blocks = [line.partition(" #")[0] for block in FENCE.findall(text) for line in block.splitlines()]
    return [line for line in blocks if not line.startswith("#")] + SPAN.findall(FENCE.sub("", text))


def verbs() -> set[str]:
    """Every verb, those of a group with the group's name before them."""
    found = set(cli.commands)
    for name, command in cli.commands.items():
        if isinstance(command, click.Group):
            found |= {f"{name} {verb}" for verb in command.commands}
    return found


def mentioned_verbs(paper: str) -> set[str]:
    """`tocsin VERB` in code; where VERB is a group, the word after it too."""
    found = set()
    for line in code_of(paper):
        for verb, after in re.findall(r"\btocsin ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", line):
            is_group = isinstance(cli.commands.get(verb), click.Group)
            found.add(f"{verb} {after}" if is_group and after else verb)
    return found


def targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))


def mentioned_targets(paper: str) -> set[str]:
    """`make TARGET …` in code."""
    found = [words for line in code_of(paper) for words in re.findall(r"\bmake((?: +[a-z][a-z-]*)+)", line)]
    return {word for words in found for word in words.split()}


def relative_links(paper: str) -> set[str]:
    """Targets of links that are neither on another site nor on the page itself."""
    prose = SPAN.sub("", FENCE.sub("", text_of(paper)))
    found = ("".join(groups) for groups in LINK.findall(prose))
    return {link.partition("#")[0] for link in found if not re.match(r"[a-z][a-z0-9+.-]*:|//|#", link)}


def test_the_settings_table_says_what_the_settings_say() -> None:
    lines = re.findall(r"^\| *`TOCSIN_.*\|$", text_of("README.md"), re.MULTILINE)
    cells = [tuple(cell.strip() for cell in line[1:-1].split("|")) for line in lines]

    assert cells == [
        (f"`{row.variable}`", f"`{row.default}`" if row.default else "", row.meaning)
        for row in setting_rows(Settings())
    ]


def test_every_setting_that_the_readme_names_is_one() -> None:
    named = set(re.findall(r"\bTOCSIN_[A-Z0-9_]*[A-Z0-9]", text_of("README.md")))

    assert named
    assert named <= {row.variable for row in setting_rows(Settings())}


@pytest.mark.parametrize("paper", PAPERS)
def test_every_verb_that_is_mentioned_is_one(paper: str) -> None:
    mentioned = mentioned_verbs(paper)

    assert mentioned
    assert mentioned <= verbs()


@pytest.mark.parametrize("paper", PAPERS)
def test_every_make_target_that_is_mentioned_is_one(paper: str) -> None:
    mentioned = mentioned_targets(paper)

    assert mentioned
    assert mentioned <= targets()


@pytest.mark.parametrize("paper", PAPERS)
def test_every_relative_link_leads_to_a_file_of_the_repository(paper: str) -> None:
    links = relative_links(paper)

    assert links
    assert [link for link in links if link.startswith("/") or not (ROOT / link).exists()] == []


def test_the_thresholds_in_the_readme_are_those_of_the_code() -> None:
    told = re.search(r"Events are sent from ([\d.]+) \(talks\), ([\d.]+) and ([\d.]+);", text_of("README.md"))
    assert told is not None
    assert tuple(map(float, told.groups())) == tuple(THRESHOLDS[event_type] for event_type in EventType)
