"""Several targets from one run: one table, and one training of shared weights or one descent of NetAdapt for all."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from nas.algorithms.block_search.prepare import prepare_search
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.from_pretrained import (
    PretrainedStart,
    prepare_start,
    reachable_starts,
    search_from_target,
)
from nas.algorithms.pipeline.pipeline import begun, check_source, check_space, netadapt_target, search_target, unseeded
from nas.algorithms.pipeline.result_file import Missed, Result, Summary
from nas.design.architecture import Architecture
from nas.design.files import decode, write_json
from nas.design.space import SearchSpace
from nas.errors import InvalidRun, Unreachable

TargetDone = Callable[[Path], object]
"""Told a folder whose result is complete."""
T = TypeVar("T", Result, Missed)


def search_targets(ctx: Context, space: SearchSpace, done: TargetDone) -> Summary:
    """A search for each target of the run, the lowest first, each in a folder of its own.

    Targets that no network can meet are left out and named in the summary; Unreachable where that is all of them.
    """
    reachable, missed = _reachable(ctx, lambda at: check_space(at, space))
    # What is shared depends on all targets, those that are finished too: killed in between, it is the same again.
    due = any(_result(at) is None and unseeded(at) for at in reachable)
    on = prepare_search(ctx, space, reachable) if due else None
    return _summed(ctx, reachable, missed, lambda at: search_target(at, on), done)


def netadapt_targets(ctx: Context, source: Architecture, weights: Path | None, done: TargetDone) -> Summary:
    """One descent of NetAdapt through all targets of the run, the highest first; each is finished as it is met.

    Targets are left out as in a search.
    """
    reachable, missed = _reachable(ctx, lambda at: check_source(at, source))
    adapted = begun(ctx, source, weights)
    return _summed(ctx, reachable[::-1], missed, lambda at: netadapt_target(at, adapted), done)


def from_targets(ctx: Context, starts: Sequence[PretrainedStart], done: TargetDone) -> Summary:
    """A search from pretrained networks for each target of the run, the lowest first; all share the block library.

    Targets are left out as in a search.
    """
    reachable, missed = _reachable(ctx, lambda at: reachable_starts(at, starts))
    on = prepare_start(ctx, starts, reachable)
    return _summed(ctx, reachable, missed, lambda at: search_from_target(at, on), done)


def _reachable(ctx: Context, check: Callable[[Context], object]) -> tuple[list[Context], list[Missed]]:
    """The targets that can be met, the lowest first, and the others."""
    reachable: list[Context] = []
    missed: list[Missed] = []
    for target_ms in ctx.settings.targets_ms:
        at = ctx.at(target_ms)
        try:
            check(at)
            reachable.append(at)
        except Unreachable as error:
            missed.append(_missed(at, error))
    if not reachable:
        raise Unreachable(" ".join(one.reason for one in missed))
    return reachable, missed


def _summed(
    ctx: Context,
    targets: Iterable[Context],
    missed: list[Missed],
    finish: Callable[[Context], Result],
    done: TargetDone,
) -> Summary:
    results: list[Result] = []
    for at in targets:
        ctx.journal.enter(at.folder.name)
        try:
            results.append(_result(at) or finish(at))
            done(at.folder)
        except Unreachable as error:
            missed.append(_missed(at, error))
    ctx.journal.tick()
    seconds = ctx.journal.seconds()
    summary = Summary(_by_target(results), _by_target(missed), seconds, ctx.journal.peaks_mb())
    write_json(ctx.folder / "result.json", summary)
    return summary


def _by_target(found: Iterable[T]) -> tuple[T, ...]:
    return tuple(sorted(found, key=lambda one: one.target_ms))


def _missed(at: Context, error: Unreachable) -> Missed:
    at.say(f"{error}")
    return Missed(at.settings.target_ms, str(error))


def _result(at: Context) -> Result | None:
    """What an earlier process has finished for this target."""
    path = at.folder / "result.json"
    return decode(path.read_bytes(), Result, str(path), InvalidRun) if path.exists() else None
