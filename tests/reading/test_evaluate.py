"""What every figure of `tocsin evaluate` is, by hand and against scikit-learn; what its report lets through."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, precision_score, recall_score

from models.artefact import load_artefact, save_artefact, shipped_artefact
from models.comparison import comparison
from models.evaluate import LabelledArticle, evaluation, false_alerts, figures, plain
from models.figures import (
    Bools,
    Floats,
    Interval,
    average_precision,
    brier_score,
    calibration_by_chance,
    calibration_error,
    f1_intervals,
    reliability,
    score_table,
    scores,
)
from models.report import LONGEST_NAME, LONGEST_QUOTE, Section, harmless, report
from models.summary import comparison_summary, summary
from models.tags import Tags
from schemas.article import Article
from schemas.event import Evidence, ModelRef, Part
from schemas.event_type import EventType

Tocsin = Callable[..., Any]

HELD_OUT = Path(__file__).resolve().parents[2] / "models" / "corpus" / "held-out.jsonl"
TALKS, SANCTIONS, EXCLUSION = EventType
ANYWHERE = Interval(low=0, high=1)
MODEL = ModelRef(name="tocsin-reader", version="1.0.0", sha256="0" * 64)
HOSTILE = (
    "<script>alert(1)</script> `x` | **b** _i_ [l](https://e.example) www.e.example\n# h\x1b[31m\u202e &lt; \\| $x$"
)


def flags(*values: int) -> Bools:
    return np.array(values, dtype=np.bool_)


def numbers(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


def random_decisions(articles: int = 400) -> tuple[Bools, Bools, Floats]:
    """truth, said, p: (articles, 3); probabilities of two decimals, so that many tie."""
    random = np.random.default_rng(7)
    truth = random.random((articles, 3)) < [0.5, 0.3, 0.1]
    p = np.clip(0.35 * truth + 0.65 * random.random((articles, 3)), 0, 1).round(2)
    return truth, p >= 0.5, p


def item(
    name: str, labels: Sequence[EventType] = (), *, agreed: bool = False, doubtful: bool = False, **groups: str
) -> LabelledArticle:
    article = Article(text="x", id=name, content_hash="0" * 64)
    return LabelledArticle(article=article, labels=frozenset(labels), agreed=agreed, doubtful=doubtful, **groups)


def tags(*labels: EventType, p: float = 0.9, quote: str = "They met.") -> Tags:
    evidence = Evidence(part=Part.TEXT, start=0, end=len(quote), quote=quote, score=p)
    return Tags(
        scores={t: p if t in labels else round(1 - p, 4) for t in EventType},
        labels=labels,
        evidence=dict.fromkeys(labels, (evidence,)),
    )


@pytest.mark.parametrize(
    ("truth", "said", "p", "expected"),
    [
        (flags(1, 0, 1), flags(1, 0, 1), numbers(1, 0, 1), (1, 1, 1, 1, 0, 0, 2, 2)),
        (flags(), flags(), numbers(), (0, 0, 0, 0, 0, 0, 0, 0)),
        (flags(0, 0), flags(0, 0), numbers(0, 0), (0, 0, 0, 0, 0, 0, 0, 0)),
        (flags(1, 0), flags(0, 1), numbers(0, 1), (0, 0, 0, 0.5, 1, 1, 1, 1)),
        (flags(1, 0, 0, 1), flags(1, 1, 1, 1), numbers(0.5, 0.5, 0.5, 0.5), (0.5, 1, 2 / 3, 0.5, 0.25, 0, 4, 2)),
        (flags(1, 1, 0, 0), flags(1, 0, 1, 0), numbers(0.8, 0.4, 0.6, 0.05),
         (0.5, 0.5, 0.5, 5 / 6, (0.04 + 0.36 + 0.36 + 0.0025) / 4, (0.2 + 0.6 + 0.6) / 3, 3, 2)),
    ],
    ids=["perfect", "no decision", "nothing true or said", "all wrong", "ties", "mixed"],
)  # fmt: skip
def test_figures_are_what_they_are_by_hand(truth: Bools, said: Bools, p: Floats, expected: tuple[float, ...]) -> None:
    found = scores(truth, said, p, ANYWHERE)
    quality = (found.precision, found.recall, found.f1, found.average_precision)
    calibration = (found.brier, found.calibration_error, found.calibration_decisions)
    assert (*quality, *calibration, found.positives) == pytest.approx(expected)


def test_figures_agree_with_scikit_learn() -> None:
    truth, said, p = random_decisions()
    table = score_table(truth, said, p)
    assert table.macro.f1 == pytest.approx(f1_score(truth, said, average="macro"))
    assert table.micro.f1 == pytest.approx(f1_score(truth, said, average="micro"))
    assert table.macro.precision == pytest.approx(precision_score(truth, said, average="macro"))
    assert table.micro.recall == pytest.approx(recall_score(truth, said, average="micro"))
    assert table.macro.average_precision == pytest.approx(average_precision_score(truth, p, average="macro"))
    assert table.micro.average_precision == pytest.approx(average_precision_score(truth, p, average="micro"))
    for k, label in enumerate(table.labels):
        assert label.f1 == pytest.approx(f1_score(truth[:, k], said[:, k]))
        assert label.average_precision == pytest.approx(average_precision_score(truth[:, k], p[:, k]))
        assert label.brier == pytest.approx(brier_score_loss(truth[:, k], p[:, k]))


@pytest.mark.parametrize("decimals", [0, 1, 2, 9], ids="{} decimals".format)
def test_average_precision_and_brier_agree_with_scikit_learn_whatever_the_ties(decimals: int) -> None:
    random = np.random.default_rng(decimals)
    truth, p = random.random(300) < 0.2, random.random(300).round(decimals)
    assert average_precision(truth, p) == pytest.approx(average_precision_score(truth, p))
    assert brier_score(truth, p) == pytest.approx(brier_score_loss(truth, p))


def test_perfectly_calibrated_decisions_have_no_calibration_error() -> None:
    p = np.repeat([0.2, 0.5, 0.8], 10)
    truth = np.concatenate([np.arange(10) < share for share in (2, 5, 8)])
    assert calibration_error(reliability(truth, p)) == pytest.approx(0)


def test_the_calibration_error_of_overconfident_decisions_is_what_they_claim_too_much() -> None:
    truth, p = np.arange(20) < 12, np.full(20, 0.95)
    assert calibration_error(reliability(truth, p)) == pytest.approx(0.35)


def test_what_is_due_to_chance_is_the_calibration_error_of_events_that_are_as_probable_as_said() -> None:
    random = np.random.default_rng(5)
    p = random.random(40)
    errors = [calibration_error(reliability(random.random(40) < p, p)) for _ in range(400)]
    assert calibration_by_chance(p) == pytest.approx(np.mean(errors), abs=0.01)
    assert calibration_by_chance(np.tile(p, 100)) < calibration_by_chance(p) / 8
    assert calibration_by_chance(numbers(0.05, 0.01)) == calibration_by_chance(numbers()) == 0
    assert calibration_by_chance(numbers(1, 1)) == 0


def test_decisions_under_one_tenth_do_not_count_for_calibration() -> None:
    bins = reliability(flags(0, 1, 1, 0), numbers(0.0, 0.0999, 0.1, 0.05))
    assert [(each.decisions, each.probability, each.share) for each in bins] == [(1, pytest.approx(0.1), 1.0)]


def test_the_edges_of_the_bins_are_their_lower_ends_and_one_is_in_the_last() -> None:
    edges = np.arange(1, 11) / 10
    bins = reliability(np.zeros(10, dtype=np.bool_), edges)
    assert [each.decisions for each in bins] == [1] * 8 + [2]


def test_bootstrap_intervals_are_the_same_every_time_and_hold_the_figure() -> None:
    truth, said, p = random_decisions()
    table = score_table(truth, said, p)
    intervals = f1_intervals(truth, said)
    assert intervals == f1_intervals(truth, said)
    assert intervals == [each.f1_interval for each in (*table.labels, table.macro, table.micro)]
    for each in (*table.labels, table.macro, table.micro):
        assert 0 < each.f1_interval.low < each.f1 < each.f1_interval.high < 1


def test_bootstrap_intervals_narrow_with_more_articles() -> None:
    wide, narrow = (f1_intervals(truth, said)[-2] for truth, said, _ in map(random_decisions, (100, 2000)))
    assert narrow.high - narrow.low < (wide.high - wide.low) / 2


def test_bootstrap_intervals_of_certain_figures_have_no_width() -> None:
    perfect, none = np.ones((5, 3), dtype=np.bool_), np.zeros((0, 3), dtype=np.bool_)
    assert set(map(plain_interval, f1_intervals(perfect, perfect))) == {(1.0, 1.0)}
    assert set(map(plain_interval, f1_intervals(none, none))) == {(0.0, 0.0)}


def plain_interval(interval: Interval) -> tuple[float, float]:
    return interval.low, interval.high


def test_selections_are_of_the_articles_that_readers_agree_on_or_are_sure_of() -> None:
    items = [item("a", [TALKS], agreed=True), item("b", [TALKS], doubtful=True), item("c", [SANCTIONS]), item("d")]
    found = evaluation(items, [tags(TALKS), tags(), tags(TALKS, SANCTIONS), tags()])
    assert {name: each.articles for name, each in found.selections.items()} == {"agreed": 1, "clear": 3, "all": 4}
    assert found.selections["agreed"].labels[TALKS].f1 == 1
    assert found.selections["all"].labels[TALKS].recall == 0.5
    assert found.selections["all"].macro_f1 == pytest.approx((0.5 + 1 + 0) / 3)
    assert found.selections["all"].micro.precision == pytest.approx(2 / 3)


def test_articles_without_a_label_have_false_alerts_only() -> None:
    found = evaluation([item("a"), item("b")], [tags(), tags(TALKS, EXCLUSION)])
    assert found.selections == {}
    assert found.false_alerts is not None
    assert found.false_alerts.per_1000 == 500
    assert found.false_alerts.labels_per_1000 == {TALKS: 500, SANCTIONS: 0, EXCLUSION: 500}


def test_no_articles_have_no_figures() -> None:
    found = evaluation([], [])
    assert (found.selections, found.false_alerts, found.genres, found.kinds) == ({}, None, {}, {})
    assert false_alerts([]).per_1000 == 0
    assert figures([], []).macro_f1 == 0
    assert summary(found) == ["no labelled articles"]


def test_genres_of_ten_and_kinds_of_five_are_shown_smaller_ones_are_not() -> None:
    items = [
        *(item(f"w{n}", [TALKS] if n < 4 else [], genre="wire") for n in range(10)),
        *(item(f"s{n}", genre="small") for n in range(9)),
        *(item(f"k{n}", kind="sports") for n in range(5)),
        *(item(f"l{n}", [TALKS], kind="a label is no hard negative") for n in range(5)),
        *(item(f"f{n}", kind="four") for n in range(4)),
    ]
    found = evaluation(items, [tags(TALKS) if each.article.id in {"w0", "w9", "k0"} else tags() for each in items])
    assert set(found.genres) == {"wire"}
    wire = found.genres["wire"]
    assert wire.figures is not None
    assert wire.false_alerts is not None
    assert (wire.figures.labels[TALKS].recall, wire.false_alerts.per_1000) == (0.25, pytest.approx(1000 / 6))
    assert {name: alerts.per_1000 for name, alerts in found.kinds.items()} == {"sports": 200}


def test_the_ten_most_confident_wrong_decisions_are_kept_the_surest_first() -> None:
    items = [*(item(f"n{n:02}") for n in range(12)), item("missed", [TALKS]), item("right", [TALKS])]
    said = [*(tags(TALKS, p=0.5 + n / 100) for n in range(12)), tags(p=0.98), tags(TALKS)]
    wrong = evaluation(items, said).wrong[TALKS]
    assert [each.id for each in wrong] == ["missed", *(f"n{n:02}" for n in range(11, 2, -1))]
    assert (wrong[0].expected, wrong[0].got, wrong[0].quote, wrong[0].probability) == ((TALKS,), (), None, 0.02)
    assert (wrong[1].expected, wrong[1].got, wrong[1].quote, wrong[1].probability) == ((), (TALKS,), "They met.", 0.61)


def test_an_evaluation_is_plain_json() -> None:
    found = evaluation([item("a", [TALKS], kind="k", genre="g")], [tags(TALKS)])
    assert json.loads(json.dumps(plain(found)))["all"]["labels"]["talks"]["f1_interval"] == {"low": 1.0, "high": 1.0}


@pytest.mark.parametrize(
    "mark", ["<", ">", "`", "|", "[", "]", "*", "\n", "\x1b", "\u202e", "\\", "$", "#", ":", "_i_"]
)
def test_hostile_text_loses_its_markup_and_its_control_characters(mark: str) -> None:
    assert mark in HOSTILE
    assert mark not in harmless(HOSTILE, 500).replace("&#", "")


def test_hostile_text_is_bounded_before_it_is_escaped() -> None:
    assert harmless("<" * 1_000_000, 5) == "&#60;" * 4 + "…"
    assert harmless("plain, held-out_001.", 80) == "plain, held-out_001."
    assert "www." not in harmless("see www.e.example", 80)
    assert harmless("\ud800\x00", 80) == ""


def test_a_report_shows_hostile_text_as_text_in_every_place() -> None:
    items = [item(HOSTILE * 9, genre=HOSTILE, kind=HOSTILE) for _ in range(10)] + [item("p", [TALKS])]
    before = [tags(TALKS, quote=HOSTILE * 99)] * 11
    found = evaluation(items, before)
    compared = comparison(items, before, [tags()] * 11, ModelRef(name=HOSTILE, version=HOSTILE, sha256=HOSTILE))
    text = report(MODEL, [Section(name=HOSTILE, evaluation=found, comparison=compared)])
    for mark in ("<", ">", "\x1b", "\u202e", "**b", "](", "://", "`x`", "_i_", "www."):
        assert mark not in text
    for line in text.splitlines():
        assert len(line) < 6 * (LONGEST_QUOTE + 3 * LONGEST_NAME)
        assert not line.startswith("# h")
    rows = [line for line in text.splitlines() if "alert(1)" in line and line.startswith("|")]
    assert len(rows) == 1 + 1 + 10 + 10
    assert {line.count("|") for line in rows} == {7, 8, 6, 5}


def test_a_comparison_names_the_articles_whose_labels_changed() -> None:
    items = [item("same", [TALKS]), item("better", [TALKS, SANCTIONS]), item("worse")]
    now = [tags(TALKS), tags(TALKS, SANCTIONS), tags(EXCLUSION)]
    found = comparison(items, now, [tags(TALKS), tags(), tags()], MODEL)
    assert [(each.id, each.other, each.now) for each in found.changes] == [
        ("better", (), (TALKS, SANCTIONS)),
        ("worse", (), (EXCLUSION,)),
    ]
    assert found.changed_decisions == 3
    lines = comparison_summary(evaluation(items, now), found)
    assert "  all: macro-F1 0.222 there, 0.667 here" in lines
    assert lines[-3:] == ["  3 decision(s) changed in 2 article(s)", "    better", "    worse"]


def test_a_comparison_lists_twenty_ids_and_counts_the_others() -> None:
    items = [item(f"i{n}", [TALKS]) for n in range(23)]
    found = comparison(items, [tags(TALKS)] * 23, [tags()] * 23, MODEL)
    assert comparison_summary(evaluation(items, [tags(TALKS)] * 23), found)[-2:] == ["    i19", "    and 3 more"]


@pytest.fixture(scope="module")
def silent_artefact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped reader with thresholds that nothing reaches."""
    folder = tmp_path_factory.mktemp("silent")
    reader, manifest = load_artefact(shipped_artefact())
    never = dict.fromkeys(EventType, 1.1)
    save_artefact(folder, reader, version="0.0.0", corpus_sha256=manifest.corpus_sha256, thresholds=never, metrics={})
    return folder


