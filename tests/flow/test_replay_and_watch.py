"""`tocsin replay` and `tocsin watch`, with the shipped model behind them."""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from consumers.kafka.client import KafkaSender
from consumers.testing import Stream
from consumers.worker_process import worker_process
from schemas.message import Message

Tocsin = Callable[..., Any]

TALKS = "The foreign ministers of Ghana and Togo held talks in Accra on Monday."


@pytest.fixture(scope="module")
def live(broker_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stream]:
    """A stream with a worker behind it."""
    stream = Stream(broker_address)
    with worker_process(stream.settings, tmp_path_factory.mktemp("worker") / "log"):
        yield stream


def test_the_seeds_give_what_they_must(live: Stream, tocsin: Tocsin, seeds: Path) -> None:
    said = tocsin("replay", seeds, "--expect", seeds / "expected.jsonl", settings=live.settings)
    assert (said.code, said.out) == (0, ""), said.err
    assert "expectations hold" in said.err


def test_one_wrong_expectation_is_shown_and_exits_1(live: Stream, tocsin: Tocsin, seeds: Path, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in (seeds / "expected.jsonl").read_text().splitlines()]
    changed = next(line for line in lines if line.get("labels") == ["talks"])
    changed["labels"] = []
    (tmp_path / "expected.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    said = tocsin("replay", seeds, "--expect", tmp_path / "expected.jsonl", settings=live.settings)

    assert said.code == 1
    assert len(said.out.splitlines()) == 1
    assert changed["file"] in said.out
    assert "expected no event, got talks" in said.out


def test_an_expectation_of_an_article_that_was_not_sent_is_told(live: Stream, tocsin: Tocsin, tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text(TALKS)
    (tmp_path / "want.jsonl").write_text('{"file": "one.txt", "labels": ["talks"]}\n{"id": "gone", "labels": []}\n')
    said = tocsin("replay", tmp_path / "one.txt", "--expect", tmp_path / "want.jsonl", settings=live.settings)
    assert said.code == 1
    assert said.out.splitlines() == ["gone: expected no event, but it was not sent"]


def test_a_dry_run_sends_nothing(tocsin: Tocsin, seeds: Path, stream: Stream) -> None:
    said = tocsin("replay", seeds, "--dry-run", settings=stream.settings)
    assert said.code == 0
    assert "would send 37 articles" in said.err
    said = tocsin("replay", seeds, "--limit", "5", settings=stream.settings)
    assert "5 articles sent" in said.err


def test_a_bad_line_of_many_is_named_and_the_others_go_on(tocsin: Tocsin, stream: Stream, tmp_path: Path) -> None:
    good = json.dumps({"text": TALKS})
    with gzip.open(tmp_path / "many.jsonl.gz", "wt") as packed:
        packed.write(f"{good}\n{{broken\n\n{good}\n")
    said = tocsin("replay", tmp_path / "many.jsonl.gz", "--loop", "2", settings=stream.settings)
    assert said.code == 0
    assert "many.jsonl.gz:2: is not JSON" in said.err
    assert "6 articles sent" in said.err


def test_what_cannot_be_read_is_named_and_the_others_are_sent(tocsin: Tocsin, stream: Stream, tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text(TALKS)
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "corrupt.jsonl.gz").write_bytes(gzip.compress(b'{"text": "a"}\n' * 1_000)[:-20])
    (tmp_path / "corrupt.txt.zst").write_bytes(b"not zstandard")
    said = tocsin("replay", tmp_path, settings=stream.settings)
    assert said.code == 1
    for name in ("empty.txt", "corrupt.jsonl.gz", "corrupt.txt.zst"):
        assert f"{tmp_path / name}: " in said.err


def test_a_missing_file_stops_a_replay_before_anything_is_sent(
    tocsin: Tocsin, stream: Stream, tmp_path: Path, seeds: Path
) -> None:
    said = tocsin("replay", seeds, tmp_path / "not-there.json", settings=stream.settings)
    assert said.code == 2
    assert "not-there.json: no such file" in said.err


def test_watch_gives_each_event_once_as_a_json_line(tocsin: Tocsin, live: Stream, tmp_path: Path) -> None:
    for _ in range(2):
        (tmp_path / "one.json").write_text(json.dumps({"id": "seen-once", "text": TALKS}))
        (tmp_path / "want.jsonl").write_text('{"id": "seen-once", "labels": ["talks"]}\n')
        done = tocsin("replay", tmp_path / "one.json", "--expect", tmp_path / "want.jsonl", settings=live.settings)
        assert done.code == 0, done.err
    said = tocsin("watch", "--from", "beginning", "-e", "--type", "talks", settings=live.settings)
    assert said.code == 0, said.err
    events = [json.loads(line) for line in said.out.splitlines()]
    mine = [event for event in events if event["ce_subject"] == "seen-once"]
    assert len(mine) == 1
    assert mine[0]["data"]["evidence"][0]["quote"] == TALKS
    assert all(event["data"]["type"] == "talks" for event in events)


def test_watch_stops_after_so_many_events(tocsin: Tocsin, live: Stream, seeds: Path) -> None:
    tocsin("replay", seeds, "--expect", seeds / "expected.jsonl", settings=live.settings)
    said = tocsin("watch", "--from", "beginning", "-c", "2", "--min-confidence", "0.5", settings=live.settings)
    assert said.code == 0
    assert len(said.out.splitlines()) == 2


def test_watch_passes_over_what_is_no_event_and_says_so(tocsin: Tocsin, stream: Stream) -> None:
    sender = KafkaSender(stream.settings)
    sender.send(stream.settings.events_topic, Message(value=b"something else", key=b"k")).wait()
    sender.close()
    said = tocsin("watch", "--from", "beginning", "-e", settings=stream.settings)
    assert (said.code, said.out) == (0, "")
    assert "passed over" in said.err


@pytest.mark.parametrize("start", ["yesterday", "-5", "2024-01-01"])
def test_a_start_that_is_none_is_refused(tocsin: Tocsin, stream: Stream, start: str) -> None:
    said = tocsin("watch", f"--from={start}", settings=stream.settings)
    assert said.code == 2
    assert start in said.err


def test_a_group_goes_on_where_it_stopped(tocsin: Tocsin, live: Stream, seeds: Path) -> None:
    tocsin("replay", seeds, "--expect", seeds / "expected.jsonl", settings=live.settings)
    arguments = ["watch", "--group", f"alerts-{live.settings.group}", "--from", "beginning"]
    first = tocsin(*arguments, "-c", "3", settings=live.settings).out.splitlines()
    rest = tocsin(*arguments, "-e", settings=live.settings).out.splitlines()
    every = tocsin("watch", "--from", "beginning", "-e", settings=live.settings).out.splitlines()
    assert len(first) == 3
    ids = [json.loads(line)["ce_id"] for line in first + rest]
    assert set(ids) == {json.loads(line)["ce_id"] for line in every}
    assert tocsin(*arguments, "-e", settings=live.settings).out == ""


def test_a_replay_keeps_the_pace_it_is_told(tocsin: Tocsin, stream: Stream, tmp_path: Path) -> None:
    times = ["2026-01-01T00:00:00Z", "2026-01-01T00:00:30Z", "2026-01-01T00:01:00Z"]
    lines = [json.dumps({"text": TALKS, "id": moment, "published_at": moment}) for moment in times]
    (tmp_path / "timed.jsonl").write_text("\n".join(lines))
    assert tocsin("replay", tmp_path / "timed.jsonl", "--speed", "20", settings=stream.settings).code == 0
    assert tocsin("replay", tmp_path / "timed.jsonl", "--rate", "1", settings=stream.settings).code == 0
    sent = sorted(record.timestamp for record in stream.articles())
    # The first article waits for the topic's metadata, so that the gap behind it may be a little short.
    assert (sent[2] - sent[1]).total_seconds() >= 1.4
    assert (sent[5] - sent[4]).total_seconds() >= 0.9
    assert tocsin("replay", tmp_path / "timed.jsonl", "--rate", "1", "--speed", "1").code == 2
