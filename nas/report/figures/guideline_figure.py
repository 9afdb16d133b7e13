"""The networks of a guideline: time over that of the first one, here and in the paper."""

from html import escape

import plotly.graph_objects as go

from nas.latency.guideline_result import GuidelineResult, VariantResult, describe_ratio
from nas.report.figures.canvas import BLUE, GREEN, GREY, ORANGE, PINK, canvas

_MARKS = ((ORANGE, "diamond-open"), (PINK, "square-open"), (GREEN, "triangle-up-open"))


def guideline_figure(guideline: GuidelineResult) -> go.Figure:
    """A row a network, from the top; where only a width varies, the ratio over the width."""
    ratio = "time per MAC over the first one" if guideline.per_mac else "time over the first one"
    timed = [variant for variant in guideline.variants if variant.ratio is not None]
    if any(variant.width for variant in timed):
        return _over_width(timed, ratio)
    figure = canvas(ratio, "")
    _add_here(figure, timed)
    for place, where in enumerate(_places(guideline)):
        _add_paper(figure, guideline, where, *_MARKS[place % len(_MARKS)])
    labels = [variant.label for variant in guideline.variants]
    figure.add_vline(x=1, line={"color": GREY, "dash": "dot"})
    figure.update_yaxes(categoryorder="array", categoryarray=labels[::-1], type="category", dtick=1)
    figure.update_layout(height=150 + 34 * len(labels))
    return figure


def _add_here(figure: go.Figure, timed: list[VariantResult]) -> None:
    figure.add_scatter(
        x=[variant.ratio.median for variant in timed if variant.ratio],
        y=[variant.label for variant in timed],
        error_x=_bars(timed),
        text=[f"{escape(variant.label)}<br>{describe_ratio(variant)}" for variant in timed],
        hovertemplate="%{text}<extra></extra>",
        mode="markers",
        name="here",
        marker={"color": BLUE, "size": 10},
    )


def _add_paper(figure: go.Figure, guideline: GuidelineResult, where: str, color: str, symbol: str) -> None:
    """Every size that the paper measured is a mark."""
    points = [
        (ratio, variant.label)
        for variant in guideline.variants
        for one in variant.paper
        for ratio in one.ratios
        if one.where == where
    ]
    figure.add_scatter(
        x=[ratio for ratio, _ in points],
        y=[label for _, label in points],
        hovertemplate="paper: %{x:.2f}<extra></extra>",
        mode="markers",
        name=f"paper, {escape(where)}",
        marker={"color": color, "symbol": symbol, "size": 9},
    )


def _over_width(timed: list[VariantResult], ratio: str) -> go.Figure:
    figure = canvas("width (channels)", ratio)
    figure.add_scatter(
        x=[variant.width for variant in timed],
        y=[variant.ratio.median for variant in timed if variant.ratio],
        error_y=_bars(timed),
        text=[describe_ratio(variant) for variant in timed],
        hovertemplate="%{x} channels: %{text}<extra></extra>",
        mode="lines+markers",
        name="here",
        marker={"color": BLUE, "size": 8},
    )
    figure.add_hline(y=1, line={"color": GREY, "dash": "dot"})
    figure.update_layout(height=320)
    return figure


def _places(guideline: GuidelineResult) -> list[str]:
    """Where the paper measured."""
    return list(dict.fromkeys(one.where for variant in guideline.variants for one in variant.paper))


def _bars(timed: list[VariantResult]) -> dict[str, object]:
    ratios = [variant.ratio for variant in timed if variant.ratio]
    return {
        "array": [one.high - one.median for one in ratios],
        "arrayminus": [one.median - one.low for one in ratios],
        "thickness": 1.5,
    }