MET = {
    "id": "met",
    "text": "The foreign ministers of Ghana and Togo held talks in Accra on Monday.",
    "labels": ["talks"],
}
RAINED = {"id": "rained<b>", "text": "It rained all day in the valley.", "labels": ["talks"], "source": "a/b"}


def written(folder: Path, *lines: dict[str, object]) -> Path:
    path = folder / "mine.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_the_report_and_its_plots_are_written_beside_one_another(
    tocsin: Tocsin, tmp_path: Path, silent_artefact: Path
) -> None:
    written(tmp_path, MET, RAINED)
    said = tocsin("evaluate", "mine.jsonl", "--report", "out/new.md", "--against", silent_artefact)
    assert said.code == 0, said.err
    text = (tmp_path / "out" / "new.md").read_text()
    assert "rained&#60;b&#62;" in text
    assert "| met | `talks` | none | `talks` |" in text
    for plot in ("new-1-precision-recall.png", "new-1-reliability.png"):
        assert f"![{plot}]({plot})" in text
        assert (tmp_path / "out" / plot).read_bytes().startswith(b"\x89PNG")
    assert "1 decision(s) changed in 1 article(s)" in said.out


def test_two_reports_of_the_same_articles_are_the_same_bytes(tocsin: Tocsin, tmp_path: Path) -> None:
    written(tmp_path, MET, RAINED)
    for folder in ("one", "two"):
        assert tocsin("evaluate", "mine.jsonl", "--report", f"{folder}/r.md").code == 0
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two


