"""Packed files are read like others, and one that unpacks without end is told in bounded memory."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from consumers import files
from consumers.files import FileArticle, FileProblem, read_articles

MIB = 1_048_576
MOST_GROWTH_MIB = 400
"""The longest item twice, the largest window of zstd and what an allocator keeps."""

READ = """
import resource, sys
from pathlib import Path
from consumers.files import FileProblem, read_articles
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for item in read_articles(Path(sys.argv[1])):
    print(item if isinstance(item, FileProblem) else "article")
print("grew", (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def zeros(path: Path, mebibytes: int) -> Path:
    """A packed file of nothing but zeros, which packs to a thousandth and less."""
    block = bytes(MIB)
    with path.open("wb") as raw:
        packer = (
            gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1)
            if path.suffix == ".gz"
            else zstandard.ZstdCompressor().stream_writer(raw, closefd=False)
        )
        with packer as out:
            for _ in range(mebibytes):
                out.write(block)
    return path


def pack(name: str, data: bytes) -> bytes:
    return gzip.compress(data) if name.endswith(".gz") else zstandard.compress(data)


@pytest.mark.parametrize("name", ["bomb.json.gz", "bomb.txt.zst", "bomb.jsonl.gz", "bomb.jsonl.zst"])
def test_a_bomb_is_told_and_memory_stays_bounded(tmp_path: Path, name: str) -> None:
    bomb = zeros(tmp_path / name, 600)
    assert bomb.stat().st_size < 5 * MIB
    done = subprocess.run([sys.executable, "-c", READ, bomb], capture_output=True, text=True, check=True)
    *told, grew = done.stdout.splitlines()
    assert "longer than 67,108,864 bytes" in told[0]
    assert ("a decompression bomb" in told[-1]) == (".jsonl" in name)
    assert "article" not in told
    assert int(grew.split()[1]) < MOST_GROWTH_MIB


def test_lines_before_a_bomb_are_read_and_it_ends_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_ITEM_BYTES", MIB)
    monkeypatch.setattr(files, "MAX_BARREN_BYTES", 2 * MIB)
    lines = b'{"text": "Rain."}\n' * 10 + bytes(64 * MIB) + b'\n{"text": "never"}\n'
    (tmp_path / "bomb.jsonl.gz").write_bytes(gzip.compress(lines))
    items = list(read_articles(tmp_path / "bomb.jsonl.gz"))
    problems = [str(item) for item in items if isinstance(item, FileProblem)]
    assert sum(isinstance(item, FileArticle) for item in items) == 10
    assert "is longer than 1,048,576 bytes" in problems[0]
    assert "a decompression bomb" in problems[1]


def test_blank_lines_without_end_are_a_bomb_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BARREN_BYTES", MIB)
    (tmp_path / "blank.jsonl.gz").write_bytes(gzip.compress(b"\n" * 2 * MIB))
    (problem,) = read_articles(tmp_path / "blank.jsonl.gz")
    assert "a decompression bomb" in str(problem)


@pytest.mark.parametrize("name", ["many.jsonl.gz", "many.jsonl.zst"])
def test_articles_that_pack_well_are_no_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(files, "MAX_BARREN_BYTES", 65_536)
    lines = [json.dumps({"id": f"{number}", "text": "Rain. " * 1_000}).encode() for number in range(1_000)]
    packed = pack(name, b"\n".join(lines))
    (tmp_path / name).write_bytes(packed)
    assert [item.value for item in read_articles(tmp_path / name) if isinstance(item, FileArticle)] == lines


def test_a_zstd_file_that_asks_for_more_memory_than_any_tool_does_is_told(tmp_path: Path) -> None:
    wide = zstandard.ZstdCompressionParameters(window_log=28, enable_ldm=1)
    packed = zstandard.ZstdCompressor(compression_params=wide).stream_writer((tmp_path / "w.txt.zst").open("wb"))
    packed.write(b"x" * MIB)
    packed.close()
    (problem,) = read_articles(tmp_path / "w.txt.zst")
    assert isinstance(problem, FileProblem)
    assert "too much memory" in problem.problem
