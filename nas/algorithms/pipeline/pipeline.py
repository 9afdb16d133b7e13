"""A whole run: seed, NetAdapt, both endings, proof by the clock, baselines, result."""

from collections.abc import Sequence
from pathlib import Path

from nas.algorithms.block_search.block_search import FINALISTS, BlockSearch
from nas.algorithms.block_search.latency_band import check_reachable
from nas.algorithms.block_search.prepare import PreparedSearch, prepare_search
from nas.algorithms.budgets import within
from nas.algorithms.finish.final_training import FinalTraining, baselines, endings, train_networks
from nas.algorithms.finish.start_baseline import start_baseline
from nas.algorithms.netadapt.begin import begin_netadapt
from nas.algorithms.netadapt.loop import NetAdapt
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.measured import Wanted, measure_once
from nas.algorithms.pipeline.records import Finished, Proposal, Step, Trial
from nas.algorithms.pipeline.result import write_result
from nas.algorithms.pipeline.result_file import Result
from nas.design.architecture import Architecture, digest
from nas.design.space import SearchSpace
from nas.errors import Unreachable
from nas.jobs import Teacher
from nas.latency.timing import Measurement
from nas.units import told_ms

_ATTEMPTS = 5  # times NetAdapt may go on because the clock was above the target
_MARGIN, _MOST_MARGIN = 0.01, 0.03  # of the target, that a network measures below it before it is trained
_TIMINGS = 3  # of a network that only an unsteady clock keeps from being within the target
SEED_SHARE = 0.5  # epochs of the seed's training before NetAdapt, as a share of the final training


def search(ctx: Context, space: SearchSpace) -> Result:
    """Block search, then NetAdapt from the best network to the target, then endings and baselines."""
    check_space(ctx, space)
    return search_target(ctx, prepare_search(ctx, space, [ctx]) if unseeded(ctx) else None)


def check_space(ctx: Context, space: SearchSpace) -> None:
    """Raise Unreachable where no network of the space meets the target."""
    side = ctx.settings.resolution
    check_reachable(ctx, space.smallest(side, ctx.classes), space.largest(side, ctx.classes))


def search_target(ctx: Context, on: PreparedSearch | None) -> Result:
    """The search for one target; where NetAdapt has begun already, it needs no ground."""
    adapted = resumed(ctx)
    if adapted is None:
        assert on is not None, "whoever calls has seen to it"
        adapted = _found(ctx, on)
    return _compare(ctx, shrink_within(ctx, adapted), adapted)


def unseeded(ctx: Context) -> bool:
    """Whether the block search is still to be done, or to be ended."""
    return seeded(ctx) is None


def _found(ctx: Context, on: PreparedSearch) -> NetAdapt:
    """NetAdapt from the best network that the block search finds."""
    ctx.journal.enter("block search")
    evaluator = on.evaluator(ctx)
    blocks = BlockSearch(ctx, on.space, evaluator, on.drawn)
    blocks.run()
    best = _measured_best(ctx, blocks.finalists(FINALISTS))
    return _train_seed(ctx, best.architecture, evaluator.weights(best.architecture))


def _measured_best(ctx: Context, finalists: Sequence[Trial]) -> Trial:
    """The best trial whose whole network the clock finds within what the search aims at; else the fastest."""
    wanted = [Wanted(f"finalist-{digest(one.architecture)}", one.architecture, one.predicted_ms) for one in finalists]
    times = measure_once(ctx, wanted)
    within = [trial for trial, time in zip(finalists, times, strict=True) if time.settled_ms <= ctx.budget_ms]
    fastest = min(zip(finalists, times, strict=True), key=lambda pair: pair[1].settled_ms)[0]
    best = within[0] if within else fastest
    ctx.say(f"Of the best {len(finalists)} trials, measured whole, number {best.number} goes on.")
    return best


def netadapt(ctx: Context, source: Architecture, weights: Path | None) -> Result:
    """NetAdapt from a given network, then endings and baselines."""
    check_source(ctx, source)
    adapted = begun(ctx, source, weights)
    return _compare(ctx, shrink_within(ctx, adapted, teacher_of(adapted)), adapted)


def check_source(ctx: Context, source: Architecture) -> None:
    """Raise Unreachable where NetAdapt cannot shrink the given network to the target."""
    check_reachable(ctx, source, None)
    if ctx.prices(source).ms <= ctx.settings.target_ms and within(source, ctx.budgets):
        ctx.say(f"The network is within {ctx.settings.target_ms:g} ms already, by the table: nothing to take away.")


def begun(ctx: Context, source: Architecture, weights: Path | None) -> NetAdapt:
    """NetAdapt from a given network, at its first step or where an earlier process left it.

    Weights that were given are worth keeping: the rate of a training from scratch would undo much of them.
    """
    return resumed(ctx) or _train_seed(ctx, source, weights, gentle=weights is not None)


def netadapt_target(ctx: Context, adapted: NetAdapt) -> Result:
    """One of several targets of a descent that goes on: endings and baselines of where it meets the target.

    The target's journal has a copy of the steps that led there.
    """
    ends = shrink_within(ctx, adapted, teacher_of(adapted))
    taken, way = adapted.current.step, adapted.ctx.journal.records
    ctx.journal.add(*(one for one in way if isinstance(one, Step | Proposal) and one.step <= taken))
    return _compare(ctx, ends, adapted)


def teacher_of(adapted: NetAdapt) -> Teacher | None:
    """The network that NetAdapt began with, where it came with weights: the found one learns from it."""
    first = adapted.steps[0]
    if adapted.ctx.settings.weights is None:
        return None
    return Teacher(first.architecture, adapted.folder / first.weights)


