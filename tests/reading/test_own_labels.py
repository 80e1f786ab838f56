"""A user's own lines: what is wrong with them is told at once, and they make a model that a worker takes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from consumers.training import changes, load_own_corpus, train_own
from models.artefact import load_artefact, shipped_artefact
from models.classifier import load_classifier
from models.corpus import LabelledText, corpus_sha256, own_corpus_sha256, shipped_corpus
from models.own_corpus import FEWEST_ALONE, OwnLine, own_corpus, silent, too_few
from models.train import example_of, train_unmeasured
from schemas.article import Article
from schemas.errors import StartupError
from schemas.event_type import EventType

MET = "The foreign ministers of Ghana and Togo held talks in Accra on Monday."
RAIN = "It rained all day in the valley."
TALKS, SANCTIONS, EXCLUSION = EventType

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes values, or raw strings, as the lines of a file."""

    def lines(*values: Any, name: str = "mine.jsonl") -> Path:
        path = tmp_path / name
        rows = [value if isinstance(value, str) else json.dumps(value) for value in values]
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")
        return path

    return lines


def read(*values: Any) -> list[LabelledText]:
    found = own_corpus(OwnLine(place=f"m:{n}", value=json.dumps(value).encode()) for n, value in enumerate(values, 1))
    assert not found.problems
    return list(found.texts)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "is not JSON"),
        ("[]", "expected an object, got a list"),
        ({"labels": []}, "text: expected a string that is not blank, got none"),
        ({"text": " \n", "labels": []}, "text: expected a string that is not blank"),
        ({"text": 7, "labels": []}, "text: expected a string that is not blank, got the number 7"),
        ({"text": RAIN}, "labels: expected a list of event types, empty where there is no event, got none"),
        ({"text": RAIN, "labels": "talks"}, "labels: expected a list"),
        ({"text": RAIN, "labels": ["war"]}, 'labels[0]: expected one of talks, sanctions_warning, program_exclusion, '
         'got "war"'),
        ({"text": RAIN, "labels": [[]]}, "labels[0]: expected one of"),
        ({"text": RAIN, "labels": [], "title": 1}, "title: expected a string"),
        ({"text": RAIN, "labels": [], "id": 1}, "id: expected a string"),
        ({"text": RAIN, "labels": [], "label": []}, "label: is no field of a line"),
        ({"text": MET, "labels": ["talks"], "sentences": []}, "sentences: expected an object"),
        ({"text": MET, "labels": ["talks"], "sentences": {"war": [MET]}}, "sentences.war: expected one of"),
        ({"text": MET, "labels": ["talks"], "sentences": {"talks": MET}}, "sentences.talks: expected a list of quotes"),
        ({"text": MET, "labels": ["talks"], "sentences": {"talks": [" "]}}, "none of them blank"),
        ({"text": MET, "labels": [], "sentences": {"talks": [MET]}}, "the label is not in labels"),
        ({"text": MET, "labels": ["talks"], "sentences": {"talks": ["They met."]}},
         'sentences.talks[0]: "They met." is neither in the text nor in the title'),
        ({"text": f"{MET} {RAIN}", "labels": ["talks"], "sentences": {"talks": ["Monday. It rained"]}},
         "is cut across sentences"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_line_is_told_with_its_file_and_line(write: Write, line: Any, problem: str) -> None:
    path = write({"text": "A line that is good.", "labels": []}, line)
    with pytest.raises(StartupError) as raised:
        load_own_corpus([path], only=False)
    assert f"{path}:2: " in str(raised.value)
    assert problem in str(raised.value)


def test_everything_that_is_wrong_is_told_at_once(write: Write) -> None:
    one = write("{", {"text": "", "labels": ["war"]}, name="one.jsonl")
    two = write({"text": MET, "labels": []}, {"text": MET.upper() + " ", "labels": []}, name="two.jsonl")
    with pytest.raises(StartupError) as raised:
        load_own_corpus([one, two], only=False)
    told = str(raised.value)
    assert told.startswith("4 problem(s)")
    assert f"{one}:1: is not JSON" in told
    assert f"{one}:2: text:" in told
    assert f"{one}:2: labels[0]:" in told
    assert f"{two}:2: text: the same as {two}:1" in told


def test_two_lines_with_one_id_are_told(write: Write) -> None:
    path = write({"id": "x", "text": MET, "labels": []}, {"id": "x", "text": RAIN, "labels": []})
    with pytest.raises(StartupError, match=r":2: id: the same as .*:1"):
        load_own_corpus([path], only=False)


@pytest.mark.parametrize(("content", "problem"), [("", "is empty"), ("\n\n", "no usable line")])
def test_a_file_without_lines_is_told(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(content)
    with pytest.raises(StartupError, match=problem):
        load_own_corpus([path], only=False)


def test_alone_a_corpus_needs_enough_lines_with_and_without_every_label(write: Write) -> None:
    path = write(*({"text": f"{MET} {n}", "labels": ["talks"]} for n in range(30)))
    with pytest.raises(StartupError) as raised:
        load_own_corpus([path], only=True)
    assert f"talks: 0 line(s) without the label, at least {FEWEST_ALONE} are needed" in str(raised.value)
    assert f"program_exclusion: 0 line(s) with the label, at least {FEWEST_ALONE} are needed" in str(raised.value)


def test_quotes_are_the_event_sentences_in_text_and_title() -> None:
    other = "Ghana and Togo resumed talks between their foreign ministers."
    (text,) = read({"title": "Ministers meet", "text": f"{other} {MET}", "labels": ["talks"],
                    "sentences": {"talks": [MET, "Ministers meet"]}})  # fmt: skip
    assert example_of(text).marks[:, 0].tolist() == [1, 0, 1]


def test_without_quotes_every_sentence_with_the_words_of_the_event_states_it() -> None:
    (text,) = read({"text": f"{RAIN} {MET}", "labels": ["talks"]})
    assert example_of(text).marks[:, 0].tolist() == [0, 1]
    assert not silent([text])[TALKS]


def test_a_label_that_no_sentence_could_state_teaches_nothing_and_is_counted() -> None:
    texts = read({"text": RAIN, "labels": ["talks"]}, {"text": MET, "labels": ["talks"]})
    assert silent(texts) == {TALKS: 1, SANCTIONS: 0, EXCLUSION: 0}


def test_every_line_is_a_story_of_its_own() -> None:
    one, other = read({"text": RAIN, "labels": []}, {"id": "x", "text": MET, "labels": []})
    assert one.story != other.story


def test_the_hash_of_the_corpus_covers_the_lines_of_the_user() -> None:
    hashes = {corpus_sha256(), *(own_corpus_sha256([b], only=only) for b in (b"1", b"2") for only in (True, False))}
    assert len(hashes) == 5


def test_the_shipped_artefact_is_not_overwritten_by_lines_of_a_user_unless_forced(write: Write) -> None:
    before = (shipped_artefact() / "manifest.json").read_bytes()
    with pytest.raises(StartupError, match="--force"):
        train_own([write({"text": RAIN, "labels": []})], shipped_artefact(), only=False, force=False)
    assert (shipped_artefact() / "manifest.json").read_bytes() == before


def ours_as_own(step: int) -> list[dict[str, Any]]:
    """Some of our own articles in the shape of a user's lines."""
    articles = [text for text in shipped_corpus() if text.form == "article"][::step]
    return [{"id": text.id, "title": text.title, "text": text.text, "labels": sorted(text.labels)} for text in articles]


def test_lines_of_a_user_alone_make_a_model_that_loads(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(*ours_as_own(4))
    train_own([path], tmp_path / "model", only=True, force=False)
    _, manifest = load_artefact(tmp_path / "model")
    assert manifest.corpus_sha256 == own_corpus_sha256([path.read_bytes()], only=True)
    (tags,) = load_classifier(tmp_path / "model").tag([Article(text=MET, id="a", content_hash="0" * 64)])
    assert list(tags.scores) == list(EventType)
    told = capsys.readouterr().err
    assert "each read by a model that had not seen it" in told
    assert "of the project's own" in told


def test_where_nothing_is_unseen_the_figure_says_so() -> None:
    own = read(*ours_as_own(6))
    first, _ = changes(train_unmeasured(own), own)
    assert "the lines it was trained on, so the true figure is lower" in first


def test_enough_lines_lack_nothing() -> None:
    assert not too_few(read(*ours_as_own(4)))


def test_the_command_tells_problems_and_ends_with_2(tocsin, write: Write, tmp_path: Path) -> None:
    said = tocsin("train", "--corpus", write("{"))
    assert said.code == 2
    assert "mine.jsonl:1: is not JSON" in said.err
    assert not (tmp_path / "tocsin-model").exists()


@pytest.mark.parametrize("option", ["--only", "--force"])
def test_options_for_own_lines_need_some(tocsin, option: str) -> None:
    said = tocsin("train", option)
    assert said.code == 2
    assert "--corpus" in said.err
