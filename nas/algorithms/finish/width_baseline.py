"""What a person would do by hand beside the search: the start network with one width multiplier."""

from pathlib import Path

from msgspec.structs import replace

from nas.algorithms.finish.final_training import matching_width, say_left_out, tuned_baseline
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.records import Finished
from nas.algorithms.workers.job_cache import derive
from nas.design.architecture import Architecture, digest
from nas.design.dense.head import DenseHead
from nas.design.edits.edit import CutDense, CutEnd, Narrow, Together, cuts, edited, end_cuts, width_of
from nas.design.op import divisible
from nas.jobs import Adapt, Teacher

_WIDTHS = tuple(percent / 100 for percent in range(5, 100))
_LEAST = 8


def width_baseline(ctx: Context, teacher: Teacher, found: Architecture) -> list[Finished]:
    """The trained start with one width multiplier, at the found network's resolution and latency.

    Its channels are kept by importance, it is repaired and fine-tuned as the found network is.
    """
    start = replace(teacher.architecture, resolution=found.resolution)
    key = f"baseline-width-{digest(start)}-{digest(found)}"
    width = matching_width(ctx, key, lambda one: edited(start, scaling(start, one)), _WIDTHS, found)
    if width is None:
        say_left_out(ctx, "start with a width multiplier")
        return []
    seed, edit = derive("width", ctx.settings.seed, width), scaling(start, width)
    cut = Adapt(start, teacher.weights, edit, 0, seed, Path(), ctx.settings.importance, repair=True)
    _, weights = ctx.work.one(cut)
    what, name = f"the start network with {width:g} of its widths", f"start-x{width:g}"
    return [tuned_baseline(ctx, what, name, cut.child, weights, teacher)]


def scaling(arch: Architecture, width: float) -> Together:
    """The cuts that multiply every width but the stem's, in multiples of 8; dense heads are scaled as published."""
    groups = (*cuts(arch), *(cut for cut in end_cuts(arch) if cut != CutEnd("stem")))
    dense = arch.dense.scaled(width).widths if isinstance(arch.dense, DenseHead) else {}
    narrowed = [
        (cut, dense[cut.part] if isinstance(cut, CutDense) else max(_LEAST, divisible(width_of(arch, cut) * width)))
        for cut in groups
    ]
    return Together(tuple(Narrow(cut, to) for cut, to in narrowed if to < width_of(arch, cut)))
