"""The command line as its users meet it: exit codes, errors that say what to do, and no broker needed."""

import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from consumers.embedded import free_port
from consumers.kafka.connection import BOOTSTRAP_TIMEOUT_S
from consumers.testing import Stream
from models.artefact import shipped_artefact

Tocsin = Callable[..., Any]

TALKS = "The foreign ministers of Ghana and Togo held talks in Accra on Monday."


def test_tag_gives_one_line_per_article_in_their_order(tocsin: Tocsin, tmp_path: Path) -> None:
    (tmp_path / "two.jsonl").write_text(
        json.dumps({"id": "b", "text": TALKS, "labels": ["ignored"]}) + "\n" + json.dumps({"id": "a", "text": "Rain."})
    )
    (tmp_path / "one.txt").write_text(TALKS)
    said = tocsin("tag", "two.jsonl", "one.txt")
    assert said.code == 0, said.err
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [line["id"] for line in lines][:2] == ["b", "a"]
    assert [line["labels"] for line in lines] == [["talks"], [], ["talks"]]
    assert lines[0]["evidence"]["talks"][0]["quote"] == TALKS
    assert set(lines[0]["scores"]) == {"talks", "sanctions_warning", "program_exclusion"}


@pytest.mark.parametrize("given", [TALKS.encode(), json.dumps({"text": TALKS}).encode()], ids=["text", "json"])
def test_tag_reads_standard_input(tocsin: Tocsin, given: bytes) -> None:
    said = tocsin("tag", "-", stdin=given)
    assert json.loads(said.out)["labels"] == ["talks"]


def test_tag_names_a_bad_line_and_goes_on(tocsin: Tocsin, tmp_path: Path) -> None:
    good = json.dumps({"text": TALKS})
    (tmp_path / "many.jsonl").write_text(f'{good}\n{{"text": 5}}\n{good}\n')
    said = tocsin("tag", "many.jsonl")
    assert said.code == 1
    assert len(said.out.splitlines()) == 2
    assert "many.jsonl:2: " in said.err
    assert "text: expected a string" in said.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["tag", "gone.txt"], "gone.txt: no such file"),
        (["tag", "."], "is a folder"),
        (["tag", "notes.doc"], "expected a name ending in .txt"),
        (["replay", "gone.txt"], "gone.txt: no such file"),
        (["replay", "hollow"], "holds no article"),
        (["check", "--sample", "gone.json"], "gone.json: no such file"),
        (["evaluate", "gone.jsonl"], "gone.jsonl: no such file"),
        (["replay", "notes.txt", "--expect", "gone.jsonl"], "gone.jsonl: cannot be read"),
        (["replay", "notes.txt", "--expect", "bad.jsonl"], "bad.jsonl:1: "),
        (["nonsense"], "No such command"),
        (["watch", "--type", "nonsense"], "nonsense"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_begin_exits_2_and_says_why(
    tocsin: Tocsin, tmp_path: Path, arguments: list[str], told: str
) -> None:
    (tmp_path / "notes.doc").write_text("x")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "hollow").mkdir()
    (tmp_path / "bad.jsonl").write_text('{"labels": ["weather"]}\n')
    said = tocsin(*arguments)
    assert (said.code, said.out) == (2, "")
    assert told in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("verb", [["run"], ["replay", "a.txt"], ["topics", "create"]])
def test_a_broker_that_is_not_there_is_named_within_ten_seconds(
    tocsin: Tocsin, tmp_path: Path, verb: list[str]
) -> None:
    (tmp_path / "a.txt").write_text(TALKS)
    address = f"127.0.0.1:{free_port()}"
    said = tocsin(*verb, TOCSIN_BROKERS=address)
    assert (
        BOOTSTRAP_TIMEOUT_S <= 6
    )  # with four seconds for imports on a slow machine; the clock itself would be a flake
    assert said.code == 2
    assert address in said.err
    assert "Traceback" not in said.err


def test_check_without_a_broker_says_so_and_looks_at_the_rest(tocsin: Tocsin) -> None:
    said = tocsin("check", TOCSIN_BROKERS=f"127.0.0.1:{free_port()}")
    assert said.code == 1
    assert "ok    model: tocsin-reader" in said.out
    assert "FAIL  broker: no Kafka broker answers" in said.out


