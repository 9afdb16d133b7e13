"""What a network's blocks may be replaced by: the loss that it costs and the milliseconds that it saves."""

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go

from nas.algorithms.pipeline.records import BlockScores
from nas.report.figures.canvas import BLUE, GREEN, GREY, ORANGE, PINK, SKY, canvas
from nas.report.html.wording import ms

_COLORS = (BLUE, ORANGE, GREEN, PINK, SKY, GREY)
_SYMBOLS = ("circle", "square", "diamond", "cross", "triangle-up", "x")


def block_scores(places: Sequence[BlockScores]) -> go.Figure:
    """The change of the loss with each alternative alone in its place, over what it saves; a series a stage."""
    figure = canvas("ms saved", "loss change")
    for number, stage in enumerate(dict.fromkeys(place.key.partition("b")[0] for place in places)):
        rows = [row for place in places if place.key.partition("b")[0] == stage for row in _rows(place)]
        figure.add_scatter(
            x=[-change_ms for _, _, _, change_ms in rows],
            y=[change for _, change, _, _ in rows],
            error_y={"array": [high - change for _, change, (_, high), _ in rows], "thickness": 1},
            text=[_about(*row) for row in rows],
            hovertemplate="%{text}<extra></extra>",
            mode="markers",
            name=stage,
            marker={"color": _COLORS[number % 6], "symbol": _SYMBOLS[number % 6], "size": 7},
        )
    figure.add_hline(y=0, line={"color": GREY, "dash": "dot"})
    return figure


def _rows(place: BlockScores) -> list[tuple[str, float, tuple[float, float], float]]:
    parts = (place.alternatives, place.loss_changes, place.loss_changes_ci95, place.changes_ms)
    return list(zip(*parts, strict=True))


def _about(name: str, change: float, interval: tuple[float, float], change_ms: float) -> str:
    low, high = interval
    return f"{escape(name)}<br>loss {change:+.3g} ({low:+.3g} to {high:+.3g}), {ms(-change_ms)} saved"
