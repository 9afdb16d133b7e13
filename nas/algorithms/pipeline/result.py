"""The end of a run: which network ships, and its files."""

from collections.abc import Sequence

from nas import __version__
from nas.algorithms.budgets import Budget, budget_uses, within
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.records import Finished
from nas.algorithms.pipeline.result_file import Baseline, Result
from nas.design.dense.head import METRICS
from nas.design.files import write_bytes, write_json
from nas.design.shipping.example import write_example
from nas.design.shipping.metadata import describe_weights, with_header
from nas.design.shipping.run_readme import describe_folder
from nas.design.size import describe_size
from nas.latency.statistic import describe_speed
from nas.latency.timing import Measurement
from nas.units import told_ms

_LOST = 0.005  # more than this share of the validation images is said


def write_result(ctx: Context, ends: list[Finished], rows: list[Finished]) -> Result:
    """Put the result's files in the run folder; `result.json` comes last."""
    best, settings, folder = choose_shipped(ends, rows, ctx.settings.target_ms, ctx.budgets), ctx.settings, ctx.folder
    notes = ctx.notes
    if best not in ends:
        notes = (*notes, f"{best.name} was better on the validation split than the network found, so it ships.")
        ctx.say(notes[-1])
    if lost := describe_loss(best.trained.accuracy, best.validation.accuracy, METRICS[settings.task]):
        notes = (lost, *notes)
        ctx.say(lost)
    if not best.by_class.beats_largest_class:
        share = best.by_class.largest_share
        notes = (f"No better than always naming the largest class, which has {share:.1%} of the test images.", *notes)
        ctx.say(notes[0])
    if slow := describe_slow(best.measurement, settings.target_ms):
        notes = (slow, *notes)
        ctx.say(slow)
    if settings.aim < 1:
        notes = (*notes, f"The budget of time allowed to train networks of {settings.aim:.0%} of the target at most.")
    ctx.journal.tick()
    estimate = ctx.prices(best.architecture)
    write_bytes(folder / f"model{ctx.ships.suffix}", (folder / "models" / best.model).read_bytes())
    texts = describe_weights(best.architecture, ctx.class_names, __version__)
    weights = with_header((ctx.work.folder / best.weights).read_bytes(), texts)
    write_bytes(folder / "weights.safetensors", weights)
    write_bytes(folder / "example.py", write_example(ctx.ships.suffix, settings.task).encode())
    write_json(folder / "architecture.json", best.architecture)
    write_json(folder / "estimate.json", estimate)
    result = Result(
        target_ms=settings.target_ms,
        predicted_ms=estimate.ms,
        error_bound_ms=estimate.error_bound_ms,
        measured_ms=best.measurement.measured_ms,
        p10_ms=best.measurement.p10_ms,
        p90_ms=best.measurement.p90_ms,
        runs=best.measurement.runs,
        contended=best.measurement.contended,
        floor_ms=best.measurement.floor_ms,
        nominal_ms=best.measurement.nominal_ms,
        slowdown=best.measurement.slowdown,
        moving=best.measurement.moving,
        statistic=best.measurement.statistic,
        accuracy=best.test.accuracy,
        accuracy_ci95=best.test.accuracy_ci95,
        params=best.params,
        macs=best.macs,
        runtime=settings.runtime,
        device=ctx.device,
        resolution=best.architecture.resolution,
        trained_accuracy=best.trained.accuracy,
        validation_accuracy=best.validation.accuracy,
        balanced_accuracy=best.by_class.balanced_accuracy,
        class_accuracies=best.by_class.accuracies,
        largest_class_share=best.by_class.largest_share,
        data=settings.data,
        data_description=ctx.data_description,
        classes=ctx.class_names,
        seed=settings.seed,
        seconds=ctx.journal.seconds(),
        ending=best.name,
        endings=tuple(_row(end) for end in ends),
        baselines=tuple(_row(row) for row in rows),
        max_output_difference=best.max_output_difference,
        table=ctx.table,
        notes=notes,
        peaks_mb=ctx.journal.peaks_mb(),
        budgets=budget_uses(best.architecture, ctx.budgets),
        task=settings.task,
        details=best.by_class.extra,
        predictions=_draw(ctx, best),
    )
    write_bytes(folder / "README.md", _readme(result, f"model{ctx.ships.suffix}").encode())
    write_json(folder / "result.json", result)
    return result


def _draw(ctx: Context, best: Finished) -> dict[str, str]:
    """Write images with what the shipped model sees in them; their captions by file."""
    found = {}
    for number, (caption, jpeg) in enumerate(ctx.ships.draw(best.architecture, ctx.folder / "models" / best.model)):
        name = f"predictions/{number:02}.jpg"
        (ctx.folder / "predictions").mkdir(exist_ok=True)
        write_bytes(ctx.folder / name, jpeg)
        found[name] = caption
    return found


def _readme(result: Result, model: str) -> str:
    low, high = result.accuracy_ci95
    headline = (
        f"{result.accuracy:.1%} test {result.metric} ({low:.1%} to {high:.1%}) at {told_ms(result.settled_ms)} ms in "
        f"{result.runtime} on {result.device}, {describe_size(result.resolution)} px."
    )
    return describe_folder(f"A network for {result.target_ms:g} ms on {result.data.split()[0]}", headline, model)


def describe_slow(found: Measurement, target_ms: float) -> str | None:
    """Say that only the device's present speed takes a network above its target, if so."""
    if found.slowdown is None or not found.is_late_only_now(target_ms):
        return None
    return (
        f"The clock said {told_ms(found.measured_ms)} ms, above the target: the device was "
        f"{describe_speed(found.slowdown, found.moving)}. At the speed of the table it takes "
        f"{told_ms(found.settled_ms)} ms. If the device stays so slow, build its table again and start over."
    )


def describe_loss(trained: float, validation: float, metric: str = "accuracy") -> str | None:
    """What of the validation metric was lost between the end of training and the exported file, if that is much."""
    if trained - validation <= _LOST:
        return None
    return (
        f"{100 * (trained - validation):.1f} points of validation {metric} were lost on the way out: "
        f"{trained:.1%} at the end of the training, {validation:.1%} of the exported file."
    )


def choose_shipped(
    ends: Sequence[Finished], rows: Sequence[Finished], target_ms: float, budgets: Sequence[Budget] = ()
) -> Finished:
    """The better ending, or a baseline that is better still on validation: no run ends below it.

    A baseline has to be within the target and the budgets, as the endings are.
    """
    met = [row for row in rows if row.measurement.settled_ms <= target_ms and within(row.architecture, budgets)]
    return min([*ends[:1], *met], key=lambda row: (-row.validation.accuracy, row.validation.loss))


def _row(finished: Finished) -> Baseline:
    return Baseline(
        name=finished.name,
        params=finished.params,
        macs=finished.macs,
        predicted_ms=finished.predicted_ms,
        measured_ms=finished.measurement.measured_ms,
        nominal_ms=finished.measurement.nominal_ms,
        accuracy=finished.test.accuracy,
        accuracy_ci95=finished.test.accuracy_ci95,
        resolution=finished.architecture.resolution,
        trained_accuracy=finished.trained.accuracy,
        validation_accuracy=finished.validation.accuracy,
    )
