"""What the figures share. Colours and shapes both tell series apart, so that a page printed in grey reads too."""

from collections.abc import Iterable
from typing import Any, Protocol

import plotly.graph_objects as go

# Okabe and Ito's colours: told apart by the colour-blind, and readable on white and on near-black.
BLUE, ORANGE, GREEN, PINK, GREY, SKY = "#1f83c9", "#d55e00", "#009e73", "#cc79a7", "#8a8f98", "#56b4e9"


def canvas(x: str, y: str) -> go.Figure:
    """An empty figure without colours of its own: text and grid take the page's, light or dark."""
    figure = go.Figure()
    clear = "rgba(0,0,0,0)"
    figure.update_layout(
        template="none",
        paper_bgcolor=clear,
        plot_bgcolor=clear,
        height=420,
        margin={"l": 10, "r": 10, "t": 30, "b": 10},
        font={"size": 13},
        legend={"orientation": "h", "y": -0.22, "x": 0, "bgcolor": clear},
        hoverlabel={"bgcolor": "#222", "font": {"color": "#fff"}},
    )
    figure.update_xaxes(title={"text": x, "standoff": 8}, automargin=True, zeroline=False, gridcolor=GREY)
    figure.update_yaxes(title={"text": y, "standoff": 8}, automargin=True, zeroline=False, gridcolor=GREY)
    return figure


class Accurate(Protocol):
    """What has an accuracy, as a fraction, with its interval."""

    @property
    def accuracy(self) -> float:
        """The accuracy."""
        ...

    @property
    def accuracy_ci95(self) -> tuple[float, float]:
        """Its 95 % interval."""
        ...


def error_bars(points: Iterable[Accurate]) -> dict[str, Any]:
    """The intervals of accuracies as bars in percent, a scatter's `error_y`."""
    above, below = [], []
    for point in points:
        low, high = point.accuracy_ci95
        above.append(100 * (high - point.accuracy))
        below.append(100 * (point.accuracy - low))
    return {"array": above, "arrayminus": below, "thickness": 1}
