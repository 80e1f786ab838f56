"""Our own labelled text: whole articles and short passages, every event sentence marked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import orjson

from schemas.errors import StartupError
from schemas.event import Part
from schemas.event_type import EventType

_EVERYDAY_WRITER = "everyday"
OWN_WRITER = "own"
"""The writer of every line that a user brings; see models.own_corpus."""

HELD_OUT_WRITERS = frozenset({"held-out", "held-out-plain"})
"""The writers whose text is never trained on, because it tests what was learned from the others: one writes passages in
rare paraphrase, one plain articles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedEvent:
    """An event as its writer marked it: the sentence that states it, where, how far it went, who acts on whom.

    `stage`, `actor` and `target` are recorded for later use and not learned from.
    """

    type: EventType
    quote: str
    part: Part
    stage: str
    actor: str | None
    target: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledText:
    """One line of the corpus. `form` is article or passage; `kind` says what it is or which trap it sets."""

    id: str
    writer: str
    form: str
    style: str
    kind: str
    era: str
    title: str | None
    text: str
    labels: frozenset[EventType]
    events: tuple[MarkedEvent, ...]

    @property
    def story(self) -> str:
        """What is kept on one side of a split: a writer's whole text, so that neither story nor voice stands on both.

        The writer of everyday news is split by article: nobody else writes what it holds. So are a user's lines.
        """
        return self.id if self.writer in {_EVERYDAY_WRITER, OWN_WRITER} else self.writer


def shipped_corpus() -> list[LabelledText]:
    """Every line of the package's corpus, by writer and line."""
    return [line for path in _files() for line in _parsed(path.name.removesuffix(".jsonl"), path.read_bytes())]


def corpus_sha256() -> str:
    """A hash of the corpus, the gazetteer and the lexicon: what the shipped model was made from."""
    digest = hashlib.sha256()
    lists = [file for folder in ("gazetteer", "lexicon") for file in (resources.files("models") / folder).iterdir()]
    for path in [*_files(), *sorted(lists, key=lambda file: file.name)]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def own_corpus_sha256(files: Iterable[bytes], *, only: bool) -> str:
    """As `corpus_sha256`, with the contents of a user's files; `only` where they stand in the place of our corpus."""
    digest = hashlib.sha256(f"{corpus_sha256()} {'only' if only else 'and'}".encode())
    for content in files:
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def training_texts(corpus: Iterable[LabelledText]) -> list[LabelledText]:
    """All but the held-out writers'."""
    return [text for text in corpus if text.writer not in HELD_OUT_WRITERS]


def _files() -> list[Traversable]:
    found = [path for path in (resources.files("models") / "corpus").iterdir() if path.name.endswith(".jsonl")]
    if not found:
        raise StartupError("models/corpus holds no .jsonl file")
    return sorted(found, key=lambda path: path.name)


def _parsed(writer: str, content: bytes) -> list[LabelledText]:
    return [_labelled(writer, orjson.loads(line)) for line in content.splitlines() if line]


def _labelled(writer: str, line: Mapping[str, Any]) -> LabelledText:
    events = line["events"]
    labels = line["labels"]
    title = line.get("title")
    return LabelledText(
        id=str(line["id"]),
        writer=writer,
        form=str(line["form"]),
        style=str(line["style"]),
        kind=str(line["kind"]),
        era=str(line["era"]),
        title=None if title is None else str(title),
        text=str(line["text"]),
        labels=frozenset(EventType(label) for label in labels),
        events=tuple(_event(event) for event in events),
    )


def _event(event: Mapping[str, str | None]) -> MarkedEvent:
    return MarkedEvent(
        type=EventType(str(event["type"])),
        quote=str(event["quote"]),
        part=Part(str(event["in"])),
        stage=str(event["stage"]),
        actor=event["actor"],
        target=event["target"],
    )
