"""The page of a run for a whole front: its networks, and how the front came along."""

from html import escape
from pathlib import Path

import plotly.graph_objects as go

from nas.algorithms.block_search.pareto import Front, FrontNetwork, Point, hypervolume
from nas.algorithms.pipeline.records import Trial
from nas.design.files import decode
from nas.design.size import describe_size
from nas.errors import InvalidRun
from nas.report.figures.canvas import BLUE, GREEN, canvas, error_bars
from nas.report.figures.progress import scored
from nas.report.folder import RunContents, read_run
from nas.report.html.markup import Markup, cell, heads, paragraph, row, section, table
from nas.report.html.sheet import document, embedded
from nas.report.html.wording import UNFINISHED, interval, millions, ms, percent
from nas.report.tables import stage_table

_HEAD = ("file", "measured", "predicted", "parameters", "MACs", "accuracy", "95 % interval")


def front_page(folder: Path) -> str:
    """The whole page, of a finished run or not; raises InvalidRun where a file in the folder is damaged."""
    run, path = read_run(folder), folder / "front.json"
    front = decode(path.read_bytes(), Front, str(path), InvalidRun) if path.is_file() else None
    if front is None:
        title = f"Unfinished front: {len(run.trials)} trials"
        parts = [paragraph(UNFINISHED, "warn"), *([_evaluated(run, ())] if scored(run.trials) else [])]
    else:
        fastest, best = front.networks[0], front.networks[-1]
        title = f"{len(front.networks)} networks from {ms(fastest.measured_ms)} to {ms(best.measured_ms)}"
        parts = [_summary(front), _evaluated(run, front.networks), _networks(front), _progress(run, front)]
    cost = stage_table(run.stages, front.seconds if front else None)
    return document(run.name, title, "\n".join([*parts, section("What it cost", cost) if run.stages else ""]))


def _summary(front: Front) -> Markup:
    smaller = any(network.architecture.resolution != front.resolution for network in front.networks)
    side = f"{'up to ' if smaller else ''}{describe_size(front.resolution)} px"
    what = (
        f"Of {front.evaluated} networks evaluated, none beats one of these in both the latency measured with "
        f"{front.runtime} on {front.device} and the accuracy, which is an estimate ({front.evaluator}) on the "
        f"validation split of {front.data}, at {side}. None was trained to the end: give a file "
        f"to nas train or to nas netadapt --from. Latencies are {front.statistic}. Latency table: {front.table}."
        f"{front.limits and f' Each network has {front.limits}.'}"
    )
    return "\n".join([paragraph(what), *(paragraph(note, "warn") for note in front.notes)])


def _evaluated(run: RunContents, networks: tuple[FrontNetwork, ...]) -> Markup:
    caption = "Evaluations by predicted latency; networks of the front by measured latency, with their 95 % interval."
    return section("Accuracy and latency", embedded(_trade_off(run, networks), "trade-off", caption))


def _trade_off(run: RunContents, networks: tuple[FrontNetwork, ...]) -> go.Figure:
    figure = canvas("latency (ms)", "validation accuracy (%)")
    points = _points(run.trials)
    figure.add_scatter(
        x=[latency for _, latency in points],
        y=[100 * accuracy for accuracy, _ in points],
        mode="markers",
        marker={"color": BLUE, "size": 6, "opacity": 0.5},
        name="evaluated (predicted latency)",
    )
    figure.add_scatter(
        x=[one.measured_ms for one in networks],
        y=[100 * one.accuracy for one in networks],
        error_y=error_bars(networks),
        text=[f"{escape(one.file)}<br>{ms(one.measured_ms)}, {percent(one.accuracy)}" for one in networks],
        hovertemplate="%{text}<extra></extra>",
        mode="lines+markers",
        line={"color": GREEN, "shape": "hv", "width": 1.5},
        marker={"color": GREEN, "symbol": "star", "size": 12},
        name="front (measured)",
    )
    return figure


def _networks(front: Front) -> Markup:
    rows = [
        (
            one.file,
            ms(one.measured_ms),
            ms(one.predicted_ms),
            millions(one.params),
            millions(one.macs),
            percent(one.accuracy),
            interval(one.accuracy_ci95),
        )
        for one in front.networks
    ]
    return section("Networks", table(heads(_HEAD), [row(map(cell, cells)) for cells in rows], "networks"))


def _progress(run: RunContents, front: Front) -> Markup:
    points = _points(run.trials)
    figure = canvas("evaluation", "hypervolume (%)")
    figure.add_scatter(
        x=list(range(1, len(points) + 1)),
        y=[100 * hypervolume(points[:n], front.low_ms, front.high_ms) for n in range(1, len(points) + 1)],
        mode="lines",
        line={"color": BLUE, "shape": "hv"},
        name="hypervolume",
    )
    figure.update_layout(height=300)
    caption = (
        f"The best accuracy within a latency, as a mean over all latencies from {ms(front.low_ms)} to "
        f"{ms(front.high_ms)}: {percent(front.hypervolume)} in the end."
    )
    return section("The search", embedded(figure, "hypervolume", caption))


def _points(trials: tuple[Trial, ...]) -> list[Point]:
    return [(t.score.accuracy, t.predicted_ms) for t in trials if t.state == "complete" and t.score is not None]