def test_check_of_a_stream_that_is_ready_is_all_ok(tocsin: Tocsin, stream: Stream) -> None:
    said = tocsin("check", settings=stream.settings)
    assert said.code == 0, said.out
    assert "FAIL" not in said.out


def test_check_tries_a_sample_with_the_field_mapping(tocsin: Tocsin, tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text('{"body": "Text.", "headline": "Title"}\n{"body": 7}\n')
    said = tocsin("check", "--sample", "mine.jsonl", TOCSIN_ARTICLE_FIELDS="text=/body,title=/headline")
    assert said.code == 1
    assert "ok    mine.jsonl:1: " in said.out
    assert "title 'Title'" in said.out
    assert "/body: expected a string" in said.out


def test_an_unknown_variable_is_an_error_with_a_suggestion(tocsin: Tocsin) -> None:
    said = tocsin("config", TOCSIN_BROKER="a:1", TOCSIN_BATCH_ARTICLES="many")
    assert said.code == 2
    assert "did you mean TOCSIN_BROKERS?" in said.err
    assert "TOCSIN_BATCH_ARTICLES: expected a whole number" in said.err


def test_config_shows_what_is_set(tocsin: Tocsin) -> None:
    said = tocsin("config", TOCSIN_GROUP="mine")
    assert said.code == 0
    assert "TOCSIN_GROUP=mine" in said.out


def test_a_missing_model_is_named(tocsin: Tocsin, tmp_path: Path) -> None:
    said = tocsin("tag", "-", stdin=b"x", TOCSIN_MODEL=str(tmp_path / "nowhere"))
    assert said.code == 2
    assert "nowhere" in said.err


@pytest.mark.parametrize(
    ("spoil", "said_why"),
    [
        ("cut off", "altered or cut off"),
        ("altered", "altered or cut off"),
        ("no manifest field", "not a manifest of ours"),
        ("other scikit-learn", "made with scikit-learn 0.1"),
        ("older format", "other rules or word lists"),
        ("other word lists", "other rules or word lists"),
    ],
)
def test_an_altered_model_is_refused(tocsin: Tocsin, tmp_path: Path, spoil: str, said_why: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(shipped_artefact(), folder)
    model, manifest = folder / "model.skops", folder / "manifest.json"
    document = json.loads(manifest.read_text())
    if spoil == "cut off":
        model.write_bytes(model.read_bytes()[:-100])
    elif spoil == "altered":
        model.write_bytes(model.read_bytes() + b" ")
    elif spoil == "no manifest field":
        manifest.write_text(json.dumps({name: value for name, value in document.items() if name != "thresholds"}))
    elif spoil == "older format":
        manifest.write_text(json.dumps({name: value for name, value in document.items() if name != "format"}))
    else:
        changed = {"other scikit-learn": {"sklearn": "0.1"}, "other word lists": {"lists_sha256": "0" * 64}}[spoil]
        manifest.write_text(json.dumps(document | changed))
    said = tocsin("tag", "-", stdin=b"x", TOCSIN_MODEL=str(folder))
    assert said.code == 2
    assert said_why in said.err.replace("\n", " ")
    assert str(folder) in said.err
    assert "Traceback" not in said.err


def test_a_taken_port_is_named(tocsin: Tocsin) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = tocsin("broker", "--port", port)
    assert said.code == 2
    assert f"port {port} on 127.0.0.1 is taken" in said.err


def test_the_broker_verb_runs_until_it_is_told_to_stop() -> None:
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "consumers.cli", "broker", "--port", str(port)], stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        assert str(port) in process.stderr.readline().decode()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


def test_evaluate_prints_figures_and_false_alerts(tocsin: Tocsin, tmp_path: Path) -> None:
    lines = [
        {"text": TALKS, "labels": ["talks"], "agreed": True},
        {"text": "It rained all day in the valley.", "labels": [], "category": "weather"},
        {"text": "No labels here."},
    ]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    said = tocsin("evaluate", "mine.jsonl", "--json")
    assert said.code == 1
    assert 'mine.jsonl:3: "labels": expected' in said.err
    report = json.loads(said.out)["mine.jsonl"]
    assert report["agreed"]["labels"]["talks"]["f1"] == 1.0
    assert (report["false_alerts"]["articles"], report["false_alerts"]["per_1000"]) == (1, 0.0)
