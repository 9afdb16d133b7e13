"""The report: a run folder as one self-contained page, `report.html`, that needs no network to be read."""

from pathlib import Path

from nas.algorithms.pipeline.records import Step
from nas.algorithms.pipeline.result_file import Result
from nas.design.architecture import Architecture
from nas.design.edits.edit import cuts, end_cuts
from nas.design.edits.follow import followed
from nas.design.files import write_bytes
from nas.design.size import describe_size, height_width, shorter_side
from nas.latency.statistic import describe_speed
from nas.report.beside import describe_baselines, describe_budgets, describe_classes
from nas.report.figures.latency_figures import latency_by_op, predicted_measured, widths
from nas.report.figures.progress import best_so_far, scored
from nas.report.figures.proposals import proposals
from nas.report.figures.trade_off import trade_off
from nas.report.folder import RunContents, read_headline, read_run
from nas.report.html.markup import Markup, paragraph, section
from nas.report.html.sheet import document, embedded, photo
from nas.report.html.wording import UNFINISHED, duration, interval, millions, ms, percent, target
from nas.report.network import network_table
from nas.report.pages.front import front_page
from nas.report.pages.library import describe_library
from nas.report.pages.overview import overview, read_several
from nas.report.tables import costs


def write_report(run: Path) -> Path:
    """Write `report.html` into a run folder, finished or not, and return its path.

    A run with several targets has a page of its own, and one in the folder of each target that was begun.
    Raises InvalidRun where the folder holds no run or a damaged one, NasError where it cannot be written.
    """
    path, asked = run / "report.html", read_headline(run)
    if asked and asked.pareto:
        text = front_page(run)
    elif asked and asked.targets_ms:
        text = overview(read_several(run, asked.targets_ms))
        for target_ms in asked.targets_ms:
            if (run / f"{target_ms:g}ms" / "journal.jsonl").exists():
                write_report(run / f"{target_ms:g}ms")
    else:
        text = page(read_run(run))
    write_bytes(path, text.encode())
    return path


def page(run: RunContents) -> str:
    """The whole page of a run with one target."""
    title = headline(run.result) if run.result else f"Unfinished run{_goal(run)}: {done_so_far(run)}"
    parts = [
        _summary(run),
        _trade_off(run),
        _network(run),
        _operations(run),
        _timing(run),
        describe_baselines(run),
        describe_classes(run),
        _predictions(run),
    ]
    body = "\n".join([*parts, describe_library(run), _progress(run), _adaptation(run), _cost(run), _conditions(run)])
    return document(run.name, title, body)


def headline(result: Result) -> str:
    """The result in a sentence."""
    met = "within" if result.settled_ms <= result.target_ms else "NOT within"
    goal = f"{met} the target of {target(result.target_ms)}"
    return f"{percent(result.accuracy)} {result.metric} in {ms(result.settled_ms, 4)}, {goal}"


def _at_table_speed(result: Result) -> str:
    """The same at the speed of the table, for which the target holds."""
    if result.nominal_ms is None or result.slowdown is None:
        return ""
    speed = describe_speed(result.slowdown, result.moving)
    return f", {ms(result.nominal_ms, 4)} at the speed of its table (the device was {speed})"


def done_so_far(run: RunContents) -> str:
    """What an unfinished run has done so far."""
    steps = sum(step.step > 0 for step in run.steps)
    return f"{len(run.trials)} trials, {steps} NetAdapt steps, {len(run.finished)} final networks"


def _goal(run: RunContents) -> str:
    return "" if run.target_ms is None else f" for {target(run.target_ms)}"


def _summary(run: RunContents) -> Markup:
    result = run.result
    if result is None:
        return paragraph(UNFINISHED, "warn")
    clock = (
        f"Measured {ms(result.measured_ms, 4)} at the time ({result.statistic}; {result.p10_ms:#.3g} to "
        f"{ms(result.p90_ms)} in the middle 80 % of {result.runs} runs, repeatable to {result.floor_ms:.2g} ms) with "
        f"{result.runtime} on {result.device}{_at_table_speed(result)}, predicted {ms(result.predicted_ms)} "
        f"give or take {result.error_bound_ms:.2g}."
    )
    score = (
        f"{_capital(result.metric)} {percent(result.accuracy)} (95 % interval {interval(result.accuracy_ci95)}) on "
        f"the test split of {result.data}, of the exported model at {describe_size(result.resolution)} px: "
        f"{millions(result.params)} parameters, {millions(result.macs)} MACs. On the validation split it had "
        f"{percent(result.trained_accuracy)} when trained "
        f"and has {percent(result.validation_accuracy)} as exported.{_details(result)}{describe_budgets(result)}"
    )
    contended = "The machine was busy: too few runs were undisturbed, so that times are CPU times."
    notes = [contended] * result.contended + list(result.notes)
    return "\n".join([paragraph(clock), paragraph(score), *(paragraph(note, "warn") for note in notes)])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _details(result: Result) -> str:
    """Other metrics of the test split, as a sentence; empty without any."""
    named = ", ".join(f"{name} {percent(value)}" for name, value in result.details.items())
    return f" On the test split it also has: {named}." if named else ""


def _trade_off(run: RunContents) -> Markup:
    if not (run.trials or run.steps or run.finished):
        return ""
    caption = (
        "Trials and NetAdapt steps were trained briefly or not at all; "
        "final networks and baselines fully, with their 95 % interval."
    )
    figure = trade_off(run, run.result.target_ms if run.result else run.target_ms)
    return section("Accuracy and latency", embedded(figure, "trade-off", caption))


