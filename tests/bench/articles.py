"""The articles of the bench: real text with its own mix of lengths, repeated under new ids. Pure but for reading it.

Everything follows from the number of an article, so that every process makes the same bytes.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]
_EVAL = _ROOT.parent / "shared" / "eval"
_EVAL_NAMES = ("unrelated", "visible")
_KILOBYTES = " KB"
MIX = "mix"
_BROKEN = "-broken-"
_SEED = 6
_FEWEST_BODIES, _MOST_BODIES, _BODY_BYTES = 50, 500, 1_000_000
_FIELDS = ("title", "text", "source", "url", "published_at", "language")


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Articles without their ids; number N has the content of `bodies[N % len(bodies)]`."""

    bodies: tuple[dict[str, Any], ...]
    name: str

    def key(self, number: int) -> bytes:
        """The key of an article, which is its id."""
        return id_of(number).encode()

    def value(self, number: int) -> bytes:
        """The article as it goes to Kafka."""
        body = self.bodies[number % len(self.bodies)]
        return json.dumps({"id": id_of(number), **body}, ensure_ascii=False).encode()


def id_of(number: int) -> str:
    """The id of the article of that number; it comes back as `ce_subject`."""
    return f"bench-{number}"


def number_of(article_id: str) -> int:
    """The number in an article's id."""
    return int(article_id.removeprefix("bench-"))


def mix() -> Corpus:
    """Seeds that can be read, and ../shared/eval where it is there, shuffled once and for all."""
    seeds = _seeds()
    found = eval_corpora()
    bodies = seeds + [_body(article) for name in found for article in _lines(_EVAL / f"{name}.jsonl")]
    random.Random(_SEED).shuffle(bodies)  # noqa: S311 - an order, not a secret
    name = f"{len(seeds)} seeds" + "".join(f", {name}.jsonl" for name in found)
    return Corpus(bodies=tuple(bodies), name=name)


def corpus_of(name: str) -> Corpus:
    """The corpus of that name: `mix`, one of ../shared/eval as `unrelated`, or a length as `2 KB`."""
    if name == MIX:
        return mix()
    if name.endswith(_KILOBYTES):
        return of_length(float(name.removesuffix(_KILOBYTES)), mix())
    return Corpus(bodies=tuple(map(_body, _lines(_EVAL / f"{name}.jsonl"))), name=name)


def eval_corpora() -> list[str]:
    """The names of the corpora of ../shared/eval that are there: it may be absent."""
    return [name for name in _EVAL_NAMES if (_EVAL / f"{name}.jsonl").exists()]


def of_length(kilobytes: float, of: Corpus) -> Corpus:
    """Articles whose text is that many thousand bytes: paragraphs of the mix one after the other, cut at the end."""
    paragraphs = itertools.cycle(part for body in of.bodies for part in str(body["text"]).splitlines() if len(part) > 1)
    wanted = int(kilobytes * 1000)
    count = max(_FEWEST_BODIES, min(_MOST_BODIES, _BODY_BYTES // wanted))
    return Corpus(
        bodies=tuple({"text": _text(paragraphs, wanted)} for _ in range(count)), name=f"{kilobytes:g}{_KILOBYTES}"
    )


def _text(paragraphs: Iterator[str], wanted_bytes: int) -> str:
    parts: list[bytes] = []
    while sum(map(len, parts)) < wanted_bytes:
        parts.append(next(paragraphs).encode() + b"\n")
    return b"".join(parts)[:wanted_bytes].decode(errors="ignore")


def half_ringing(of: Corpus, events: Sequence[int]) -> tuple[Corpus, list[int]]:
    """A mix in which every other article gives events, and how many each body gives; `events` says it of the mix.

    So that the latency of enough of them can be seen: of an article without an event nothing is seen.
    """
    loud = itertools.cycle([place for place, count in enumerate(events) if count])
    quiet = [place for place, count in enumerate(events) if not count]
    places = [place for pair in zip(quiet, loud, strict=False) for place in pair]
    corpus = Corpus(bodies=tuple(of.bodies[place] for place in places), name="every other article gives an event")
    return corpus, [events[place] for place in places]


def _seeds() -> list[dict[str, Any]]:
    bodies: list[dict[str, Any]] = []
    for path in sorted((_ROOT / "seeds").iterdir()):
        if _BROKEN in path.name or path.suffix not in {".json", ".txt"}:
            continue
        text = path.read_text(encoding="utf-8")
        bodies.append(_body(json.loads(text)) if path.suffix == ".json" else {"text": text})
    return bodies


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _body(article: dict[str, Any]) -> dict[str, Any]:
    return {name: article[name] for name in _FIELDS if isinstance(article.get(name), str)}
