"""Weights that all networks of a space share: trained once, in parts that a killed run does not repeat."""

import itertools
from collections.abc import Sequence
from pathlib import Path

from nas.design.architecture import Architecture, digest
from nas.design.container import container
from nas.design.cost import macs
from nas.design.plan import lower
from nas.design.space import SearchSpace
from nas.search.context import Context
from nas.search.ports import Share
from nas.search.work import derive

_SEGMENTS = 4  # parts that the training is journalled in: a killed run loses one at most


def holding_all(ctx: Context, space: SearchSpace) -> Architecture:
    """The architecture whose weights hold those of every network of the space."""
    return container(space, ctx.settings.resolution, ctx.classes)


def shared_weights(ctx: Context, space: SearchSpace, networks: Sequence[Architecture]) -> Path:
    """A file of weights that are shared by the networks of the space, trained on these of them."""
    jobs = _segments(ctx, holding_all(ctx, space), networks)
    done = [job for job in jobs if ctx.work.has(job)]
    for job in jobs[jobs.index(done[-1]) + 1 if done else 0 :]:
        [outcome] = ctx.work.do([job], need_weights=True)
        ctx.say(
            f"Shared weights: epoch {job.last:g} of {job.total:g}, the largest network of the band "
            f"{outcome.score.accuracy:.1%}, {outcome.seconds:.0f} s."
        )
        if job.start is not None:
            job.start.unlink(missing_ok=True)
    return ctx.work.path(jobs[-1])


def _segments(ctx: Context, big: Architecture, networks: Sequence[Architecture]) -> list[Share]:
    ordered = tuple(sorted(set(networks), key=lambda arch: (macs(lower(arch)), digest(arch))))
    total, seed = ctx.settings.trial_epochs, derive("share", ctx.settings.seed)
    ends = [total * part / _SEGMENTS for part in range(_SEGMENTS + 1)]
    jobs: list[Share] = []
    for first, last in itertools.pairwise(ends):
        start = ctx.work.path(jobs[-1]) if jobs else None
        jobs.append(Share(big, ordered[-1], ordered[0], ordered, first, last, total, seed, Path(), start))
    return jobs
