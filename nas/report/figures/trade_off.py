"""The trade-off curve: accuracy over latency, from the first trial to the networks that were shipped."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from nas.algorithms.pipeline.records import Finished, Step, Trial
from nas.jobs import Score
from nas.report.figures.canvas import BLUE, GREEN, GREY, ORANGE, PINK, canvas, error_bars
from nas.report.folder import RunContents
from nas.report.html.wording import millions, ms, percent, target


def trade_off(run: RunContents, target_ms: float | None) -> go.Figure:
    """Validation accuracy over predicted latency: trials, NetAdapt steps joined, final networks, the target."""
    figure = canvas("predicted latency (ms)", f"validation {run.metric} (%)")
    scored = [trial for trial in run.trials if trial.score is not None]
    for state, name, symbol in (("complete", "trial", "circle"), ("pruned", "trial, stopped early", "circle-open")):
        _points(figure, name, BLUE, symbol, [trial for trial in scored if trial.state == state])
    _best_so_far(figure, [trial for trial in scored if trial.state == "complete"])
    _infeasible(figure, run, target_ms)
    if run.steps:
        _points(figure, "NetAdapt step", ORANGE, "square", run.steps, line=True)
    for role, name, symbol, color in (("baseline", "baseline", "diamond", PINK), ("ending", "final", "star", GREEN)):
        _finals(figure, name, color, symbol, [done for done in run.finished if done.role == role])
    if target_ms is not None:
        figure.add_vline(
            x=target_ms, line={"dash": "dash", "color": GREY}, annotation_text=f"target {target(target_ms)}"
        )
    return figure


def _points(
    figure: go.Figure, name: str, color: str, symbol: str, points: Iterable[Trial | Step], line: bool = False
) -> None:
    scored = [(point, point.score) for point in points if point.score is not None]
    if not scored:
        return
    figure.add_scatter(
        x=[point.predicted_ms for point, _ in scored],
        y=[100 * score.accuracy for _, score in scored],
        text=[_about(point, score) for point, score in scored],
        hovertemplate="%{text}<extra></extra>",
        mode="lines+markers" if line else "markers",
        name=name,
        marker={"color": color, "symbol": symbol, "size": 8},
        line={"color": color, "width": 1.5},
    )


def _about(point: Trial | Step, score: Score) -> str:
    match point:
        case Trial():
            size = f"{millions(point.params)} parameters, {millions(point.macs)} MACs"
            name = f"trial {point.number}, {point.state}<br>{size}"
        case Step():
            name = f"step {point.step}: {escape(point.name)}"
    return f"{name}<br>{ms(point.predicted_ms)}, {percent(score.accuracy)}"


def _best_so_far(figure: go.Figure, trials: Iterable[Trial]) -> None:
    """The best accuracy that a complete trial reaches at or below each latency."""
    xs: list[float] = []
    ys: list[float] = []
    for trial in sorted(trials, key=lambda trial: trial.predicted_ms):
        assert trial.score is not None
        if not ys or 100 * trial.score.accuracy > ys[-1]:
            xs.append(trial.predicted_ms)
            ys.append(100 * trial.score.accuracy)
    if len(xs) > 1:
        line: dict[str, Any] = {"shape": "hv", "color": BLUE, "width": 1}
        figure.add_scatter(x=xs, y=ys, mode="lines", line=line, opacity=0.7, hoverinfo="skip", name="best trials")


def _infeasible(figure: go.Figure, run: RunContents, target_ms: float | None) -> None:
    """Trials over the budget were never trained: marks along the bottom; those far outside would squash the rest."""
    over = [trial for trial in run.trials if trial.state == "infeasible"]
    if not over:
        return
    inside = [trial.predicted_ms for trial in run.trials if trial.score is not None]
    inside += [done.predicted_ms for done in run.finished] + ([1.3 * target_ms] if target_ms else [])
    near = [trial for trial in over if trial.predicted_ms <= 1.15 * max(inside, default=float("inf"))]
    beyond = f", {len(over) - len(near)} beyond the axis" if len(near) < len(over) else ""
    figure.add_scatter(
        x=[trial.predicted_ms for trial in near],
        y=[_bottom(run)] * len(near),
        text=[f"trial {trial.number}, over the budget, not trained<br>{ms(trial.predicted_ms)}" for trial in near],
        hovertemplate="%{text}<extra></extra>",
        mode="markers",
        name=f"outside the band, not trained ({len(over)}{beyond})",
        marker={"color": GREY, "symbol": "line-ns-open", "size": 9},
    )


def _bottom(run: RunContents) -> float:
    """A little under the lowest accuracy, in percent."""
    scores = [point.score.accuracy for point in run.trials if point.score is not None]
    scores += [point.score.accuracy for point in run.steps] + [done.validation.accuracy for done in run.finished]
    low, high = min(scores, default=0.0), max(scores, default=1.0)
    return 100 * (low - 0.06 * (high - low))


def _finals(figure: go.Figure, name: str, color: str, symbol: str, finished: Sequence[Finished]) -> None:
    if not finished:
        return
    scores = [done.validation for done in finished]
    figure.add_scatter(
        x=[done.predicted_ms for done in finished],
        y=[100 * score.accuracy for score in scores],
        error_y=error_bars(scores),
        text=[
            f"{escape(done.name)}<br>{ms(done.predicted_ms)}, {percent(done.validation.accuracy)}" for done in finished
        ],
        hovertemplate="%{text}<extra></extra>",
        mode="markers",
        name=name,
        marker={"color": color, "symbol": symbol, "size": 13},
    )
