"""Articles from files: .txt, .json, .jsonl, each also as .gz or .zst, read as a stream and sent as they are.

What is wrong with a file is a value, so that the others go on.
"""

from __future__ import annotations

import gzip
import io
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import orjson
import zstandard

from schemas.codec import PLAIN_TEXT
from schemas.errors import StartupError

ENDINGS = (".txt", ".json", ".jsonl")
PACKINGS = ("", ".gz", ".zst")
EXPECTATIONS = "expected.jsonl"
"""A file of this name says what the articles beside it must give; it holds no articles itself."""

MAX_ITEM_BYTES = 67_108_864
"""Bytes of the longest line or file that is read: the bound on memory, also for what unpacks to more."""

MAX_BARREN_BYTES = 2 * MAX_ITEM_BYTES
"""Bytes of lines in a row without an article after which a file is given up: a few kilobytes of a decompression bomb
unpack to gigabytes of nothing. How well a file packs tells no bomb: a thousand like articles pack to a 400th (zstd)."""

MAX_WINDOW_BYTES = 134_217_728
"""Memory that a zstd file may ask for to be unpacked: what `zstd --ultra -22` and `--long` ask for."""

_PART_BYTES = 1_048_576

_BUFFER_BYTES = 262_144
"""Read from a file at once: with Python's 8 KB every fourth article of 2 KB is a call of the system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileArticle:
    """The bytes of one article as its file has them; `line` is 1 for a file that holds one."""

    path: Path
    line: int
    value: bytes
    content_type: str | None

    @property
    def place(self) -> str:
        """Where it stands, as messages name it: the file, and for a file of many its line."""
        return f"{self.path}:{self.line}" if _kind(self.path) == ".jsonl" else str(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileProblem:
    """Something wrong with a file or line, and why; `skipped` tells whether it was passed over or sent all the same."""

    place: str
    problem: str
    skipped: bool = True

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}"


def article_files(paths: Iterable[Path]) -> list[Path]:
    """The files named, and those within folders named, in a stable order.

    Of a folder, files with a known ending count, except expected.jsonl. Raises StartupError for a path that is not
    there, is neither file nor folder, has an unknown ending, or is a folder without articles.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file() and _kind(p) and p.name != EXPECTATIONS)
            if not inside:
                raise StartupError(f"{path}: holds no article; expected files ending in {', '.join(ENDINGS)}")
            found += inside
        elif not path.exists():
            raise StartupError(f"{path}: no such file")
        else:
            refuse_unknown(path)
            found.append(path)
    return found


def refuse_unknown(path: Path) -> None:
    """Raises StartupError for a folder, or a file whose ending does not say what it holds."""
    if path.is_dir():
        raise StartupError(f"{path}: is a folder; name the files in it, or give it to `tocsin replay`")
    if not path.exists():
        raise StartupError(f"{path}: no such file")
    if not _kind(path):
        raise StartupError(f"{path}: expected a name ending in {', '.join(ENDINGS)}, or one of these with .gz or .zst")


def read_articles(path: Path) -> Iterator[FileArticle | FileProblem]:
    """The articles of one file, in their order; what cannot be read is told and passed over."""
    empty = True
    try:
        with _opened(path) as stream:
            for item in _items(path, stream):
                empty = False
                yield item
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        yield FileProblem(place=str(path), problem=f"cannot be read: {error}")
        return
    if empty:
        yield FileProblem(place=str(path), problem="is empty; expected at least one article")


def read_standard_input() -> Iterator[FileArticle | FileProblem]:
    """Articles from standard input: JSON lines where it begins with a brace, else one article as plain text."""
    with open(0, "rb", closefd=False) as stream:
        begins = stream.peek(1).lstrip()[:1]
        yield from _items(Path("standard input.jsonl" if begins == b"{" else "standard input.txt"), stream)


def _items(path: Path, stream: IO[bytes]) -> Iterator[FileArticle | FileProblem]:
    if _kind(path) == ".jsonl":
        yield from _lines(path, stream)
        return
    value = stream.read(MAX_ITEM_BYTES + 1)
    if len(value) > MAX_ITEM_BYTES:
        yield FileProblem(place=str(path), problem=f"is longer than {MAX_ITEM_BYTES:,} bytes")
    elif value:
        content_type = PLAIN_TEXT if _kind(path) == ".txt" else None
        yield FileArticle(path=path, line=1, value=value, content_type=content_type)


def _lines(path: Path, stream: IO[bytes]) -> Iterator[FileArticle | FileProblem]:
    number = barren_bytes = 0
    while barren_bytes <= MAX_BARREN_BYTES:
        line = stream.readline(MAX_ITEM_BYTES + 1)
        if not line:
            return
        number += 1
        if len(line) > MAX_ITEM_BYTES:
            yield FileProblem(place=f"{path}:{number}", problem=f"is longer than {MAX_ITEM_BYTES:,} bytes")
            barren_bytes += len(line) + _passed_over(stream, MAX_BARREN_BYTES)
        elif not line.isspace():
            yield FileArticle(path=path, line=number, value=line.strip(b"\r\n"), content_type=None)
            barren_bytes = 0
        else:
            barren_bytes += len(line)
    told = f"no article in more than {MAX_BARREN_BYTES:,} bytes, as in a decompression bomb; the rest is not read"
    yield FileProblem(place=f"{path}:{number}", problem=told)


def _passed_over(stream: IO[bytes], most: int) -> int:
    """Reads on to the end of the line, or `most` bytes and a little more; how many it read."""
    passed_bytes = 0
    while passed_bytes <= most and (part := stream.readline(_PART_BYTES)):
        passed_bytes += len(part)
        if part.endswith(b"\n"):
            break
    return passed_bytes


def json_problem(article: FileArticle) -> str | None:
    """What is wrong with the JSON of an article, or None; plain text is never wrong in this respect."""
    if article.content_type is not None:
        return None
    try:
        orjson.loads(article.value.removeprefix(BOM_UTF8))
    except orjson.JSONDecodeError as error:
        return f"is not JSON: {error}"
    return None


def _kind(path: Path) -> str:
    """`.txt`, `.json` or `.jsonl`, whatever packing follows; empty for any other ending."""
    name = path.name.lower()
    for packing in PACKINGS:
        for ending in ENDINGS:
            if name.endswith(ending + packing):
                return ending
    return ""


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    name = path.name.lower()
    with path.open("rb", buffering=_BUFFER_BYTES) as raw:
        if name.endswith(".gz"):
            with gzip.open(raw) as unpacked:
                yield unpacked  # type: ignore[misc]  # a GzipFile reads as an IO[bytes]
        elif name.endswith(".zst"):
            unpacking = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES)
            with unpacking.stream_reader(raw, read_across_frames=True) as unpacked_zst:
                yield io.BufferedReader(unpacked_zst, _BUFFER_BYTES)
        else:
            yield raw
