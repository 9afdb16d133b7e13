"""A whole run: seed, NetAdapt, both endings, proof by the clock, baselines, result."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from nas.design.architecture import Architecture, digest
from nas.design.files import write_json
from nas.design.space import SearchSpace
from nas.errors import Unreachable
from nas.latency.timing import Measurement
from nas.search.blocks import FINALISTS, BlockSearch
from nas.search.context import Context
from nas.search.endings import Course, baselines, endings, relative, train
from nas.search.evaluators import BySharing, ByTraining, Evaluator
from nas.search.netadapt import NetAdapt
from nas.search.records import Baseline, Finished, Measured, Result, Spent, Step, Trial
from nas.search.shared import holding_all, shared_band, shared_weights
from nas.search.survey import Drawn, check_reachable, searched, survey
from nas.units import told_ms

_ATTEMPTS = 5  # times NetAdapt may go on because the clock was above the target
_MARGIN = 0.01  # of the target, that a network measures below it before it is trained
_SEED_SHARE = 0.5  # epochs of the seed's training before NetAdapt, as a share of the final training


def search(ctx: Context, space: SearchSpace) -> Result:
    """Block search, then NetAdapt from the best network to the target, then endings and baselines."""
    settings = ctx.settings
    fastest = space.smallest(settings.resolution, ctx.classes)
    check_reachable(ctx, fastest, space.largest(settings.resolution, ctx.classes))
    adapted = _seeded(ctx)
    if adapted is None:
        drawn = survey(ctx, space)
        evaluator = _evaluator(ctx, space, drawn)
        blocks = BlockSearch(ctx, space, evaluator, drawn)
        blocks.run()
        best = _measured_best(ctx, blocks.finalists(FINALISTS))
        adapted = _train_seed(ctx, best.architecture, evaluator.weights(best.architecture))
    return _finish(ctx, adapted)


def _evaluator(ctx: Context, space: SearchSpace, drawn: Sequence[Drawn]) -> Evaluator:
    if ctx.settings.evaluator == "train":
        return ByTraining(ctx)
    wanted = searched(ctx, drawn)
    weights = shared_weights(ctx, space, _between(drawn, shared_band([wanted])), _between(drawn, wanted))
    return BySharing(ctx, holding_all(ctx, space), weights)


def _between(drawn: Sequence[Drawn], band_ms: tuple[float, float]) -> list[Architecture]:
    return [one.architecture for one in drawn if band_ms[0] <= one.predicted_ms <= band_ms[1]]


def _measured_best(ctx: Context, finalists: Sequence[Trial]) -> Trial:
    """The best trial whose whole network the clock finds within what the search aims at; else the fastest."""
    keys = [f"finalist-{digest(trial.architecture)}" for trial in finalists]
    if any(ctx.journal.find(Measured, key) is None for key in keys):
        timed = ctx.ships.measure([trial.architecture for trial in finalists])
        for key, trial, measurement in zip(keys, finalists, timed, strict=True):
            ctx.journal.add(Measured(key, trial.architecture, trial.predicted_ms, measurement))
    times = [_required(ctx.journal.find(Measured, key)).measurement for key in keys]
    within = [trial for trial, time in zip(finalists, times, strict=True) if relative(time) <= ctx.budget_ms]
    fastest = min(zip(finalists, times, strict=True), key=lambda pair: relative(pair[1]))[0]
    best = within[0] if within else fastest
    ctx.say(f"Of the best {len(finalists)} trials, measured whole, number {best.number} goes on.")
    return best


def _required(found: Measured | None) -> Measured:
    assert found is not None, "it was added above"
    return found


def netadapt(ctx: Context, source: Architecture, weights: Path | None) -> Result:
    """NetAdapt from a given network, then endings and baselines."""
    check_reachable(ctx, source, None)
    if ctx.prices(source).ms <= ctx.settings.target_ms:
        ctx.say(f"The network is within {ctx.settings.target_ms:g} ms already, by the table: nothing to take away.")
    adapted = _seeded(ctx) or _train_seed(ctx, source, weights)
    return _finish(ctx, adapted)


def _seeded(ctx: Context) -> NetAdapt | None:
    """NetAdapt where an earlier process left it, if it had begun."""
    first = ctx.journal.find(Step, "step-0")
    if first is None or not (ctx.work.folder / first.weights).exists():
        return None
    return NetAdapt(ctx, first)


def _train_seed(ctx: Context, arch: Architecture, weights: Path | None) -> NetAdapt:
    """NetAdapt prunes by weights, so its seed is trained longer than a trial of the search was."""
    [(outcome, trained)] = train(ctx, [Course(arch, ctx.settings.epochs * _SEED_SHARE, weights)])
    first = Step("step-0", 0, "seed", arch, ctx.prices(arch).ms, outcome.score, trained.name)
    ctx.journal.add(first)
    ctx.say(f"NetAdapt starts from {told_ms(first.predicted_ms)} ms predicted, {first.score.accuracy:.1%}.")
    return NetAdapt(ctx, first)


def _finish(ctx: Context, adapted: NetAdapt) -> Result:
    ends = _within_target(ctx, adapted)
    rows = baselines(ctx, ends[0].architecture)
    return _write(ctx, ends, rows)


def _within_target(ctx: Context, adapted: NetAdapt) -> list[Finished]:
    """Shrink until the exported network is within the target by the clock; both endings, the better first.

    Decisions follow the table alone until it says the target is met. Then the clock decides whether to go on.
    """
    target, goal = ctx.settings.target_ms, ctx.settings.target_ms
    for attempt in range(_ATTEMPTS):
        adapted.shrink(goal)
        arch, predicted = adapted.current.architecture, adapted.current.predicted_ms
        measured = _measured(ctx, arch, predicted, attempt)
        # Training both endings is dear: it is begun where the proof at its end is likely to hold.
        margin = max(measured.floor_ms, _MARGIN * target)
        if measured.worst_ms + margin <= target:
            ends = endings(ctx, arch, adapted.weights)
            measured = ends[0].measurement
            if measured.worst_ms <= target:
                return ends
        ctx.say(
            f"{told_ms(predicted)} ms predicted, but {told_ms(measured.worst_ms)} ms (repeatable to "
            f"{told_ms(measured.floor_ms)}) measured for a target of {target:g} ms: shrinking goes on."
        )
        goal = predicted / max((measured.worst_ms + margin) / target, 1 + ctx.settings.delta)
    raise Unreachable(
        f"After {_ATTEMPTS} attempts the network still takes {told_ms(measured.worst_ms)} ms by the clock for a target "
        f"of {target:g} ms. The machine may be slower now than when its table was built: stop other programs and start "
        "the same command again, or rebuild the table."
    )


def _measured(ctx: Context, arch: Architecture, predicted_ms: float, attempt: int) -> Measurement:
    key = f"measured-{attempt}-{digest(arch)}"
    known = ctx.journal.find(Measured, key)
    if known is None:
        [measurement] = ctx.ships.measure([arch])
        known = Measured(key, arch, predicted_ms, measurement)
        ctx.journal.add(known)
    return known.measurement


def _write(ctx: Context, ends: list[Finished], rows: list[Finished]) -> Result:
    """Put the result's files in the run folder; `result.json` comes last."""
    best, settings, folder = shipped(ends, rows, ctx.settings.target_ms), ctx.settings, ctx.folder
    notes = ctx.notes
    if best not in ends:
        notes = (*notes, f"{best.name} was better on the validation split than the network found, so it ships.")
        ctx.say(notes[-1])
    ctx.journal.tick()
    estimate = ctx.prices(best.architecture)
    shutil.copyfile(folder / "models" / best.model, folder / f"model{ctx.ships.suffix}")
    shutil.copyfile(ctx.work.folder / best.weights, folder / "weights.safetensors")
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
        accuracy=best.test.accuracy,
        accuracy_ci95=best.test.accuracy_ci95,
        params=best.params,
        macs=best.macs,
        runtime=settings.runtime,
        device=ctx.device,
        resolution=best.architecture.resolution,
        train_resolution=settings.train_resolution,
        data=settings.data,
        classes=ctx.class_names,
        seed=settings.seed,
        seconds=sum(record.seconds for record in ctx.journal.all(Spent)),
        ending=best.name,
        endings=tuple(_row(end) for end in ends),
        baselines=tuple(_row(row) for row in rows),
        max_output_difference=best.max_output_difference,
        table=ctx.table,
        notes=notes,
    )
    write_json(folder / "result.json", result)
    return result


def shipped(ends: Sequence[Finished], rows: Sequence[Finished], target_ms: float) -> Finished:
    """The better ending, or a baseline within the target that is better still on validation: no run ends below it."""
    within = [row for row in rows if row.measurement.worst_ms <= target_ms]
    return min([*ends[:1], *within], key=lambda row: (-row.validation.accuracy, row.validation.loss))


def _row(finished: Finished) -> Baseline:
    return Baseline(
        name=finished.name,
        params=finished.params,
        macs=finished.macs,
        predicted_ms=finished.predicted_ms,
        measured_ms=finished.measurement.measured_ms,
        accuracy=finished.test.accuracy,
        accuracy_ci95=finished.test.accuracy_ci95,
    )
