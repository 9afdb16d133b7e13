"""The report: a run folder as one self-contained page, `report.html`, that needs no network to be read."""

from html import escape
from pathlib import Path

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from nas.design.edit import cuts, width_of
from nas.design.files import write_bytes
from nas.report.figures import latency_by_op, predicted_measured, widths
from nas.report.folder import Run, read_run
from nas.report.markup import Markup, paragraph, section
from nas.report.network import network_table
from nas.report.style import CSS
from nas.report.tables import comparison, costs, unfinished_networks, verdict
from nas.report.trade_off import trade_off
from nas.report.wording import duration, interval, millions, ms, percent, target
from nas.search.records import Result, Step


def write_report(run: Path) -> Path:
    """Write `report.html` into a run folder, finished or not, and return its path.

    Raises InvalidRun where the folder holds no run or a damaged one, NasError where it cannot be written.
    """
    path = run / "report.html"
    write_bytes(path, page(read_run(run)).encode())
    return path


def page(run: Run) -> str:
    """The whole page."""
    title = headline(run.result) if run.result else f"Unfinished run{_goal(run)}: {progress(run)}"
    parts = [_summary(run), _trade_off(run), _network(run), _operations(run), _timing(run), _baselines(run)]
    body = "\n".join([*parts, _adaptation(run), _cost(run), _conditions(run)])
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(run.name)}: nas report</title><style>{CSS}</style>\n"
        f"<script>{get_plotlyjs()}</script></head>\n<body><h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def headline(result: Result) -> str:
    """The result in a sentence."""
    met = "within" if result.measured_ms <= result.target_ms else "NOT within"
    goal = f"{met} the target of {target(result.target_ms)}"
    return f"{percent(result.accuracy)} accuracy in {ms(result.measured_ms, 4)}, {goal}"


def progress(run: Run) -> str:
    """What an unfinished run has done so far."""
    steps = sum(step.step > 0 for step in run.steps)
    return f"{len(run.trials)} trials, {steps} NetAdapt steps, {len(run.finished)} final networks"


def _goal(run: Run) -> str:
    return "" if run.target_ms is None else f" for {target(run.target_ms)}"


def _summary(run: Run) -> Markup:
    result = run.result
    if result is None:
        return paragraph("Start the same command with the same --out to go on; this page shows what there is.", "warn")
    clock = (
        f"Measured {ms(result.measured_ms, 4)} ({result.p10_ms:#.3g} to {ms(result.p90_ms)} in the middle 80 % of "
        f"{result.runs} runs, repeatable to {result.floor_ms:.2g} ms) with {result.runtime} on {result.device}, "
        f"predicted {ms(result.predicted_ms)} give or take {result.error_bound_ms:.2g}."
    )
    score = (
        f"Accuracy {percent(result.accuracy)} (95 % interval {interval(result.accuracy_ci95)}) on the test split of "
        f"{result.data}, of the exported model at {result.resolution} px: {millions(result.params)} parameters, "
        f"{millions(result.macs)} MACs."
    )
    contended = "The machine was busy: too few runs were undisturbed, the time is the lower quartile of CPU time."
    notes = [contended] * result.contended + list(result.notes)
    return "\n".join([paragraph(clock), paragraph(score), *(paragraph(note, "warn") for note in notes)])


def _trade_off(run: Run) -> Markup:
    if not (run.trials or run.steps or run.finished):
        return ""
    caption = (
        "Trials and NetAdapt steps were trained briefly, at the training resolution; "
        "final networks and baselines fully, with their 95 % interval."
    )
    figure = trade_off(run, run.result.target_ms if run.result else run.target_ms)
    return section("Accuracy and latency", _figure(figure, "trade-off", caption))


def _network(run: Run) -> Markup:
    if run.architecture is None:
        return ""
    caption = (
        "Columns as in Table 1 of the MobileNetV3 paper: NL is h-swish (HS) or ReLU (RE), s the stride, "
        "NBN without batch norm. Marked cells differ from MobileNetV3-Large."
    )
    return section("The network", network_table(run.architecture), paragraph(caption, "soft"))


def _operations(run: Run) -> Markup:
    if run.estimate is None:
        return ""
    caption = f"Predicted by the table: {ms(run.estimate.ms)} in all, give or take {run.estimate.error_bound_ms:.2g}."
    return section("Latency by op", _figure(latency_by_op(run.estimate), "latency-by-op", caption))


def _timing(run: Run) -> Markup:
    if not (run.finished or run.measured):
        return ""
    caption = (
        "Bars: 10 to 90 % of single runs. Hollow: the same at the speed the machine had while its table was built."
    )
    return section(
        "Predicted against measured",
        _figure(predicted_measured(run.finished, run.measured, _relative_bound(run)), "predicted-measured", caption),
    )


def _relative_bound(run: Run) -> float | None:
    """The table's error bound as a share of the prediction; it is the same for all networks of a run."""
    if run.estimate is not None:
        return run.estimate.error_bound_ms / run.estimate.ms
    return run.trials[0].error_bound_ms / run.trials[0].predicted_ms if run.trials else None


def _baselines(run: Run) -> Markup:
    if run.result is not None:
        note = "Baselines: published networks scaled in width to the same measured latency, trained the same way."
        return section(
            "Beside the baselines", comparison(run.result), paragraph(verdict(run.result)), paragraph(note, "soft")
        )
    return section("Networks timed so far", unfinished_networks(run)) if run.finished else ""


def _adaptation(run: Run) -> Markup:
    if len(run.steps) < 2:
        return ""
    table = _changed_widths(run.steps)
    allowed = len(cuts(run.steps[0].architecture))
    caption = f"{len(table)} of {allowed} groups were cut; step 0 is the network of the search."
    return section("What NetAdapt cut", _figure(widths(table, [s.step for s in run.steps]), "widths", caption))


def _changed_widths(steps: tuple[Step, ...]) -> list[tuple[str, list[int]]]:
    """Name and width at every step of each group of channels that did not stay as it was."""
    groups = cuts(steps[0].architecture)
    table = [(group.name, [width_of(step.architecture, group) for step in steps]) for group in groups]
    return [(name, row) for name, row in table if len(set(row)) > 1]


def _cost(run: Run) -> Markup:
    return section("What it cost", costs(run)) if run.trials or run.steps or run.finished else ""


def _conditions(run: Run) -> Markup:
    result = run.result
    if result is None:
        return ""
    classes = ", ".join(result.classes)
    return section(
        "Conditions",
        paragraph(
            f"Data: {result.data}, {len(result.classes)} classes: {classes}. Trained at {result.train_resolution} px, "
            f"shipped at {result.resolution} px. Seed {result.seed}. Latency table: {result.table}. Largest difference "
            f"between the exported model's outputs and torch's: {result.max_output_difference:.2g}. "
            f"The run took {duration(result.seconds)}."
        ),
    )


def _figure(figure: go.Figure, name: str, caption: str) -> Markup:
    """A figure without toolbar; its script needs the one plotly.js at the top of the page."""
    options = {"displayModeBar": False, "responsive": True}
    drawn = figure.to_html(full_html=False, include_plotlyjs=False, div_id=name, default_height="auto", config=options)
    return f"<figure>{drawn}<figcaption>{escape(caption)}</figcaption></figure>"
