"""What a run tells a person: its result, and how it compares with what was planned."""

from pathlib import Path

from nas.algorithms.block_search.pareto import Front
from nas.algorithms.budgets import describe_uses
from nas.algorithms.pipeline.result_file import Baseline, Result, Summary
from nas.api.listener import Listener
from nas.api.run import Run
from nas.api.running.plans import told_plan
from nas.api.runs import require_met
from nas.cli.text.output import emit, log, progress_bar
from nas.cli.text.tables import table_of
from nas.design.size import describe_size
from nas.latency.statistic import describe_speed
from nas.units import told_ms


def terminal() -> Listener:
    """Tells what is going on, and draws bars, on stderr."""
    return Listener(say=log, bar=progress_bar)


def show_run(run: Run, as_json: bool) -> None:
    """Print the result of a run that has ended; raises Unreachable where one of its targets was not met."""
    assert run.result is not None, "it has ended"
    emit(run.result, as_json, describe_result(run.result, run.folder))
    require_met(run)


def describe_result(result: Result | Summary | Front, folder: Path) -> str:
    """A result as text: times against the target, accuracy, and the networks beside it."""
    if isinstance(result, Front):
        return "\n".join([*_front_lines(result, folder), *_report_of(folder)])
    if isinstance(result, Result):
        lines = _lines(result)
    else:
        lines = [line for one in result.results for line in (f"Target {one.target_ms:g} ms:", *_lines(one))]
    took = told_plan(folder, result.seconds)
    return "\n".join([*lines, *([took] if took else []), *_report_of(folder)])


def _report_of(folder: Path) -> list[str]:
    """The path of the report, if it was written."""
    path = folder / "report.html"
    return [str(path)] if path.exists() else []


def _front_lines(front: Front, folder: Path) -> list[str]:
    return [
        f"{len(front.networks)} networks of {front.evaluated} evaluated; accuracy on the validation split as "
        f"{front.evaluator} estimates it, none trained to the end; latencies are "
        f"{front.statistic}{front.limits and f'; each has {front.limits}'}:",
        *(
            f"{told_ms(one.measured_ms)} ms measured ({told_ms(one.predicted_ms)} predicted), {one.accuracy:.1%} "
            f"({one.accuracy_ci95[0]:.1%} to {one.accuracy_ci95[1]:.1%}), {one.params / 1e6:.2f} M parameters, "
            f"{one.macs / 1e6:.0f} M MACs: {folder / one.file}"
            for one in front.networks
        ),
    ]


def _speed_lines(result: Result) -> list[str]:
    """What the clock said at the time, if the number told is at the speed of the table."""
    if result.nominal_ms is None or result.slowdown is None:
        return []
    return [
        f"That is at the speed of the table; the clock said {told_ms(result.measured_ms)} ms (10 to 90 %: "
        f"{told_ms(result.p10_ms)} to {told_ms(result.p90_ms)}), the device being "
        f"{describe_speed(result.slowdown, result.moving)}."
    ]


def _lines(result: Result) -> list[str]:
    low, high = result.accuracy_ci95
    lines = [
        f"{told_ms(result.settled_ms)} ms for a target of {result.target_ms:g} ms, measured in {result.runtime} on "
        f"{result.device} ({result.statistic}; predicted {told_ms(result.predicted_ms)} ± "
        f"{told_ms(result.error_bound_ms)}; repeatable to {told_ms(result.floor_ms)})",
        *_speed_lines(result),
        f"{result.accuracy:.1%} test {result.metric} (95 % interval {low:.1%} to {high:.1%}) of the exported model at "
        f"{describe_size(result.resolution)} px, {result.params / 1e6:.2f} M parameters, "
        f"{result.macs / 1e6:.0f} M MACs",
        f"{result.validation_accuracy:.1%} validation {result.metric} as exported, "
        f"{result.trained_accuracy:.1%} when trained",
        *_detail_lines(result),
    ]
    lines += [describe_uses(result.budgets)] if result.budgets else []
    rows = [_row(row, result.metric) for row in (*result.endings, *result.baselines)]
    return [*lines, "", table_of(rows)]


def _detail_lines(result: Result) -> list[str]:
    """Other metrics of the test split, if there are any."""
    named = [f"{name} {value:.1%}" for name, value in result.details.items()]
    return [f"On the test split also: {', '.join(named)}"] if named else []


def _row(row: Baseline, metric: str) -> dict[str, object]:
    low, high = row.accuracy_ci95
    return {
        "network": row.name,
        f"test {metric}": f"{row.accuracy:.1%}",
        "95 % interval": f"{low:.1%} to {high:.1%}",
        "validation": f"{row.validation_accuracy:.1%}",
        "ms": f"{told_ms(row.settled_ms)}",
        "px": describe_size(row.resolution),
        "M parameters": f"{row.params / 1e6:.2f}",
        "M MACs": f"{row.macs / 1e6:.0f}",
    }
