"""How the block search came along: the best accuracy so far over the evaluations it took."""

from collections.abc import Sequence

import plotly.graph_objects as go

from nas.algorithms.pipeline.records import Trial
from nas.jobs import Score
from nas.report.figures.canvas import BLUE, canvas


def scored(trials: Sequence[Trial]) -> list[Score]:
    """The scores of complete trials in their order; others, and those that have no accuracy, are left out."""
    return [trial.score for trial in trials if trial.state == "complete" and trial.score is not None]


def best_so_far(trials: Sequence[Trial], metric: str = "accuracy") -> go.Figure:
    """Validation metric of every complete evaluation, and the best of all up to it."""
    figure = canvas("evaluation", f"validation {metric} (%)")
    values = [100 * score.accuracy for score in scored(trials)]
    best = [max(values[: number + 1]) for number in range(len(values))]
    numbers = list(range(1, len(values) + 1))
    marker = {"color": BLUE, "size": 6, "opacity": 0.5}
    figure.add_scatter(x=numbers, y=values, mode="markers", marker=marker, name="evaluation")
    figure.add_scatter(x=numbers, y=best, mode="lines", line={"color": BLUE, "shape": "hv"}, name="best so far")
    figure.update_layout(height=300)
    return figure
