"""The page's tables of results: what was found beside the baselines, and what the run cost."""

from collections.abc import Mapping, Sequence

from nas.algorithms.pipeline.result_file import Baseline, Result
from nas.algorithms.planning.run_plan import PlannedStage, RunPlan
from nas.design.size import describe_size
from nas.report.folder import RunContents
from nas.report.html.markup import Markup, cell, heads, row, table
from nas.report.html.wording import duration, interval, memory, millions, ms, percent


def comparison(result: Result) -> Markup:
    """Both endings, one that ships first, and the baselines; what ships is marked.

    The test accuracy and the second validation accuracy are of the exported files, the first one of the network at the
    end of its training.
    """
    endings = sorted(result.endings, key=lambda ending: ending.name != result.ending)
    named = [(f"found, {ending.name}", ending, ending.name == result.ending) for ending in endings]
    named += [(baseline.name, baseline, baseline.name == result.ending) for baseline in result.baselines]
    head = heads(
        (
            "network",
            "resolution",
            "parameters",
            "MACs",
            "predicted",
            "measured",
            "validation, trained",
            "validation, exported",
            f"test {result.metric}",
            "95 % interval",
        )
    )
    return table(head, [_comparison_row(*entry) for entry in named], "baselines")


def _comparison_row(name: str, entry: Baseline, shipped: bool) -> Markup:
    cells = (
        f"{name} (shipped)" if shipped else name,
        f"{describe_size(entry.resolution)} px",
        millions(entry.params),
        millions(entry.macs),
        ms(entry.predicted_ms),
        ms(entry.settled_ms),
        percent(entry.trained_accuracy),
        percent(entry.validation_accuracy),
        percent(entry.accuracy),
        interval(entry.accuracy_ci95),
    )
    return row(map(cell, cells), "shipped" if shipped else "")


def verdict_text(result: Result) -> str:
    """Whether the accuracies tell what ships from the best of the others, baseline or found, in a sentence."""
    if not result.baselines:
        return "No baseline was trained."
    scaled = any(baseline.name == result.ending for baseline in result.baselines)
    best = max(result.endings if scaled else result.baselines, key=lambda other: other.accuracy)
    points = 100 * (result.accuracy - best.accuracy)
    low, high = result.accuracy_ci95
    apart = low > best.accuracy_ci95[1] or high < best.accuracy_ci95[0]
    shipped = f"The shipped network, the baseline {result.ending}," if scaled else "The shipped network"
    other = "network found" if scaled else "baseline"
    than = f"{abs(points):.1f} points {'above' if points >= 0 else 'below'} the best {other}, {best.name}"
    return f"{shipped} is {than}. " + (
        "Their 95 % intervals do not overlap."
        if apart
        else "Their 95 % intervals overlap: this run alone does not show which of them is better."
    )


def class_table(result: Result) -> Markup:
    """The metric on the test images of every class, the lowest first; a detector's background has none."""
    named = zip(result.classes, result.class_accuracies, strict=True)
    known = list(named)[1:] if result.task == "detection" else named
    rows = sorted(known, key=lambda pair: pair[1] or 0.0)
    cells = [(name, "no test images" if accuracy is None else percent(accuracy)) for name, accuracy in rows]
    return table(heads(("class", f"test {result.metric}")), [row(map(cell, one)) for one in cells], "classes")


def unfinished_networks(run: RunContents) -> Markup:
    """What is already trained, exported and timed in a run without a result; accuracies on the validation split."""
    head = heads(("network", "role", "parameters", "MACs", "predicted", "measured", f"validation {run.metric}"))
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
                    ms(done.measurement.settled_ms),
                    percent(done.validation.accuracy),
                ),
            )
        )
        for done in run.finished
    ]
    return table(head, rows, "networks")


_WHOLE = "the whole run"


def costs(run: RunContents) -> Markup:
    """What the run did at every stage and how long that took by the clock."""
    adapted = len(run.proposals)
    did = {
        "shared weights": "taken from an earlier run" if run.taken else "trained",
        "block search": f"{len(run.trials)} trials ({_states([trial.state for trial in run.trials])})",
        "NetAdapt": f"{adapted} proposals, {sum(step.step > 0 for step in run.steps)} accepted",
        "final networks": str(sum(done.role == "ending" for done in run.finished)),
        "baselines": str(sum(done.role == "baseline" for done in run.finished)),
    }
    return stage_table(run.stages, run.result.seconds if run.result else None, run.plan, did)


def stage_table(
    stages: Sequence[PlannedStage], seconds: float | None, plan: RunPlan | None = None, did: Mapping[str, str] = {}
) -> Markup:
    """What was done, seconds and memory of every stage, and of the whole run if it has ended; beside what was planned.

    Memory is of all processes together; of older runs it is not known.
    """
    most_mb = max((stage.peak_mb or 0 for stage in stages), default=0)
    written = list(stages) if seconds is None else [*stages, PlannedStage(_WHOLE, seconds, most_mb or None)]
    foreseen = {stage.name: stage for stage in plan.stages} if plan else {}
    if plan:
        foreseen[_WHOLE] = PlannedStage(_WHOLE, plan.seconds - plan.measuring_s, plan.peak_mb)
    columns = ["stage", "what was done", "by the clock", *["planned"] * bool(plan)]
    columns += ["most memory", *["planned"] * bool(plan)] if most_mb else []
    return table(heads(columns), [_stage_row(one, foreseen, did, plan, most_mb) for one in written], "cost")


def _stage_row(
    stage: PlannedStage,
    foreseen: Mapping[str, PlannedStage],
    did: Mapping[str, str],
    plan: RunPlan | None,
    most_mb: int,
) -> Markup:
    planned = foreseen.get(stage.name)
    cells = [stage.name, did.get(stage.name, ""), duration(stage.seconds)]
    cells += [duration(planned.seconds) if planned else ""] * bool(plan)
    if most_mb:
        cells += [memory(stage.peak_mb), *[memory(planned.peak_mb if planned else None)] * bool(plan)]
    return row(map(cell, cells))


def _states(states: list[str]) -> str:
    counted = [(state, states.count(state)) for state in ("complete", "pruned", "infeasible")]
    return ", ".join(f"{count} {state}" for state, count in counted if count) or "none"