def test_against_shows_what_changed_as_json_too(tocsin: Tocsin, tmp_path: Path, silent_artefact: Path) -> None:
    written(tmp_path, MET, RAINED)
    said = tocsin("evaluate", "mine.jsonl", "--json", "--against", silent_artefact)
    against = json.loads(said.out)["mine.jsonl"]["against"]
    assert against["changes"] == [{"id": "met", "expected": ["talks"], "other": [], "now": ["talks"]}]
    assert against["model"]["version"] == "0.0.0"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--report", "report.html"], "report.html: expected a file name ending in .md"),
        (["--report", "mine.jsonl/report.md"], "mine.jsonl: no folder for the report"),
        (["--against", "nowhere"], "model manifest nowhere/manifest.json: No such file"),
    ],
    ids=["ending", "folder", "artefact"],
)
def test_a_place_or_artefact_that_will_not_do_is_refused_at_once(
    tocsin: Tocsin, tmp_path: Path, arguments: list[str], told: str
) -> None:
    written(tmp_path, MET)
    said = tocsin("evaluate", "mine.jsonl", *arguments)
    assert said.code == 2
    assert told in said.err
    assert said.out == ""


def test_a_report_that_cannot_be_written_is_told(tocsin: Tocsin, tmp_path: Path) -> None:
    written(tmp_path, MET)
    (tmp_path / "r-1-reliability.png").mkdir()
    said = tocsin("evaluate", "mine.jsonl", "--report", "r.md")
    assert said.code == 1
    assert "r.md: the report cannot be written: Is a directory" in said.err


