"""The document of a bench run as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from contestants import ALONE, ALONE_ONE, CONTESTANTS
from goals import goals
from results import Document, Spread, length_points, line_through, of_contestant, spread


def markdown(document: Document, plots: Sequence[str]) -> str:
    """All that the run found; parts that were left out are left out here."""
    parts = [
        _head(document),
        _goals(document),
        _classifier(document),
        _throughput(document),
        _latency(document),
        _startup(document),
        _lengths(document),
        _scaling(document),
        _backlog(document),
        _replay(document),
        ["\n\n".join(f"![{name}]({name})" for name in plots)] if plots else [],
        _problems(document),
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


def _head(document: Document) -> list[str]:
    about = document["about"]
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    plan = ", ".join(f"{name} {value}" for name, value in about["plan"].items() if value)
    counts = ", ".join(f"{count:,} in {shape}" for shape, count in about["articles_a_round"].items())
    return [
        "# Bench",
        "",
        f"{about['date']}, {about['processor']}, {about['cores']} cores, load {about['load_average']} before, commit "
        f"{about['commit'] or 'unknown'}; {plan}.",
        f"Articles: {about['articles']}; a round has {counts}. {versions}.",
        "",
        "Every contestant does the same work with the same artefact, in one reading process, with the broker on the "
        "same machine, and its events were compared with those of the classifier alone: key, value and headers. "
        "Figures are medians of the rounds, in brackets the least and the most. CPU is that of the contestant's "
        "processes.",
    ]


def _goals(document: Document) -> list[str]:
    rows = [[goal.what, goal.wanted, goal.found, "met" if goal.met else "**missed**"] for goal in goals(document)]
    return ["## Goals", "", *_table(["goal", "wanted", "found", ""], rows)] if rows else []


def _classifier(document: Document) -> list[str]:
    rows = [
        [
            each["corpus"],
            f"{each['mean_bytes']:,}",
            f"{1e6 / each['cpu_us']:,.0f}",
            f"{each['cpu_us']:,.0f} ({each['least_cpu_us']:,.0f} to {each['most_cpu_us']:,.0f})",
        ]
        for each in document.get("classifier", ())
    ]
    head = ["", "mean bytes", "articles per CPU second", "CPU µs/article"]
    return ["## The classifier alone, batches of 256", "", *_table(head, rows)] if rows else []


def _throughput(document: Document) -> list[str]:
    promises = {each.name: f"{each.promise}; {each.shape}" for each in CONTESTANTS}
    limit = of_contestant(document, ALONE, "per_second")
    cost = of_contestant(document, ALONE, "cpu_us")
    rows: list[list[str]] = []
    for name in (ALONE, *promises, ALONE_ONE):
        rate, cpu = of_contestant(document, name, "per_second"), of_contestant(document, name, "cpu_us")
        if rate is None or cpu is None:
            continue
        rows.append(
            [
                name,
                promises.get(name, ""),
                str(rate),
                f"{rate.median / limit.median:.2f}" if limit else "-",
                str(cpu),
                f"{cpu.median - cost.median:+,.0f}" if cost else "-",
                *(_shown(of_contestant(document, name, what)) for what in ("broker_cpu_us", "peak_mb")),
                _shown(of_contestant(document, name, "start_s"), 1),
            ]
        )
    head = ["", "promise; shape", "articles/s", "of limit", "CPU µs/article", "above", "broker µs", "MB", "start s"]
    return ["## Throughput", "", *_table(head, rows)] if rows else []


def _latency(document: Document) -> list[str]:
    found = [each for each in document.get("latency", ()) if "p50_ms" in each]
    columns = ("contestant", "rate", "events", "p50_ms", "p90_ms", "p99_ms", "most_ms")
    rows = [[str(each[column]) for column in columns] for each in found]
    title = "## Latency, from the article's sending to the event's reading (read_committed)"
    head = ["", "articles/s", "events", "p50 ms", "p90 ms", "p99 ms", "most ms"]
    return [title, "", *_table(head, rows)] if rows else []


def _startup(document: Document) -> list[str]:
    found = [each for each in document.get("startup", ()) if "first_event_s" in each]
    rows = []
    for name in dict.fromkeys(each["contestant"] for each in found):
        mine = [each for each in found if each["contestant"] == name]
        figures = [spread(each[what] for each in mine) for what in ("first_event_s", "imports_s", "artefact_s")]
        rows.append([name, *(_shown(figure, 2) for figure in figures)])
    head = ["", "first event s", "of these imports s", "and the artefact s"]
    return ["## Start to first event, warm broker", "", *_table(head, rows)] if rows else []


def _lengths(document: Document) -> list[str]:
    rows = [
        [
            f"{each['kilobytes']:.1f}",
            f"{each['alone_per_second']:,.0f}",
            f"{each['run']['per_second']:,.0f}",
            f"{each['alone_cpu_us']:,.0f}",
            f"{each['run']['cpu_us']:,.0f}",
        ]
        for each in document.get("lengths", ())
    ]
    if not rows:
        return []
    head = ["KB", "alone articles/s", "worker articles/s", "alone CPU µs", "worker CPU µs"]
    lines = ["## By length of the article, exactly_once", "", *_table(head, rows)]
    for whose in ("alone", "worker"):
        line = line_through(length_points(document, whose))
        if line:
            said = f"{line.at_zero:,.0f} µs and {line.slope:,.0f} µs per KB (R² {line.r_squared:.4f})"
            lines += ["", f"CPU of an article, {whose}: {said}."]
    return lines


def _scaling(document: Document) -> list[str]:
    rows = [
        [
            each["run"]["contestant"],
            str(each["partitions"]),
            str(each["workers"]),
            f"{each['run']['per_second']:,.0f}",
            f"{each['run']['cpu_us']:,.0f}",
            f"{each['run']['peak_mb']:,.0f}",
        ]
        for each in document.get("scaling", ())
    ]
    head = ["", "partitions", "workers", "articles/s", "CPU µs/article", "MB"]
    return ["## By partitions and workers", "", *_table(head, rows)] if rows else []


def _backlog(document: Document) -> list[str]:
    run = document.get("backlog")
    if not run:
        return []
    thirds = ", ".join(f"{rate:,.0f}" for rate in run["thirds"])
    said = f"{run['per_second']:,.0f} articles/s (in thirds of the time: {thirds}), {run['cpu_us']:,.0f} µs CPU"
    return [f"## A backlog of {run['articles']:,}", "", f"{said} an article, {run['peak_mb']:,.0f} MB at the most."]


def _replay(document: Document) -> list[str]:
    found = document.get("replay")
    if not found:
        return []
    said = (
        f"{found['per_second']:,.0f} articles/s, {found['cpu_us']:,.0f} µs CPU an article, {found['peak_mb']:,.0f} MB"
    )
    return [f"## tocsin replay, a file of {found['articles']:,} lines", "", f"{said} at the most."]


def _problems(document: Document) -> list[str]:
    runs = [*document.get("throughput", ()), *document.get("latency", ()), *document.get("startup", ())]
    runs += [each["run"] for part in ("lengths", "scaling") for each in document.get(part, ())]
    runs += [document["backlog"]] if document.get("backlog") else []
    runs += [document["replay"]] if document.get("replay") else []
    lines = [f"- {run['contestant']}: {problem}" for run in runs for problem in run["problems"]]
    return ["## Not as it must be", "", *lines] if lines else []


def _shown(figure: Spread | None, digits: int = 0) -> str:
    return "-" if figure is None or not figure.median else f"{figure.median:,.{digits}f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
