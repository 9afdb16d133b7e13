"""A whole run that begins with pretrained networks: the best start, a block library, NetAdapt, training, proof."""

from collections.abc import Sequence
from dataclasses import replace as with_changes
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from nas.algorithms.block_search.latency_band import check_reachable
from nas.algorithms.budgets import describe_limits, within
from nas.algorithms.finish.final_training import FinalTraining, segments, train_networks
from nas.algorithms.finish.start_baseline import start_baseline
from nas.algorithms.finish.width_baseline import width_baseline
from nas.algorithms.library.library import Library, make_library
from nas.algorithms.library.solve import rate_assembled, weights_of
from nas.algorithms.netadapt.begin import begin_netadapt
from nas.algorithms.netadapt.loop import NetAdapt
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.journal import Journal
from nas.algorithms.pipeline.pipeline import SEED_SHARE, goal_ms, resumed, shrink_within
from nas.algorithms.pipeline.records import Finished
from nas.algorithms.pipeline.result import write_result
from nas.algorithms.pipeline.result_file import Result
from nas.algorithms.workers.job_shelf import JobShelf
from nas.design.architecture import Architecture
from nas.design.files import write_bytes
from nas.design.size import Size, by_area, describe_size
from nas.errors import Unreachable
from nas.jobs import Outcome, Teacher
from nas.units import told_ms

TASTE = 1 / 6  # epochs of those that are compared, as a share of the final training


class PretrainedStart(Struct, frozen=True):
    """A network with weights to begin from; its architecture has the classes of the data."""

    name: str
    architecture: Architecture
    weights: Path


class PreparedStart(Struct, frozen=True):
    """What all targets of a run share: the start after its fine-tuning, and its block library.

    There is no library where the start is within the lowest target as it is.
    """

    teacher: Teacher
    outcome: Outcome
    library: Library | None


class _Candidate(Struct, frozen=True):
    """A way to the target, before it is trained briefly beside the others."""

    name: str
    architecture: Architecture
    weights: Path


def search_from(ctx: Context, starts: Sequence[PretrainedStart]) -> Result:
    """From the best of some pretrained networks to one that is within the target."""
    return search_from_target(ctx, prepare_start(ctx, starts, [ctx]))


def reachable_starts(ctx: Context, starts: Sequence[PretrainedStart]) -> list[PretrainedStart]:
    """The networks that can be shrunk to the target; raises Unreachable where none can, and says which cannot."""
    found: list[PretrainedStart] = []
    errors: list[Unreachable] = []
    for start in starts:
        try:
            check_reachable(ctx, start.architecture, None)
            found.append(start)
        except Unreachable as error:
            errors.append(error)
            if len(starts) > 1:
                ctx.say(f"{start.name} is left out: {error}")
    if not found:
        raise errors[0]
    return found


def prepare_start(ctx: Context, starts: Sequence[PretrainedStart], targets: Sequence[Context]) -> PreparedStart:
    """Choose the start, fine-tune it on the data, and train its block library: once for all targets, the lowest first.

    Raises Unreachable where no start can be shrunk to the lowest.
    """
    starts = reachable_starts(targets[0], starts)
    ctx.journal.enter("start")
    own, sides = ctx.within("library"), sides_of(ctx)
    start = _best_start(own, starts)
    whole = replace(start.architecture, resolution=sides[-1])
    enough = ctx.prices(whole).ms <= targets[0].settings.target_ms and within(whole, ctx.budgets)
    arch = whole if enough else replace(start.architecture, resolution=library_side(sides))
    course = FinalTraining(arch, ctx.settings.epochs * SEED_SHARE, start.weights, gentle=True)
    shelf, last = _shelf_of(ctx), segments(own, course)[-1:]
    if shelf and shelf.take(own.work, last):
        ctx.say(f"{start.name} was fine-tuned on this data by an earlier run: its weights are taken.")
    size = describe_size(arch.resolution)
    what = f"{start.name}, the start, on your data at {size} px"
    [(outcome, weights)] = train_networks(own, what, [course])
    if shelf:
        shelf.put(own.work, last)
    ctx.say(f"The start {start.name} has {outcome.score.accuracy:.1%} on the validation split, {size} px.")
    teacher = Teacher(arch, weights)
    if enough:
        return PreparedStart(teacher, outcome, None)
    ctx.journal.enter("block library")
    return PreparedStart(teacher, outcome, make_library(own, teacher, sides, shelf))


def _shelf_of(ctx: Context) -> JobShelf | None:
    """What earlier runs have done for the same data by the same recipe."""
    if ctx.shelf is None:
        return None
    asked = ctx.settings
    scope = (asked.data.split()[-1], asked.images, asked.training, asked.train_resolution)
    return JobShelf(ctx.shelf.parent / "block_libraries", scope, ctx.say)


def search_from_target(ctx: Context, on: PreparedStart) -> Result:
    """The rest for one target: the best network of the library or of NetAdapt, the proof, what others would do."""
    adapted = resumed(ctx) or _begun(ctx, on)
    ends = shrink_within(ctx, adapted, on.teacher)
    ctx.journal.enter("baselines")
    return write_result(ctx, ends, _baselines(ctx, on.teacher, ends[0].architecture) if ctx.settings.baselines else [])


