"""The page of a run with several targets: what was found for each, beside its baselines, and the trade-off."""

from html import escape
from pathlib import Path

import plotly.graph_objects as go
from msgspec import Struct

from nas.algorithms.budgets import describe_limits
from nas.algorithms.pipeline.journal import read_journal
from nas.algorithms.pipeline.result_file import Baseline, Result, Summary
from nas.algorithms.planning.run_plan import PlannedStage, RunPlan
from nas.design.dense.head import METRICS
from nas.design.files import decode
from nas.errors import InvalidRun
from nas.report.figures.canvas import GREEN, GREY, PINK, canvas, error_bars
from nas.report.folder import read_plan, read_result, stages
from nas.report.html.markup import Markup, cell, heads, link, paragraph, row, section, table
from nas.report.html.sheet import document, embedded
from nas.report.html.wording import UNFINISHED, interval, millions, ms, percent, target
from nas.report.tables import stage_table


class Several(Struct, frozen=True):
    """A run with several targets: the results there are by now, and once it has ended its summary."""

    name: str
    targets_ms: tuple[float, ...]
    results: tuple[Result, ...]
    stages: tuple[PlannedStage, ...]
    plan: RunPlan | None
    summary: Summary | None

    @property
    def metric(self) -> str:
        """What networks are scored by."""
        return self.results[0].metric if self.results else METRICS["classification"]


def read_several(folder: Path, targets_ms: tuple[float, ...]) -> Several:
    """The run in a folder; raises InvalidRun where a file in it is damaged."""
    found = [read_result(folder / f"{target_ms:g}ms") for target_ms in targets_ms]
    path = folder / "result.json"
    return Several(
        name=folder.resolve().name,
        targets_ms=targets_ms,
        results=tuple(result for result in found if result is not None),
        stages=stages(read_journal(folder / "journal.jsonl")),
        plan=read_plan(folder),
        summary=decode(path.read_bytes(), Summary, str(path), InvalidRun) if path.is_file() else None,
    )


def overview(run: Several) -> str:
    """The whole page."""
    met = sum(result.settled_ms <= result.target_ms for result in run.results)
    title = f"{met} of {len(run.targets_ms)} targets met{'' if run.summary else ' so far'}"
    return document(run.name, title, "\n".join([_notes(run), _targets(run), _trade_off(run), _cost(run)]))


def _notes(run: Several) -> Markup:
    if run.summary is None:
        return paragraph(UNFINISHED, "warn")
    return "\n".join(paragraph(missed.reason, "warn") for missed in run.summary.missed)


def _targets(run: Several) -> Markup:
    if not run.results:
        return ""
    head = heads(
        ("target", "measured", "predicted", "parameters", "MACs", f"test {run.metric}", "95 % interval", "baseline")
    )
    limits = describe_limits(run.results[0].budgets)
    said = f"Latencies at the speed of the table; each is the {run.results[0].statistic}."
    said += f" Each network has {limits}." if limits else ""
    return section("Targets", table(head, [_row(result) for result in run.results], "targets"), paragraph(said, "soft"))


def _row(result: Result) -> Markup:
    cells = (
        ms(result.settled_ms),
        ms(result.predicted_ms),
        millions(result.params),
        millions(result.macs),
        percent(result.accuracy),
        interval(result.accuracy_ci95),
        _best_baseline(result),
    )
    page = link(target(result.target_ms), f"{result.target_ms:g}ms/report.html")
    return row([f"<td>{page}</td>", *map(cell, cells)])


def _best_baseline(result: Result) -> str:
    best = max(result.baselines, key=lambda baseline: baseline.accuracy, default=None)
    return f"{best.name}: {percent(best.accuracy)} ({interval(best.accuracy_ci95)})" if best else ""


def _trade_off(run: Several) -> Markup:
    if not run.results:
        return ""
    caption = "Test accuracy of the exported models with its 95 % interval; baselines were trained the same way."
    return section("Accuracy and latency", embedded(trade_off_section(run), "trade-off", caption))


def trade_off_section(run: Several) -> go.Figure:
    """Test accuracy over measured latency: what was found, joined, the baselines of each, and the targets."""
    results = run.results
    figure = canvas("measured latency (ms)", f"test {run.metric} (%)")
    found = [_shipped(result) for result in results]
    _points(figure, "found", GREEN, "star", found, "lines+markers")
    _points(figure, "baseline", PINK, "diamond", [row for result in results for row in result.baselines], "markers")
    for result in results:
        figure.add_vline(
            x=result.target_ms, line={"dash": "dash", "color": GREY}, annotation_text=target(result.target_ms)
        )
    return figure


def _shipped(result: Result) -> Baseline:
    return Baseline(
        f"for {target(result.target_ms)}",
        result.params,
        result.macs,
        result.predicted_ms,
        result.measured_ms,
        result.accuracy,
        result.accuracy_ci95,
        result.resolution,
        result.trained_accuracy,
        result.validation_accuracy,
        result.nominal_ms,
    )


def _points(figure: go.Figure, name: str, color: str, symbol: str, rows: list[Baseline], mode: str) -> None:
    figure.add_scatter(
        x=[row.settled_ms for row in rows],
        y=[100 * row.accuracy for row in rows],
        error_y=error_bars(rows),
        text=[f"{escape(row.name)}<br>{ms(row.settled_ms)}, {percent(row.accuracy)}" for row in rows],
        hovertemplate="%{text}<extra></extra>",
        mode=mode,
        name=name,
        marker={"color": color, "symbol": symbol, "size": 12},
        line={"color": color, "width": 1.5},
    )


def _cost(run: Several) -> Markup:
    if not run.stages:
        return ""
    seconds = run.summary.seconds if run.summary else None
    return section("What it cost", stage_table(run.stages, seconds, run.plan))
