"""What a replay must give, and how what came differs from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from consumers.in_flight import Sent
from schemas.errors import Reason, StartupError
from schemas.event_type import EventType


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One line of an expectations file: an article, by `file` or by `id`, and its labels or its dead letter.

    `{"file": "03-call.txt", "labels": ["talks"]}` · `{"id": "a-1", "labels": []}` ·
    `{"file": "34-broken.json", "dead_letter": "not_json"}`
    """

    name: str
    by_file: bool
    gives: str

    def is_about(self, sent: Sent) -> bool:
        """Whether this line speaks of that article; a file is matched by the end of its path."""
        if not self.by_file:
            return sent.id == self.name
        path = sent.article.path.as_posix()
        return path == self.name or path.endswith("/" + self.name)


@dataclass(slots=True)
class Given:
    """What came back for one article."""

    labels: set[str]
    dead_letter: str | None = None

    def __str__(self) -> str:
        return f"dead letter {self.dead_letter}" if self.dead_letter else _labels(self.labels)


def load_expectations(path: Path) -> list[Expectation]:
    """The lines of the file; raises StartupError that names every bad one by its number."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise StartupError(f"{path}: cannot be read: {error.strerror}") from error
    parsed = [(n, _expectation(line)) for n, line in enumerate(lines, 1) if line.strip()]
    bad = [f"{path}:{n}: {item}" for n, item in parsed if isinstance(item, str)]
    if bad or not parsed:
        raise StartupError("\n".join(bad) or f"{path}: holds no expectation")
    return [item for _, item in parsed if isinstance(item, Expectation)]


def differences(expected: Sequence[Expectation], came: Iterable[tuple[Sent, Given]]) -> list[str]:
    """One readable line per article that gave something else than expected, or that was expected and not sent.

    Articles that no line speaks of are not judged.
    """
    pairs = list(came)
    found: list[str] = []
    for expectation in expected:
        about = [(sent, given) for sent, given in pairs if expectation.is_about(sent)]
        if not about:
            found.append(f"{expectation.name}: expected {expectation.gives}, but it was not sent")
        found += [
            f"{sent.article.place}: expected {expectation.gives}, got {given}"
            for sent, given in about
            if str(given) != expectation.gives
        ]
    return found


def _expectation(line: bytes) -> Expectation | str:  # noqa: PLR0911 - one line per thing that can be wrong
    """The expectation of a line, or what is wrong with it."""
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return f"is not JSON: {error}"
    if not isinstance(document, dict):
        return "expected an object"
    name = document.get("file", document.get("id"))
    if not isinstance(name, str) or not name:
        return 'expected "file" or "id" with a text'
    dead, labels = document.get("dead_letter"), document.get("labels")
    if dead is not None:
        if dead not in list(Reason):
            return f'"dead_letter": expected one of {", ".join(Reason)}, got {dead!r}'
        return Expectation(name=name, by_file="file" in document, gives=f"dead letter {dead}")
    if not isinstance(labels, list) or any(label not in list(EventType) for label in labels):
        return f'"labels": expected a list of {", ".join(EventType)}, got {labels!r}'
    return Expectation(name=name, by_file="file" in document, gives=_labels(labels))


def _labels(labels: Iterable[str]) -> str:
    return ", ".join(label.value for label in EventType if label in set(labels)) or "no event"
