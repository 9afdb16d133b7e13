"""`search_front`: the whole trade-off of accuracy and latency between two targets, instead of one network."""

from dataclasses import replace

import msgspec

from nas.algorithms.block_search.bands import join_bands
from nas.algorithms.block_search.block_search import BlockSearch
from nas.algorithms.block_search.latency_band import search_bands
from nas.algorithms.block_search.pareto import Front, FrontNetwork, hypervolume, nondominated, thinned
from nas.algorithms.block_search.prepare import prepare_search
from nas.algorithms.budgets import describe_limits
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.measured import Wanted, measure_once
from nas.algorithms.pipeline.pipeline import check_space
from nas.algorithms.pipeline.records import Trial
from nas.design.architecture import digest
from nas.design.files import write_json
from nas.design.space import SearchSpace
from nas.latency.statistic import describe_usual
from nas.latency.timing import Measurement
from nas.units import told_ms

_MEASURED = 16  # networks of the front that the clock measures, at most
_FOLDER = "front"


def search_front(ctx: Context, space: SearchSpace) -> Front:
    """Evaluate networks of all latencies from the lowest target to the highest; write `front.json` and its networks.

    Nothing is trained to the end: each network is a file that `nas netadapt --from` and `nas train` take.
    """
    check_space(ctx, space)
    targets = [_at(ctx, target_ms) for target_ms in ctx.settings.targets_ms or (ctx.settings.target_ms,)]
    on = prepare_search(ctx, space, targets)
    bands = join_bands(search_bands(target, on.drawn) for target in targets)
    ctx.journal.enter("front")
    blocks = BlockSearch(ctx, on.space, on.evaluator(ctx), on.drawn, bands)
    blocks.run()
    evaluated = blocks.complete()
    networks = _networks(ctx, nondominated(evaluated, _predicted))
    for network in networks:
        path = ctx.folder / network.file
        path.parent.mkdir(exist_ok=True)
        write_json(path, network.architecture)
    return _write(ctx, networks, evaluated, (bands.low_ms, bands.high_ms))


def _at(ctx: Context, target_ms: float) -> Context:
    return replace(ctx, settings=msgspec.structs.replace(ctx.settings, target_ms=target_ms))


def _predicted(trial: Trial) -> tuple[float, float]:
    assert trial.score is not None, "a front is of accuracies"
    return trial.score.accuracy, trial.predicted_ms


def _networks(ctx: Context, front: list[Trial]) -> list[FrontNetwork]:
    """The front as the clock sees it: measured in turns, without those that another turns out to beat."""
    trials = thinned(front, _MEASURED)
    wanted = [Wanted(f"front-{digest(one.architecture)}", one.architecture, one.predicted_ms) for one in trials]
    found = [_network(trial, time) for trial, time in zip(trials, measure_once(ctx, wanted), strict=True)]
    best = nondominated(found, lambda network: (network.accuracy, network.measured_ms))
    ctx.say(f"Of {len(found)} networks of the front, measured whole, {len(best)} are not beaten by another.")
    return [msgspec.structs.replace(network, file=f"{_FOLDER}/{n}.json") for n, network in enumerate(best, 1)]


def _network(trial: Trial, time: Measurement) -> FrontNetwork:
    assert trial.score is not None, "a front is of accuracies"
    return FrontNetwork(
        file="",
        architecture=trial.architecture,
        predicted_ms=trial.predicted_ms,
        error_bound_ms=trial.error_bound_ms,
        measured_ms=time.settled_ms,
        accuracy=trial.score.accuracy,
        accuracy_ci95=trial.score.accuracy_ci95,
        params=trial.params,
        macs=trial.macs,
        trial=trial.number,
    )


def _write(ctx: Context, networks: list[FrontNetwork], evaluated: list[Trial], band_ms: tuple[float, float]) -> Front:
    """`front.json`, which comes last."""
    ctx.journal.tick()
    settings = ctx.settings
    front = Front(
        low_ms=band_ms[0],
        high_ms=band_ms[1],
        networks=tuple(networks),
        hypervolume=hypervolume([_predicted(trial) for trial in evaluated], *band_ms),
        evaluated=len({trial.architecture for trial in evaluated}),
        evaluator=settings.evaluator,
        sampler=settings.sampler,
        runtime=settings.runtime,
        device=ctx.device,
        resolution=settings.resolution,
        data=settings.data,
        seed=settings.seed,
        seconds=ctx.journal.seconds(),
        table=ctx.table,
        notes=ctx.notes,
        peaks_mb=ctx.journal.peaks_mb(),
        statistic=describe_usual(settings.latency),
        limits=describe_limits(ctx.budgets),
    )
    write_json(ctx.folder / "front.json", front)
    ctx.say(
        f"The front has {len(networks)} networks from {told_ms(networks[0].measured_ms)} to "
        f"{told_ms(networks[-1].measured_ms)} ms measured; on average over the latencies, the best accuracy within "
        f"them is {front.hypervolume:.1%}."
    )
    return front
