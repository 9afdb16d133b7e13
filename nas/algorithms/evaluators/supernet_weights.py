"""Weights that all networks of a space share: trained once, in parts that a killed run does not repeat."""

import itertools
from collections.abc import Sequence
from pathlib import Path

from nas.algorithms.block_search.bands import Bands, join_bands
from nas.algorithms.evaluators.weight_cache import Shelf
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.records import Taken
from nas.algorithms.workers.job_cache import derive
from nas.design.architecture import Architecture, digest
from nas.design.container import supernet_architecture
from nas.design.cost import macs
from nas.design.graph import lower
from nas.design.space import SearchSpace
from nas.errors import InvalidRun
from nas.jobs import Share

_SEGMENTS = 4  # parts that the training is journalled in: a killed run loses one at most
_KEY = "shared-weights"
# Networks somewhat faster than those searched are trained too, so that a later, lower target finds its weights made.
# BigNAS (Yu et al. 2020, section 3) trains networks that are five times apart together; this is little beside that,
# and a step costs less, for the networks are smaller on average.
_DOWN_TO = 0.75


def holding_all(ctx: Context, space: SearchSpace) -> Architecture:
    """The architecture whose weights hold those of every network of the space."""
    return supernet_architecture(space, ctx.settings.resolution, ctx.classes)


def shared_bands(several: Sequence[Bands]) -> Bands:
    """The predicted latencies of the networks that share weights, given what is searched between: somewhat more."""
    return join_bands(several).reaching_down(_DOWN_TO)


def shared_weights(
    ctx: Context, space: SearchSpace, networks: Sequence[Architecture], wanted: Sequence[Architecture]
) -> Path:
    """A file of weights that the networks of the space share, in the run's folder.

    Those of an earlier run, where they serve the `wanted` networks; else trained on `networks`, which are some more.
    """
    big = holding_all(ctx, space)
    jobs = _segments(ctx, big, networks)
    shelf = Shelf(ctx.shelf, ctx.settings, big, ctx.say) if ctx.shelf else None
    if not any(ctx.work.has(job) for job in jobs) and (taken := _take(ctx, shelf, jobs[-1], _range(wanted))):
        return taken
    _train(ctx, jobs)
    path = ctx.work.path(jobs[-1])
    if shelf:
        outcomes = ctx.work.do(jobs)
        seconds = sum(outcome.seconds for outcome in outcomes)
        shelf.put(path, _range(networks), outcomes[-1].score.accuracy, seconds)
    return path


def _take(ctx: Context, shelf: Shelf | None, last: Share, wanted: tuple[int, int]) -> Path | None:
    """The weights that this run took from the shelf, now or before it was killed."""
    folder = ctx.work.path(last).parent
    known = ctx.journal.find(Taken, _KEY)
    if known is not None:
        path = folder / known.weights
        if path.exists() or (shelf and shelf.copy(known.shelved, folder)):
            return path
        raise InvalidRun(f"{path}: these weights of the run are gone. Put them back, or start over with --fresh.")
    found = shelf.take(wanted, folder) if shelf else None
    if found is None:
        return None
    shelved, path = found
    ctx.journal.add(Taken(_KEY, path.name, shelved))
    ctx.say(
        f"Shared weights: taken from a run that finished them on {shelved.finished}, trained on networks of "
        f"{shelved.macs[0] / 1e6:.0f} to {shelved.macs[1] / 1e6:.0f} M MACs. That saves {shelved.seconds:.0f} s."
    )
    return path


def _train(ctx: Context, jobs: Sequence[Share]) -> None:
    done = [job for job in jobs if ctx.work.has(job)]
    for job in jobs[jobs.index(done[-1]) + 1 if done else 0 :]:
        [outcome] = ctx.work.do([job], need_weights=True)
        ctx.say(
            f"Shared weights: epoch {job.last:g} of {job.total:g}, the largest network of the band "
            f"{outcome.score.accuracy:.1%}, {outcome.seconds:.0f} s."
        )
        if job.start is not None:
            job.start.unlink(missing_ok=True)


def _range(networks: Sequence[Architecture]) -> tuple[int, int]:
    """Their least and most MACs."""
    counts = [macs(lower(arch)) for arch in networks]
    return min(counts), max(counts)


def _segments(ctx: Context, big: Architecture, networks: Sequence[Architecture]) -> list[Share]:
    ordered = tuple(sorted(set(networks), key=lambda arch: (macs(lower(arch)), digest(arch))))
    total, seed = ctx.settings.trial_epochs, derive("share", ctx.settings.seed)
    ends = [total * part / _SEGMENTS for part in range(_SEGMENTS + 1)]
    jobs: list[Share] = []
    rule = ctx.settings.sharing
    for first, last in itertools.pairwise(ends):
        start = ctx.work.path(jobs[-1]) if jobs else None
        jobs.append(Share(big, ordered[-1], ordered[0], ordered, first, last, total, seed, Path(), start, rule))
    return jobs
