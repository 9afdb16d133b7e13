"""A part of a training: taken up from a checkpoint, and left in one."""

from pathlib import Path

from torch.optim import Optimizer

from nas.design.graph import is_normed, lower
from nas.jobs import Train
from nas.nets.data.dataset import Data, Split
from nas.nets.network import Network
from nas.nets.training.loop import TrainingRun, recalibrate, steps_in_epoch
from nas.nets.training.optim import Average, averaging, load_progress, optimiser_of, progress_of
from nas.nets.training.recipe import Recipe, average_decay, peak_rate
from nas.nets.weights.weights_file import load_checkpoint, save_weights, state_of


def course_of(job: Train, data: Data, recipe: Recipe) -> TrainingRun:
    """The steps of a job's epochs, the last of them at the network's own resolution (see `TrainingRun`)."""
    each = steps_in_epoch(data.train, recipe)
    first, last, total = (round(epochs * each) for epochs in (job.first, job.last, job.total))
    rate = peak_rate(recipe, data, job.gentle, is_normed(lower(job.architecture)))
    small_steps = recipe.small_steps(total)
    return TrainingRun(first, last, total, rate, job.architecture.resolution, job.seed, data.mirror, small_steps)


def begin(network: Network, job: Train, course: TrainingRun, recipe: Recipe) -> tuple[Optimizer, Average | None]:
    """Load a job's start into the network; the optimiser and the average to go on with."""
    optimiser, progress = optimiser_of(network, recipe), None
    if job.start is not None:
        state, progress = load_checkpoint(job.start, job.architecture)
        network.load_state_dict(state, strict=False)
    average = averaging(network, average_decay(recipe, course.total))
    if progress is not None and course.first > 0:
        load_progress(network, optimiser, average, progress)
    return optimiser, average


def finish_segment(
    network: Network,
    out: Path,
    optimiser: Optimizer,
    average: Average | None,
    split: Split,
    course: TrainingRun,
    recipe: Recipe,
) -> None:
    """Leave the network with its averages, where there are any, and norms of its own; write it and all progress."""
    progress = progress_of(network, optimiser, average)
    if average is not None:
        average.swap()
    recalibrate(network, split, course.resolution, recipe.norm_images)
    save_weights(out, state_of(network), progress)
