"""The simplest way to a target, beside NetAdapt's: the start network at a resolution that meets it."""

from pathlib import Path

from msgspec.structs import replace

from nas.algorithms.finish.final_training import GENTLE_SHARE, FinalTraining, finish_network, train_networks
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.records import Finished, Resized
from nas.design.architecture import Architecture, digest
from nas.design.edits.resize import resolutions_below
from nas.jobs import Teacher

_MARGIN = 0.01  # of the target, that the network measures below it before it is trained


def start_baseline(ctx: Context, start: Architecture, weights: Path, teacher: Teacher | None = None) -> list[Finished]:
    """The start network at the largest resolution within the target, fine-tuned as the found one is.

    Empty if it meets the target at none.
    """
    resolution = _largest_within(ctx, start)
    if resolution is None:
        return []
    arch = replace(start, resolution=resolution)
    course = FinalTraining(arch, ctx.settings.epochs * GENTLE_SHARE, weights, gentle=True, teacher=teacher)
    [(outcome, trained)] = train_networks(ctx, f"the start network at {resolution} px", [course])
    return [finish_network(ctx, "baseline", f"start-{resolution}px", arch, trained, outcome.score)]


def _largest_within(ctx: Context, start: Architecture) -> int | None:
    """The largest resolution at which a measured network is within the target, found by bisection."""
    key = f"start-{digest(start)}"
    known = ctx.journal.find(Resized, key)
    if known is None:
        sides = (start.resolution, *resolutions_below(start.resolution))
        first, last = 0, len(sides)  # sides[last:] are within the target, sides[:first] are not
        while first < last:
            middle = (first + last) // 2
            [time] = ctx.ships.measure([replace(start, resolution=sides[middle])])
            within = time.settled_ms <= (1 - _MARGIN) * ctx.settings.target_ms
            first, last = (first, middle) if within else (middle + 1, last)
        known = Resized(key, sides[last] if last < len(sides) else None)
        ctx.journal.add(known)
    return known.resolution
