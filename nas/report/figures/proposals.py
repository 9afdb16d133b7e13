"""What NetAdapt had to choose from: every proposal of every step, with its interval, and those that were taken."""

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go

from nas.algorithms.pipeline.records import Proposal, Step
from nas.design.edits.edit import Edit, Together
from nas.report.figures.canvas import BLUE, GREY, ORANGE, canvas
from nas.report.html.wording import ms

ProposalRow = tuple[Proposal, float]


def proposals(found: Sequence[Proposal], steps: Sequence[Step]) -> go.Figure:
    """Change of the loss for a millisecond saved, with its 95 % interval, step after step; what was taken is marked.

    Steps that lowered a budget and not latency are left out.
    """
    figure = canvas("NetAdapt step", "loss change per ms saved")
    before_ms = {step.step + 1: step.predicted_ms for step in steps}
    other = {step.step for step in steps if step.lowers != "latency"}
    taken = {f"proposal-{step.step}-{edit.name}" for step in steps for edit in _edits(step.edit)}
    asked = [one for one in found if one.step in before_ms and one.step not in other]
    rows = [(one, saved_ms) for one in asked if (saved_ms := before_ms[one.step] - one.predicted_ms) > 0]
    tuned = [row for row in rows if row[0].steps != 0 and row[0].key not in taken]
    screened = [row for row in rows if row[0].steps == 0 and row[0].key not in taken]
    _points(figure, "only screened", GREY, "circle-open", screened)
    _points(figure, "tuned", BLUE, "circle", tuned)
    _points(figure, "taken", ORANGE, "square", [row for row in rows if row[0].key in taken])
    figure.add_hline(y=0, line={"color": GREY, "dash": "dot"})
    figure.update_xaxes(dtick=max(1, len(steps) // 12))
    return figure


def _edits(edit: Edit | None) -> Sequence[Edit]:
    if edit is None:
        return ()
    return edit.edits if isinstance(edit, Together) else (edit,)


def _points(figure: go.Figure, name: str, color: str, symbol: str, rows: Sequence[ProposalRow]) -> None:
    if not rows:
        return
    figure.add_scatter(
        x=[one.step for one, _ in rows],
        y=[one.loss_change / saved_ms for one, saved_ms in rows],
        error_y={"array": [(one.loss_change_ci95[1] - one.loss_change) / saved for one, saved in rows], "thickness": 1},
        text=[_about(one, saved_ms) for one, saved_ms in rows],
        hovertemplate="%{text}<extra></extra>",
        mode="markers",
        name=name,
        marker={"color": color, "symbol": symbol, "size": 8},
    )


def _about(one: Proposal, saved_ms: float) -> str:
    low, high = one.loss_change_ci95
    tuned = "" if one.steps is None else f", {one.steps} mini-batches"
    samples = f", {one.samples} samples" if one.samples > 1 else ""
    change = f"loss {one.loss_change:+.3g} ({low:+.3g} to {high:+.3g})"
    return f"{escape(one.name)}<br>{change}, {ms(saved_ms)} saved{tuned}{samples}"