def test_without_matplotlib_a_report_says_what_to_install_and_figures_need_none(tmp_path: Path) -> None:
    written(tmp_path, MET)
    hidden = (
        "import importlib.util as util, sys; found = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'matplotlib' else found(name, *rest)\n"
        "sys.modules['matplotlib'] = None; import consumers.cli; consumers.cli.main()"
    )
    command = [sys.executable, "-c", hidden, "evaluate", "mine.jsonl"]
    plain_run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    report_run = subprocess.run(
        [*command, "--report", "r.md"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (plain_run.returncode, report_run.returncode) == (0, 2)
    assert "pip install 'tocsin[report]'" in report_run.stderr


def test_the_corpus_is_a_file_of_labelled_articles_by_style(tocsin: Tocsin) -> None:
    said = tocsin("evaluate", HELD_OUT, "--json")
    assert said.code == 0, said.err
    document = json.loads(said.out)[str(HELD_OUT)]
    assert document["articles"] == len(HELD_OUT.read_text().splitlines())
    assert "wire" in document["genres"]


def test_a_genre_is_the_category_or_genre_or_style_or_the_first_word_of_the_source(
    tocsin: Tocsin, tmp_path: Path
) -> None:
    named = [
        {"category": "c", "genre": "g", "style": "s", "source": "x/y"},
        {"genre": "g", "style": "s", "source": "x/y"},
        {"style": "s", "source": "x/y"},
        {"source": "x/y z"},
        {"source": "q 1"},
        {},
    ]
    written(tmp_path, *({"text": "Rain.", "labels": [], **fields} for fields in named for _ in range(10)))
    said = tocsin("evaluate", "mine.jsonl", "--json")
    assert set(json.loads(said.out)["mine.jsonl"]["genres"]) == {"c", "g", "s", "x", "q"}


def test_the_text_is_short_and_without_control_characters(tocsin: Tocsin, tmp_path: Path) -> None:
    rows = [{**MET, "id": f"m{n}", "genre": "a\x1b[31m" if n % 2 else "b", "agreed": n < 9} for n in range(20)]
    written(tmp_path, *rows, {"text": "No labels."}, {"text": 5, "labels": []})
    said = tocsin("evaluate", "mine.jsonl")
    assert said.code == 1
    assert "mine.jsonl:21: " in said.err
    assert "2 line(s) are no labelled articles" in said.err
    assert "\x1b" not in said.out
    lines = said.out.splitlines()
    assert lines[1].startswith("  agreed (9 articles): macro-F1 0.333 [0.33, 0.33]")
    assert [line.split()[0] for line in lines[2:5]] == list(EventType)
    assert lines[5].startswith("  all (20 articles)")
    assert [line.split()[0] for line in lines[9:]] == ["genre", "a", "b"]


def test_a_file_that_begins_with_a_byte_order_mark_is_read(tocsin: Tocsin, tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_bytes(b"\xef\xbb\xbf" + json.dumps(MET).encode() + b"\n")
    said = tocsin("evaluate", "mine.jsonl", "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out)["mine.jsonl"]["all"]["labels"]["talks"]["f1"] == 1.0
