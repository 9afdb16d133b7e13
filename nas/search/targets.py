"""Several targets from one run: one table, one training of shared weights, and a search for each."""

from collections.abc import Callable
from pathlib import Path

from nas.design.files import decode, write_json
from nas.design.space import SearchSpace
from nas.errors import InvalidRun, Unreachable
from nas.search.context import Context
from nas.search.ground import ground
from nas.search.records import Missed, Result, Spent, Summary
from nas.search.run import check_space, search_target, unseeded

Done = Callable[[Path], object]
"""Told a folder whose result is complete."""


def search_targets(ctx: Context, space: SearchSpace, done: Done) -> Summary:
    """A search for each target of the run, the lowest first, each in a folder of its own.

    Targets that no network can meet are left out and named in the summary; Unreachable where that is all of them.
    """
    targets = [ctx.at(target_ms) for target_ms in ctx.settings.targets_ms]
    missed = [found for at in targets if (found := _out_of_reach(at, space))]
    if len(missed) == len(targets):
        raise Unreachable(" ".join(one.reason for one in missed))
    left_out = {one.target_ms for one in missed}
    reachable = [at for at in targets if at.settings.target_ms not in left_out]
    # What is shared depends on all targets, those that are finished too: killed in between, it is the same again.
    due = any(_result(at) is None and unseeded(at) for at in reachable)
    on = ground(ctx, space, reachable) if due else None
    results = []
    for at in reachable:
        ctx.journal.enter(at.folder.name)
        try:
            results.append(_result(at) or search_target(at, on))
            done(at.folder)
        except Unreachable as error:
            missed.append(_missed(at, error))
    ctx.journal.tick()
    seconds = sum(record.seconds for record in ctx.journal.all(Spent))
    summary = Summary(tuple(results), tuple(sorted(missed, key=lambda one: one.target_ms)), seconds)
    write_json(ctx.folder / "result.json", summary)
    return summary


def _out_of_reach(at: Context, space: SearchSpace) -> Missed | None:
    try:
        check_space(at, space)
    except Unreachable as error:
        return _missed(at, error)
    return None


def _missed(at: Context, error: Unreachable) -> Missed:
    at.say(f"{error}")
    return Missed(at.settings.target_ms, str(error))


def _result(at: Context) -> Result | None:
    """What an earlier process has finished for this target."""
    path = at.folder / "result.json"
    return decode(path.read_bytes(), Result, str(path), InvalidRun) if path.exists() else None
