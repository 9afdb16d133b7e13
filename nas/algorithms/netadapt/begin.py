"""`begin_netadapt`: NetAdapt before its first step."""

from pathlib import Path

from nas.algorithms.netadapt.loop import NetAdapt
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.records import Step
from nas.design.architecture import Architecture
from nas.design.edits.split import SplitStages, split_stages
from nas.jobs import Adapt, Outcome


def begin_netadapt(ctx: Context, name: str, arch: Architecture, weights: Path, outcome: Outcome) -> NetAdapt:
    """NetAdapt at a network whose weights are among those of the run's jobs; the journal has it as the first step.

    Blocks that no sum joins get widths of their own. Where parts are to be kept, their names stay, and so do stages.
    """
    if not ctx.settings.keep and split_stages(arch) != arch:
        job = Adapt(arch, weights, SplitStages(), 0, ctx.settings.seed, Path(), ctx.settings.importance)
        arch = job.child
        outcome, weights = ctx.work.one(job)
    first = Step("step-0", 0, name, arch, ctx.prices(arch).ms, outcome.score, weights.name)
    ctx.journal.add(first)
    return NetAdapt(ctx, first)