def sides_of(ctx: Context) -> tuple[Size, ...]:
    """The resolutions that the run may ship at, rising."""
    return ctx.settings.resolutions or (ctx.settings.resolution,)


def library_side(sides: Sequence[Size]) -> Size:
    """Of the resolutions of a run, rising, the one that starts are fine-tuned and pieces trained at."""
    return sides[len(sides) // 2]


def _best_start(ctx: Context, starts: Sequence[PretrainedStart]) -> PretrainedStart:
    """The start that is best after the same short training at the same resolution, if there are several."""
    if len(starts) == 1:
        return starts[0]
    side, epochs = library_side(sides_of(ctx)), ctx.settings.epochs * TASTE
    courses = [
        FinalTraining(replace(start.architecture, resolution=side), epochs, start.weights, gentle=True)
        for start in starts
    ]
    trained = train_networks(ctx, f"{len(starts)} starts briefly", courses)
    for start, course, (outcome, _) in zip(starts, courses, trained, strict=True):
        ms = told_ms(ctx.prices(course.architecture).ms)
        ctx.say(f"Start {start.name}: {outcome.score.accuracy:.1%} at {describe_size(side)} px, {ms} ms.")
    best = max(zip(starts, trained, strict=True), key=lambda pair: pair[1][0].score.accuracy)[0]
    ctx.say(f"{best.name} goes on.")
    return best


def _begun(ctx: Context, on: PreparedStart) -> NetAdapt:
    """NetAdapt from the best way to the target, after the same short training of each."""
    if on.library is None:
        return _from(ctx, "start", on.teacher.architecture, on.teacher.weights, on.outcome)
    own = ctx.within("library")
    ctx.journal.enter("block search")
    candidates = [*_assembled(own, on.library), *_shrunk(ctx, on)]
    if not candidates:
        raise Unreachable(
            f"No network of the block library reaches {_limit_ms(ctx):.3g} ms{_describe_budgets(ctx)}, and NetAdapt "
            "does not either. Ask for more time, allow --proposals all, or start from a smaller network."
        )
    courses = [
        FinalTraining(one.architecture, ctx.settings.epochs * TASTE, one.weights, gentle=True, teacher=on.teacher)
        for one in candidates
    ]
    trained = train_networks(own, f"{len(candidates)} ways to the target briefly", courses)
    for one, (outcome, _) in zip(candidates, trained, strict=True):
        ms, size = told_ms(ctx.prices(one.architecture).ms), describe_size(one.architecture.resolution)
        ctx.say(f"{one.name}: {outcome.score.accuracy:.1%}, {ms} ms predicted, {size} px.")
    rows = list(zip(candidates, trained, strict=True))
    best, (outcome, weights) = min(rows, key=lambda row: (-row[1][0].score.accuracy, row[1][0].score.loss))
    ctx.say(f"{best.name} goes on.")
    return _from(ctx, best.name, best.architecture, weights, outcome)


def _describe_budgets(ctx: Context) -> str:
    return f" with {describe_limits(ctx.budgets)}" if ctx.budgets else ""


def _limit_ms(ctx: Context) -> float:
    """What networks are put together for: a program meets it exactly, so nothing is left to shrink but by headroom."""
    headroom = ctx.settings.headroom
    return goal_ms(ctx) if headroom is None else ctx.settings.target_ms * headroom


def _assembled(ctx: Context, library: Library) -> list[_Candidate]:
    """The best network of the library at each resolution."""
    rated = rate_assembled(ctx, library, sides_of(ctx), _limit_ms(ctx))
    best = {one.architecture.resolution: one for one in reversed(rated)}
    return [
        _Candidate(f"block library at {describe_size(side)} px", best[side].architecture, weights_of(ctx, best[side]))
        for side in sorted(best, key=by_area)
    ]


def _shrunk(ctx: Context, on: PreparedStart) -> list[_Candidate]:
    """The start as NetAdapt alone shrinks it; nothing where it cannot."""
    name = "netadapt"
    own = ctx.within(name)
    alone = with_changes(own, journal=Journal(ctx.folder / name / "journal.jsonl"))
    adapted = resumed(alone) or _from(alone, "start", on.teacher.architecture, on.teacher.weights, on.outcome)
    try:
        adapted.shrink(_limit_ms(ctx))
    except Unreachable as error:
        ctx.say(f"NetAdapt alone does not get there: {error}")
        return []
    return [_Candidate("NetAdapt alone", adapted.current.architecture, adapted.weights)]


def _from(ctx: Context, name: str, arch: Architecture, weights: Path, outcome: Outcome) -> NetAdapt:
    """NetAdapt at its first step, with weights that are its own."""
    own = ctx.work.folder / weights.name
    write_bytes(own, weights.read_bytes())
    return begin_netadapt(ctx, name, arch, own, outcome)


def _baselines(ctx: Context, teacher: Teacher, found: Architecture) -> list[Finished]:
    """The start at a resolution that meets the target, and with one width multiplier; both taught as the found one."""
    if teacher.architecture == found:
        return []
    largest = replace(teacher.architecture, resolution=sides_of(ctx)[-1])
    return [*start_baseline(ctx, largest, teacher.weights, teacher), *width_baseline(ctx, teacher, found)]