def _network(run: RunContents) -> Markup:
    if run.architecture is None:
        return ""
    caption = (
        "Columns as in Table 1 of the MobileNetV3 paper: NL is h-swish (HS), SiLU (SI), ReLU (RE) or ReLU6 (R6), "
        "s the stride, NBN without batch norm. Marked cells differ from MobileNetV3-Large."
    )
    return section("The network", network_table(run.architecture), paragraph(caption, "soft"), _input(run.architecture))


def _input(arch: Architecture) -> Markup:
    """What images the model file takes."""
    mean, std = (", ".join(f"{value:.4g}" for value in channels) for channels in (arch.mean, arch.std))
    size = " × ".join(map(str, height_width(arch.resolution)))
    padding = "" if arch.padding == "symmetric" else " Strided convolutions are padded as in TensorFlow."
    return paragraph(
        f"Input: RGB pixels from 0 to 1, {size}, less the mean ({mean}), divided by the "
        f"deviation ({std}); example.py shows how.{padding}",
        "soft",
    )


def _operations(run: RunContents) -> Markup:
    if run.estimate is None:
        return ""
    caption = f"Predicted by the table: {ms(run.estimate.ms)} in all, give or take {run.estimate.error_bound_ms:.2g}."
    return section("Latency by op", embedded(latency_by_op(run.estimate), "latency-by-op", caption))


def _timing(run: RunContents) -> Markup:
    if not (run.finished or run.measured):
        return ""
    caption = (
        "Bars: 10 to 90 % of single runs. Hollow: the same at the speed the machine had while its table was built."
    )
    return section(
        "Predicted against measured",
        embedded(predicted_measured(run.finished, run.measured, _relative_bound(run)), "predicted-measured", caption),
    )


def _relative_bound(run: RunContents) -> float | None:
    """The table's error bound as a share of the prediction; it is the same for all networks of a run."""
    if run.estimate is not None:
        return run.estimate.error_bound_ms / run.estimate.ms
    return run.trials[0].error_bound_ms / run.trials[0].predicted_ms if run.trials else None


def _predictions(run: RunContents) -> Markup:
    """Test images with what is there and what the exported model sees."""
    if not run.predictions:
        return ""
    note = "Test images: on the left what is there, on the right what the exported model sees."
    return section("What it sees", paragraph(note, "soft"), *(photo(*one) for one in run.predictions))


def _progress(run: RunContents) -> Markup:
    if len(scored(run.trials)) < 2:
        return ""
    caption = f"Evaluations of the block search in their order{_how(run)}; accuracies at each network's resolution."
    return section("How the search came along", embedded(best_so_far(run.trials, run.metric), "progress", caption))


def _how(run: RunContents) -> str:
    if run.asked is None:
        return ""
    ways = {
        "supernet": "scored with shared weights",
        "train": "each trained briefly",
        "zero-cost": "none trained",
        "own": "by an evaluator of your own",
        "library": "put together of the block library and not trained",
    }
    by = "an integer program" if run.asked.evaluator == "library" else run.asked.sampler
    return f", {ways.get(run.asked.evaluator, run.asked.evaluator)}, proposed by {by}"


def _adaptation(run: RunContents) -> Markup:
    if len(run.steps) < 2:
        return ""
    table = _changed_widths(run.steps)
    seed = run.steps[0].architecture
    allowed = len(cuts(seed)) + len(end_cuts(seed))
    given = run.asked is not None and run.asked.command == "netadapt"
    start = "the network that was given" if given else "the network of the search"
    groups = sum(name != "resolution" for name, _ in table)
    caption = f"{groups} of {allowed} groups were cut; step 0 is {start}."
    parts = [embedded(widths(table, [s.step for s in run.steps]), "widths", caption)]
    if run.proposals:
        parts.append(embedded(proposals(run.proposals, run.steps), "proposals", _CHOICE))
    return section("What NetAdapt cut", *parts)


_CHOICE = (
    "What there was to choose from: the loss on the validation split beside that of the network before the step, image "
    "by image, with its 95 % interval. Of cuts whose interval includes zero the one that saves most is taken."
)


def _changed_widths(steps: tuple[Step, ...]) -> list[tuple[str, list[int]]]:
    """Name and width at every step of each group of channels, and of the image (its shorter side), that changed."""
    resolution = ("resolution", [shorter_side(step.architecture.resolution) for step in steps])
    table = [*followed([(step.architecture, step.edit) for step in steps]), resolution]
    return [(name, row) for name, row in table if len(set(row)) > 1]


def _cost(run: RunContents) -> Markup:
    return section("What it cost", costs(run)) if run.stages else ""


def _conditions(run: RunContents) -> Markup:
    result = run.result
    if result is None:
        return ""
    names = ", ".join(result.classes)
    return section(
        "Conditions",
        paragraph(
            f"Data: {result.data}: {result.data_description} Classes: {names}. Trained in the end, judged and "
            f"shipped at {describe_size(result.resolution)} px. {_asked(run)}Seed {result.seed}. "
            f"Latency table: {result.table}. "
            "Largest difference between the exported model's outputs and torch's: "
            f"{result.max_output_difference:.2g}. "
            f"The run took {duration(result.seconds)}."
        ),
    )


def _asked(run: RunContents) -> str:
    if run.asked is None:
        return ""
    searched = f"Evaluator {run.asked.evaluator}, sampler {run.asked.sampler}. "
    return f"{searched if run.asked.command == 'search' else ''}{run.asked.training}{_taken(run)}"


def _taken(run: RunContents) -> str:
    if run.taken is None:
        return ""
    one = run.taken.shelved
    return f"Shared weights are those of a run that finished them on {one.finished} in {duration(one.seconds)}. "
