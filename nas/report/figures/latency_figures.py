"""Where the milliseconds are, whether the table told them right, and what NetAdapt cut."""

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go

from nas.algorithms.pipeline.records import Finished, Measured
from nas.latency.timing import Estimate, Measurement
from nas.report.figures.canvas import BLUE, GREEN, GREY, ORANGE, PINK, SKY, canvas
from nas.report.html.wording import millions, ms, percent

_KINDS = {
    "expand": ("expansion 1×1", BLUE),
    "depthwise": ("depthwise", ORANGE),
    "se": ("squeeze-excite", PINK),
    "project": ("projection 1×1", SKY),
}
_OTHER = ("stem and head", GREY)


def latency_by_op(estimate: Estimate) -> go.Figure:
    """Where the predicted milliseconds go: a bar a row of the network's table, stacked by kind of op."""
    figure = canvas("predicted latency (ms)", "")
    rows = list(dict.fromkeys(_split(part.name)[0] for part in estimate.parts))
    for kind, color in (*_KINDS.values(), _OTHER):
        parts = [part for part in estimate.parts if _split(part.name)[1] == kind]
        figure.add_bar(
            orientation="h",
            name=kind,
            marker_color=color,
            y=[_split(part.name)[0] for part in parts],
            x=[part.ms for part in parts],
            text=[f"{escape(part.key)}<br>{ms(part.ms)}, {millions(part.macs)} MACs" for part in parts],
            textposition="none",
            hovertemplate="%{text}<extra></extra>",
        )
    figure.update_yaxes(categoryorder="array", categoryarray=rows[::-1], type="category", dtick=1)
    figure.update_layout(barmode="stack", height=140 + 20 * len(rows), bargap=0.25)
    return figure


def predicted_measured(
    finished: Sequence[Finished], measured: Sequence[Measured], relative_bound: float | None
) -> go.Figure:
    """Measured over predicted latency of every network that was timed, the line of equality and the error bound."""
    figure = canvas("predicted latency (ms)", "measured latency (ms)")
    timed = [(one.predicted_ms, one.measurement) for one in finished]
    timed += [(one.predicted_ms, one.measurement) for one in measured]
    low = 0.95 * min(min(predicted, time.p10_ms) for predicted, time in timed)
    high = 1.05 * max(max(predicted, time.p90_ms) for predicted, time in timed)
    if relative_bound is not None:
        _band(figure, low, high, relative_bound)
    figure.add_scatter(
        x=[low, high], y=[low, high], mode="lines", line={"color": GREY, "dash": "dot"}, hoverinfo="skip", name="equal"
    )
    _timed(figure, "between steps", ORANGE, "square", [(one.predicted_ms, one.measurement, "") for one in measured])
    for role, name, symbol, color in (("baseline", "baseline", "diamond", PINK), ("ending", "final", "star", GREEN)):
        times = [(done.predicted_ms, done.measurement, done.name) for done in finished if done.role == role]
        _timed(figure, name, color, symbol, times)
    nominal = [(predicted, time.nominal_ms) for predicted, time in timed if time.nominal_ms is not None]
    figure.add_scatter(
        x=[x for x, _ in nominal],
        y=[y for _, y in nominal],
        mode="markers",
        name="at the table's machine speed",
        marker={"symbol": "circle-open", "color": GREY, "size": 9},
        hovertemplate="%{y:.3g} ms at the table's speed<extra></extra>",
    )
    return figure


def widths(table: Sequence[tuple[str, Sequence[int]]], numbers: Sequence[int]) -> go.Figure:
    """Channels of every group that NetAdapt cut, step after step, shaded by the share that is left."""
    figure = canvas("NetAdapt step", "")
    names = [name for name, _ in table]
    figure.add_heatmap(
        x=list(numbers),
        y=names,
        z=[[100 * width / row[0] for width in row] for _, row in table],
        text=[list(row) for _, row in table],
        texttemplate="%{text}" if len(numbers) <= 14 else "",
        hovertemplate="%{y}, step %{x}: %{text} channels (%{z:.0f} %)<extra></extra>",
        colorscale=[[0, "#f2b48c"], [1, "#cfe3f2"]],
        zmax=100,
        textfont={"color": "#1b1f24", "size": 11},
        colorbar={"title": {"text": "% left"}, "thickness": 12, "len": 0.8},
        xgap=1,
        ygap=1,
    )
    figure.update_yaxes(autorange="reversed", type="category", dtick=1)
    figure.update_xaxes(dtick=max(1, len(numbers) // 12))
    figure.update_layout(height=140 + 22 * len(names))
    return figure


def _band(figure: go.Figure, low: float, high: float, relative: float) -> None:
    """The shaded cone in which the table says that nine networks of ten lie."""
    figure.add_scatter(
        x=[low, high, high, low],
        y=[low * (1 + relative), high * (1 + relative), high * (1 - relative), low * (1 - relative)],
        fill="toself",
        fillcolor="rgba(138,143,152,0.18)",
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
        name=f"error bound ±{percent(relative)}",
    )


def _timed(
    figure: go.Figure, name: str, color: str, symbol: str, times: Sequence[tuple[float, Measurement, str]]
) -> None:
    if not times:
        return
    figure.add_scatter(
        x=[predicted for predicted, _, _ in times],
        y=[time.measured_ms for _, time, _ in times],
        error_y={
            "array": [max(0.0, time.p90_ms - time.measured_ms) for _, time, _ in times],
            "arrayminus": [time.measured_ms - time.p10_ms for _, time, _ in times],
            "thickness": 1,
        },
        text=[escape(label) for _, _, label in times],
        hovertemplate="%{text} %{y:.3g} ms measured, %{x:.3g} ms predicted<extra></extra>",
        mode="markers",
        name=name,
        marker={"color": color, "symbol": symbol, "size": 12},
    )


def _split(name: str) -> tuple[str, str]:
    """Row and kind of a part: `s1b0_expand` is the expansion of row `s1b0`."""
    row, _, kind = name.partition("_")
    return row, _KINDS.get(kind, _OTHER)[0]
