"""The page's tables of results: what was found beside the baselines, and what the run cost."""

from nas.report.folder import Run
from nas.report.markup import Markup, cell, heads, row, table
from nas.report.wording import duration, interval, millions, ms, percent
from nas.search.records import Baseline, Result


def comparison(result: Result) -> Markup:
    """Both endings and the baselines, the shipped one first and marked; accuracies on the test split."""
    endings = sorted(result.endings, key=lambda ending: ending.name != result.ending)
    named = [(f"found, {ending.name}", ending, ending.name == result.ending) for ending in endings]
    named += [(baseline.name, baseline, False) for baseline in result.baselines]
    head = heads(("network", "parameters", "MACs", "predicted", "measured", "test accuracy", "95 % interval"))
    return table(head, [_comparison_row(*entry) for entry in named], "baselines")


def _comparison_row(name: str, entry: Baseline, shipped: bool) -> Markup:
    cells = (
        f"{name} (shipped)" if shipped else name,
        millions(entry.params),
        millions(entry.macs),
        ms(entry.predicted_ms),
        ms(entry.measured_ms),
        percent(entry.accuracy),
        interval(entry.accuracy_ci95),
    )
    return row(map(cell, cells), "shipped" if shipped else "")


def verdict(result: Result) -> str:
    """Whether the accuracies tell the found network from the best baseline, in a sentence."""
    if not result.baselines:
        return "No baseline was trained."
    best = max(result.baselines, key=lambda baseline: baseline.accuracy)
    points = 100 * (result.accuracy - best.accuracy)
    low, high = result.accuracy_ci95
    apart = low > best.accuracy_ci95[1] or high < best.accuracy_ci95[0]
    than = f"{abs(points):.1f} points {'above' if points >= 0 else 'below'} the best baseline, {best.name}"
    return f"The shipped network is {than}. " + (
        "Their 95 % intervals do not overlap."
        if apart
        else "Their 95 % intervals overlap: this run alone does not show which of them is better."
    )


def unfinished_networks(run: Run) -> Markup:
    """What is already trained, exported and timed in a run without a result; accuracies on the validation split."""
    head = heads(("network", "role", "parameters", "MACs", "predicted", "measured", "validation accuracy"))
    rows = [
        row(
            map(
                cell,
                (
                    done.name,
                    done.role,
                    millions(done.params),
                    millions(done.macs),
                    ms(done.predicted_ms),
                    ms(done.measurement.measured_ms),
                    percent(done.validation.accuracy),
                ),
            )
        )
        for done in run.finished
    ]
    return table(head, rows, "networks")


def costs(run: Run) -> Markup:
    """What the run did and how long each part took; the last row is the clock's, with all that lies between."""
    searched = sum(trial.seconds for trial in run.trials)
    adapted = sum(proposal.seconds for proposal in run.proposals)
    parts = [
        (f"trials ({_states([trial.state for trial in run.trials])})", len(run.trials), searched),
        (f"NetAdapt proposals ({_accepted(run)} accepted)", len(run.proposals), adapted),
        (
            "final networks and baselines, with NetAdapt's seed",
            len(run.finished),
            max(0.0, run.training_seconds - searched - adapted),
        ),
    ]
    rows = [row((cell(what), cell(count), cell(duration(seconds)))) for what, count, seconds in parts if count]
    if run.result is not None:
        rows.append(row((cell("the whole run, by the clock"), cell(""), cell(duration(run.result.seconds)))))
    return table(heads(("work", "count", "training time")), rows, "cost")


def _states(states: list[str]) -> str:
    counted = [(state, states.count(state)) for state in ("complete", "pruned", "infeasible")]
    return ", ".join(f"{count} {state}" for state, count in counted if count) or "none"


def _accepted(run: Run) -> int:
    return sum(step.step > 0 for step in run.steps)
