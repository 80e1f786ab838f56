"""`python alone.py REQUEST.json`: the classifier alone, in a process of its own; the limit of every contestant.

The request names articles, batch size and where the answer goes; the answer holds a digest of every event, which is
what the contestants are held to. Nothing is spoken to Kafka.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from articles import Corpus, corpus_of
from digests import digest
from work import Work, load_work, record_of

from schemas.message import Message, Record

_WARM_UP = 512


def main(request: dict[str, Any]) -> dict[str, Any]:
    """Reads the articles and says how long that took."""
    work, corpus = load_work(), corpus_of(request["corpus"])
    records = [_record(corpus, number, request["timestamp_ms"]) for number in range(request["articles"])]
    warm = [_record(corpus, number, request["timestamp_ms"]) for number in range(_WARM_UP)]
    _read(work, warm, request["batch"])
    began, cpu_began = time.perf_counter(), time.process_time()
    events = _read(work, records, request["batch"])
    seconds, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
    return {
        "articles": len(records),
        "seconds": seconds,
        "cpu_s": cpu_s,
        "mean_bytes": sum(len(record.value or b"") for record in records) / len(records),
        "events": _digests(events),
    }


def _record(corpus: Corpus, number: int, timestamp_ms: int) -> Record:
    return record_of(
        value=corpus.value(number),
        key=corpus.key(number),
        headers=(),
        topic="articles",
        partition=0,
        offset=number,
        timestamp_ms=timestamp_ms,
    )


def _read(work: Work, records: list[Record], batch: int) -> list[Message]:
    return [event for part in _parts(records, batch) for event in work.events(part)]


def _parts(records: list[Record], size: int) -> Iterator[list[Record]]:
    return (records[at : at + size] for at in range(0, len(records), size))


def _digests(events: list[Message]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for event in events:
        headers = dict(event.headers)
        subject, ce_id = (headers[name] or b"" for name in ("ce_subject", "ce_id"))
        found.setdefault(subject.decode(), []).append(f"{ce_id.decode()} {digest(event)}")
    return found


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    Path(asked["answer"]).write_text(json.dumps(main(asked)), encoding="utf-8")