def seeded(ctx: Context) -> NetAdapt | None:
    """NetAdapt where an earlier process left it, if it had begun."""
    first = ctx.journal.find(Step, "step-0")
    if first is None or not (ctx.work.folder / first.weights).exists():
        return None
    return NetAdapt(ctx, first)


def resumed(ctx: Context) -> NetAdapt | None:
    """NetAdapt where an earlier process left it, if it had begun; says how far that is."""
    adapted = seeded(ctx)
    if adapted is not None:
        last = max(ctx.journal.all(Step), key=lambda step: step.step)
        ctx.say(f"NetAdapt has done {last.step} steps: {told_ms(last.predicted_ms)} ms, {last.score.accuracy:.1%}.")
    return adapted


def _train_seed(ctx: Context, arch: Architecture, weights: Path | None, gentle: bool = False) -> NetAdapt:
    """NetAdapt prunes by weights, so its seed is trained longer than a trial of the search was."""
    ctx.journal.enter("NetAdapt")
    course = FinalTraining(arch, ctx.settings.epochs * SEED_SHARE, weights, gentle)
    [(outcome, trained)] = train_networks(ctx, "the network that NetAdapt starts from", [course])
    adapted = begin_netadapt(ctx, "seed", arch, trained, outcome)
    first = adapted.current
    ctx.say(f"NetAdapt starts from {told_ms(first.predicted_ms)} ms predicted, {first.score.accuracy:.1%}.")
    return adapted


def _compare(ctx: Context, ends: list[Finished], adapted: NetAdapt) -> Result:
    ctx.journal.enter("baselines")
    return write_result(ctx, ends, _baselines(ctx, ends[0].architecture, adapted) if ctx.settings.baselines else [])


def _baselines(ctx: Context, found: Architecture, adapted: NetAdapt) -> list[Finished]:
    """Published networks at the found one's latency, and what the resolution alone does, if NetAdapt may choose it.

    Beside weights that were given, networks from scratch would show what pretraining is worth, and cost the most.
    """
    start = adapted.steps[0]
    alone = ctx.settings.command == "netadapt" and ctx.settings.auto_resolution and start.architecture != found
    weights = adapted.folder / start.weights
    resized = start_baseline(ctx, start.architecture, weights, teacher_of(adapted)) if alone else []
    return resized if resized and ctx.settings.weights else [*resized, *baselines(ctx, found)]


def _measured(ctx: Context, attempt: int, arch: Architecture, predicted_ms: float) -> tuple[Measurement, float]:
    """A network by the clock, and how far below the target in milliseconds that should be, both at the table's speed.

    Training both endings is expensive: it is begun where the proof at its end is likely to hold. Where nothing but the
    clock's unsteadiness speaks against that, it is asked again.
    """
    target = ctx.settings.target_ms
    for again in range(_TIMINGS):
        key = f"measured-{attempt}{f'.{again}' if again else ''}-{digest(arch)}"
        [found] = measure_once(ctx, [Wanted(key, arch, predicted_ms)])
        margin = min(max(found.settled_floor_ms, _MARGIN * target), _MOST_MARGIN * target)
        if not target - margin < found.settled_ms <= target:
            break
    return found, margin


def _first_goal(ctx: Context, adapted: NetAdapt) -> float:
    """The predicted latency at which the first measurement will probably be within the target, by its margin.

    A network to start from that is within the target already is measured before anything is cut.
    """
    target = ctx.settings.target_ms
    return target if adapted.steps[0].predicted_ms <= target else goal_ms(ctx)


def goal_ms(ctx: Context) -> float:
    """The predicted latency of a network that will probably measure within the target, by its margin."""
    return (1 - _MARGIN) * ctx.settings.target_ms * ctx.reach


def shrink_within(ctx: Context, adapted: NetAdapt, teacher: Teacher | None = None) -> list[Finished]:
    """Shrink until the exported network is within the target by the clock; the endings, the better first.

    Decisions follow milliseconds at the speed of the table, in predictions and in what the clock says. The network
    learns from a `teacher`, if there is one.
    """
    target, goal = ctx.settings.target_ms, _first_goal(ctx, adapted)
    for attempt in range(_ATTEMPTS):
        ctx.journal.enter("NetAdapt")
        adapted.shrink(goal)
        arch, predicted = adapted.current.architecture, adapted.current.predicted_ms
        measured, margin = _measured(ctx, attempt, arch, predicted)
        if measured.settled_ms + margin <= target:
            ctx.journal.enter("final networks")
            ends = endings(ctx, arch, adapted.weights, teacher)
            measured = ends[0].measurement
            if measured.settled_ms <= target:
                return ends
        ctx.say(
            f"{told_ms(predicted)} ms predicted, but {told_ms(measured.settled_ms)} ms (repeatable to "
            f"{told_ms(measured.settled_floor_ms)}) measured at the table's speed. To meet {target:g} ms reliably the "
            f"network must measure {told_ms(target - margin)} ms or less: shrinking goes on."
        )
        goal = predicted / max((measured.settled_ms + margin) / target, 1 + ctx.settings.delta)
    raise Unreachable(
        f"After {_ATTEMPTS} attempts the network still takes {told_ms(measured.settled_ms)} ms by the clock, at the "
        f"table's speed, for a target of {target:g} ms: the table does not hold for it. Rebuild the table on a quiet "
        "machine with 'nas table build', and start over with --fresh."
    )
