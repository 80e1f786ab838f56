"""The corpus keeps its promises, and training gives the same result for the same text."""

import json
import re
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from models.artefact import load_artefact, save_artefact
from models.corpus import HardNegative, LabelledText, parsed, shipped_corpus, training_texts
from models.reader import TYPES, ArticleReader, silent_share
from models.train import example_of
from schemas.errors import StartupError
from schemas.event import Part
from schemas.event_type import EventType

SHARED = Path(__file__).resolve().parents[3] / "shared"
STAGES = {
    EventType.TALKS: {"called_for", "planned", "held", "broken_off", "refused"},
    EventType.SANCTIONS_WARNING: {"demanded", "threatened", "decided", "in_force"},
    EventType.PROGRAM_EXCLUSION: {"demanded", "threatened", "decided", "in_force"},
}


@pytest.fixture(scope="module")
def corpus() -> list[LabelledText]:
    return shipped_corpus()


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def runs(text: str, length: int) -> set[str]:
    found = words(text)
    return {" ".join(found[i : i + length]) for i in range(len(found) - length + 1)}


def test_there_are_enough_texts_of_every_sort(corpus: list[LabelledText]) -> None:
    articles = [text for text in corpus if text.form == "article"]
    passages = [text for text in corpus if text.form == "passage"]
    assert len(articles) >= 600
    assert len(passages) >= 3_000
    for event_type in EventType:
        assert sum(event_type in text.labels for text in articles) >= 150
        assert sum(event_type in text.labels for text in passages) >= 700
    assert sum(len(text.labels) >= 2 for text in articles) >= 60
    assert sum(not text.labels for text in articles) >= 250
    assert sum(not text.labels for text in passages) >= 1_200


@pytest.mark.parametrize("kind", HardNegative)
def test_there_are_hard_negatives_of_every_kind(corpus: list[LabelledText], kind: HardNegative) -> None:
    learned = [text for text in training_texts(corpus) if text.kind == kind and not text.labels]
    assert len(learned) >= 15
    assert len({text.writer for text in learned}) >= 3


def test_every_text_without_an_event_is_of_a_kind_on_the_list(corpus: list[LabelledText]) -> None:
    assert {text.kind for text in corpus if not text.labels} == set(HardNegative)


def test_a_kind_that_is_not_on_the_list_is_named_by_file_and_line() -> None:
    line = {"id": "x", "form": "passage", "style": "wire", "kind": "sport", "era": "2020", "text": "x"}
    plain, odd = line | {"labels": [], "events": []}, line | {"labels": [], "events": [], "kind": "sports"}
    event = line | {"kind": "phone call of presidents", "labels": ["talks"], "events": []}
    assert [text.kind for text in parsed("me", jsonl(plain, event))] == ["sport", "phone call of presidents"]
    with pytest.raises(StartupError) as caught:
        parsed("me", jsonl(plain, odd, event, odd))
    places = [told.partition(": expected one of sport, ")[0] for told in str(caught.value).splitlines()]
    assert places == ["models/corpus/me.jsonl:2: kind", "models/corpus/me.jsonl:4: kind"]
    assert str(caught.value).endswith('got "sports"')


def jsonl(*lines: dict[str, object]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def test_ids_are_unique(corpus: list[LabelledText]) -> None:
    assert not [text_id for text_id, count in Counter(text.id for text in corpus).items() if count > 1]


def test_every_mark_is_a_sentence_of_its_text_with_a_stage_and_quoted_actors(corpus: list[LabelledText]) -> None:
    for text in corpus:
        whole = f"{text.title or ''}\n{text.text}"
        for event in text.events:
            part = text.title or "" if event.part is Part.TITLE else text.text
            assert event.quote in part, text.id
            assert event.stage in STAGES[event.type], text.id
            assert all(name is None or name in whole for name in (event.actor, event.target)), text.id


def test_labels_are_those_of_the_marks(corpus: list[LabelledText]) -> None:
    for text in corpus:
        marked = {event.type for event in text.events if event.stage != "refused"}
        assert text.labels == marked, text.id


def test_every_marked_sentence_is_found_when_the_text_is_cut(corpus: list[LabelledText]) -> None:
    for text in corpus:
        found = example_of(text).marks.any(axis=0)
        assert {event_type for event_type, there in zip(TYPES, found, strict=True) if there} == text.labels, text.id


def test_no_two_texts_are_nearly_the_same(corpus: list[LabelledText]) -> None:
    """No run of 15 words twice: shorter ones are turns of phrase."""
    seen: dict[str, str] = {}
    for text in corpus:
        for run in runs(text.text, 15):
            assert seen.setdefault(run, text.id) == text.id, (seen[run], text.id, run)


@pytest.mark.skipif(not SHARED.exists(), reason="the evaluation articles are not beside this checkout")
def test_nothing_is_copied_from_the_evaluation_articles(corpus: list[LabelledText], seeds: Path) -> None:
    others: dict[str, str] = {}
    for path in [*SHARED.glob("eval/*.jsonl"), *SHARED.glob("seeds/*.txt")]:
        for line in path.read_text(encoding="utf-8").splitlines():
            others.update(dict.fromkeys(runs(line, 10), path.name))
    ours = defaultdict(str, {text.id: f"{text.title or ''} . {text.text}" for text in corpus})
    ours |= {
        path.name: path.read_text(encoding="utf-8", errors="replace") for path in seeds.iterdir() if path.is_file()
    }
    assert not [(name, run) for name, text in ours.items() for run in runs(text, 10) if run in others]


def test_the_same_corpus_gives_the_same_bytes(corpus: list[LabelledText], tmp_path: Path) -> None:
    some = [example_of(text) for text in corpus[::12]]
    thresholds = dict.fromkeys(EventType, 0.5)
    saved = [
        save_artefact(
            tmp_path / name,
            ArticleReader().fit(some),
            version="0",
            corpus_sha256="0",
            thresholds=thresholds,
            metrics={},
        ).sha256
        for name in ("one", "two")
    ]
    assert saved[0] == saved[1]

    reader, _ = load_artefact(tmp_path / "one")
    articles = [example.sentences for example in some[:50]]
    assert np.array_equal(reader.predict_proba(articles), ArticleReader().fit(some).predict_proba(articles))


def test_an_artefact_with_a_type_that_is_not_on_our_list_is_refused(tmp_path: Path) -> None:
    from fractions import Fraction

    save_artefact(
        tmp_path,
        {"reader": Fraction(1, 2)},
        version="0",
        corpus_sha256="0",
        thresholds=dict.fromkeys(EventType, 0.5),
        metrics={},
    )
    with pytest.raises(StartupError, match="not an artefact of ours"):
        load_artefact(tmp_path)


def test_the_parameters_of_the_reader_are_those_of_a_scikit_learn_estimator() -> None:
    from sklearn.base import clone

    reader = ArticleReader(sentence_c=2.0)
    assert clone(reader).get_params() == reader.get_params()


@pytest.mark.parametrize(("with_event", "without", "share"), [(0, 0, 0), (1, 49, 0.02), (9, 1, 0.05), (0.01, 0, 0.01)])
def test_an_article_in_which_nothing_passes_never_rings(with_event: float, without: float, share: float) -> None:
    assert silent_share(with_event, without) == pytest.approx(share)
