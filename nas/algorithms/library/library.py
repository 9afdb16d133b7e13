"""`Library`: alternatives of a trained network's blocks, trained alone, and what each costs in its place."""

import time
from collections.abc import Sequence
from operator import lt
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from nas.algorithms.budgets import Cost
from nas.algorithms.netadapt.paired_interval import paired_ci95
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.records import BlockScores
from nas.algorithms.workers.job_cache import derive
from nas.algorithms.workers.job_shelf import JobShelf
from nas.design.alternatives import Alternative, alternatives, assembled, contains
from nas.design.architecture import Architecture, Block
from nas.design.size import Size
from nas.jobs import Outcome, Teacher, TrainPieces
from nas.units import told_s


class LibraryPlace(Struct, frozen=True):
    """The alternatives of one block, and the change of the mean loss with each there (replace-one scores).

    Losses are of the same validation images with and without it, the norms behind it estimated anew. `file` has their
    tensors.
    """

    alternatives: tuple[Alternative, ...]
    losses: tuple[float, ...]
    file: Path


class Library(Struct, frozen=True):
    """The trained network, at the resolution that its alternatives were trained at, and its places."""

    teacher: Teacher
    places: tuple[LibraryPlace, ...]


def make_library(ctx: Context, teacher: Teacher, resolutions: Sequence[Size], shelf: JobShelf | None = None) -> Library:
    """Train the alternatives of every block, one job a block, and look at each in its place.

    What the shelf has of an earlier run is taken from there.
    """
    arch = teacher.architecture
    groups = alternatives(arch, ctx.settings.keep)
    for resolution in resolutions:
        ctx.prices.ensure(_mixtures(replace(arch, resolution=resolution), groups))
    costs = [lambda one: ctx.prices(one).ms, *(budget.cost for budget in ctx.budgets)]
    groups = tuple(left for group in groups if (left := _worthwhile(arch, group, costs)))
    jobs = [_job(ctx, teacher, group) for group in groups]
    if shelf and (taken := shelf.take(ctx.work, jobs)):
        ctx.say(f"The alternatives of {taken} blocks are those of an earlier run.")
    due = sum(not ctx.work.has(job) for job in jobs)
    if due:
        count = sum(map(len, groups))
        ctx.say(f"Training the block library: {count} alternatives of {len(groups)} blocks.")
    began = time.monotonic()
    outcomes = ctx.work.do(jobs, need_weights=True)
    if due:
        ctx.say(f"The block library is trained; it took {told_s(time.monotonic() - began)}.")
    if shelf:
        shelf.put(ctx.work, jobs)
    rows = zip(groups, jobs, outcomes, strict=True)
    return Library(teacher, tuple(_place(ctx, arch, *row) for row in rows))


def _job(ctx: Context, teacher: Teacher, group: tuple[Alternative, ...]) -> TrainPieces:
    settings = ctx.settings
    seed = derive("pieces", settings.seed, group[0].place)
    return TrainPieces(
        teacher.architecture, teacher.weights, group, settings.trial_epochs, seed, Path(), settings.importance
    )


def _place(
    ctx: Context, arch: Architecture, group: Sequence[Alternative], job: TrainPieces, outcome: Outcome
) -> LibraryPlace:
    """Alternatives that left a network, which the journal keeps for people; the others are no choice."""
    pairs = zip(group, outcome.edits, strict=True)
    found = [(one, *paired_ci95(seen.losses, outcome.losses)) for one, seen in pairs if not seen.refused]
    whole_ms = ctx.prices(arch).ms
    ctx.journal.add(
        BlockScores(
            key=group[0].place,
            alternatives=tuple(one.name for one, _, _ in found),
            loss_changes=tuple(change for _, change, _ in found),
            loss_changes_ci95=tuple(interval for _, _, interval in found),
            changes_ms=tuple(ctx.prices(assembled(arch, [one])).ms - whole_ms for one, _, _ in found),
        )
    )
    return LibraryPlace(tuple(one for one, _, _ in found), tuple(change for _, change, _ in found), ctx.work.path(job))


def _mixtures(arch: Architecture, groups: Sequence[Sequence[Alternative]]) -> list[Architecture]:
    """Few networks that together have every alternative: their entries are measured inside whole networks."""
    most = max(map(len, groups), default=0)
    return [arch, *(assembled(arch, [group[turn % len(group)] for group in groups]) for turn in range(most))]


def _worthwhile(arch: Architecture, group: Sequence[Alternative], costs: Sequence[Cost]) -> tuple[Alternative, ...]:
    """Alternatives that are faster than every block that can do all that they can, the one that is there among them.

    Or that cost less in something else that is limited.
    """
    first = group[0]
    own = arch.stages[first.stage].blocks[first.block]
    priced = [(one.instead, _costs(assembled(arch, [one]), costs)) for one in group]
    wider: list[tuple[Block | None, tuple[float, ...]]] = [(own, _costs(arch, costs)), *priced]
    return tuple(
        one
        for one, (block, mine) in zip(group, priced, strict=True)
        if all(any(map(lt, mine, theirs)) for other, theirs in wider if _is_wider(other, block))
    )


def _costs(arch: Architecture, costs: Sequence[Cost]) -> tuple[float, ...]:
    return tuple(cost(arch) for cost in costs)


def _is_wider(other: Block | None, block: Block | None) -> bool:
    return other is not None and other != block and contains(other, block)
