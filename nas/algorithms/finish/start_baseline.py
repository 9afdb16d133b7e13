"""The simplest way to a target, beside NetAdapt's: the start network at a resolution that meets it."""

import math
from pathlib import Path

from msgspec.structs import replace

from nas.algorithms.budgets import within
from nas.algorithms.finish.final_training import tuned_baseline
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.records import Finished, Resized
from nas.design.architecture import Architecture, digest
from nas.design.edits.resize import find_largest, resolutions_below
from nas.design.size import Size, describe_size, shorter_side
from nas.jobs import Teacher

_MARGIN = 0.01  # of the target, that the network measures below it before it is trained


def start_baseline(ctx: Context, start: Architecture, weights: Path, teacher: Teacher | None = None) -> list[Finished]:
    """The start network at the largest resolution within the target, fine-tuned as the found one is.

    Empty if it meets the target, or the budgets, at none.
    """
    resolution = _largest_within(ctx, start)
    if resolution is None:
        return []
    arch = replace(start, resolution=resolution)
    what, name = f"the start network at {describe_size(resolution)} px", f"start-{describe_size(resolution)}px"
    return [tuned_baseline(ctx, what, name, arch, weights, teacher)]


def _largest_within(ctx: Context, start: Architecture) -> Size | None:
    """The largest resolution at which the measured network is within the target, looked for from where its price says.

    Few networks near there are measured, so that a clock that is unsteady for a moment leads no farther than that.
    """
    key = f"start-{digest(start)}"
    known = ctx.journal.find(Resized, key)
    if known is None:
        several = (start.resolution, *resolutions_below(start.resolution))
        sides = [side for side in several if within(replace(start, resolution=side), ctx.budgets)]
        goal_ms = (1 - _MARGIN) * ctx.settings.target_ms
        # Latency grows about as the number of pixels does.
        guess = shorter_side(start.resolution) * math.sqrt(goal_ms / ctx.prices(start).ms)

        def is_met(side: Size) -> bool:
            [time] = ctx.ships.measure([replace(start, resolution=side)])
            return time.settled_ms <= goal_ms

        known = Resized(key, find_largest(sides, guess, is_met))
        ctx.journal.add(known)
    return known.resolution
