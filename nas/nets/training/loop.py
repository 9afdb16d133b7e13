"""The training loop, the re-estimation of norm statistics, and the evaluation."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from msgspec import Struct
from torch import Tensor, nn
from torch.optim import Optimizer

from nas.design.size import Size, cover_size, height_width
from nas.errors import Diverged
from nas.nets.data.dataset import Split
from nas.nets.network import Network
from nas.nets.tasks.task import Judged, Task, judge_batches
from nas.nets.training.augment.mixing import mix_images
from nas.nets.training.augment.pipeline import augment_seen
from nas.nets.training.batches import chunks, inputs, mixed, reduced, resized
from nas.nets.training.optim import Average
from nas.nets.training.recipe import Recipe, rate_at
from nas.nets.training.recorded import Pass, training_pass

_LOOK = 50


class TrainingRun(Struct, frozen=True):
    """Steps `first` up to `last` of a schedule of `total`, at a peak learning rate.

    The first `small_steps` of the schedule are progressive: they see the images smaller (see `resolution_at`).
    """

    first: int
    last: int
    total: int
    rate: float
    resolution: Size
    seed: int
    mirror: bool
    small_steps: int = 0


def steps_in_epoch(split: Split, recipe: Recipe) -> int:
    """Mini-batches an epoch; the incomplete last one is left out."""
    return max(1, len(split) // recipe.batch)


def train(
    network: Network,
    optimiser: Optimizer,
    split: Split,
    course: TrainingRun,
    recipe: Recipe,
    average: Average | None = None,
    teacher: Network | None = None,
) -> None:
    """Run a course in place. Every step draws from its own seed, so that courses 0-2 and 2-4 equal 0-4.

    A teacher sees the same images at its own resolution. Raises Diverged if the loss is not finite.
    """
    where = next(network.parameters()).device
    split = split.to(where)
    network.train()
    run, reflect = training_pass(network, course.last - course.first), course.mirror and network.task.reflects
    with torch.random.fork_rng(devices=[where] if where.type == "cuda" else []):
        for step, pixels, labels in read_batches(split, course, recipe, teacher.resolution if teacher else None):
            torch.manual_seed(mixed(course.seed, step, 1))
            resolution = resolution_at(step, course, course.resolution, recipe)
            largest = cover_size(resolution, teacher.resolution) if teacher else resolution
            images, views = augment_seen(pixels, largest, recipe.augmentation, course.mirror, reflect)
            labels = network.task.move(labels, views, height_width(largest))
            images, labels = mix_images(images, labels, network.classes, recipe.augmentation)
            loss = loss_of(network.task, run, teacher, images, labels, resolution, recipe)
            require_finite(loss, step, course)
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            descend(network, optimiser, step, course, recipe, average)


def resolution_at(step: int, course: TrainingRun, resolution: Size, recipe: Recipe) -> Size:
    """Resolution of the images from which a network that ships at `resolution` learns in a step."""
    return recipe.small_resolution(resolution) if step < course.small_steps else resolution


def picks(split: Split, course: TrainingRun, recipe: Recipe) -> Iterator[tuple[int, Tensor]]:
    """Step numbers and image indices, in an order drawn anew for every epoch."""
    each = steps_in_epoch(split, recipe)
    order, drawn = torch.empty(0), -1
    for step in range(course.first, course.last):
        epoch, place = divmod(step, each)
        if epoch != drawn:
            generator = torch.Generator().manual_seed(mixed(course.seed, epoch, 0))
            order, drawn = torch.randperm(len(split), generator=generator).to(split.labels.device), epoch
        yield step, order[place * recipe.batch : (place + 1) * recipe.batch]


def read_batches(
    split: Split, course: TrainingRun, recipe: Recipe, least: Size | None = None
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Step numbers, images uint8 [N, C, H, W] and labels of a course; a store decodes the next steps' meanwhile.

    Images of a store come at the resolution of their step, made to cover `least` if it is given; whole, where parts of
    them are cut out.
    """
    ahead: deque[tuple[int, Tensor]] = deque()

    def wanted() -> Iterator[tuple[Tensor, Size | None]]:
        for step, picked in picks(split, course, recipe):
            ahead.append((step, picked))
            own = resolution_at(step, course, course.resolution, recipe)
            yield picked, None if recipe.augmentation.crop else cover_size(own, least) if least else own

    for images in split.stream(wanted()):
        step, picked = ahead.popleft()
        yield step, images, split.labels[picked]


def descend(
    network: Network,
    optimiser: Optimizer,
    step: int,
    course: TrainingRun,
    recipe: Recipe,
    average: Average | None = None,
) -> None:
    """Take a step of the schedule along gradients that are there, cut to their largest norm."""
    for group in optimiser.param_groups:
        group["lr"] = rate_at(step, course.total, course.rate, recipe.warm_up, recipe.rate_left)
    nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
    optimiser.step()
    if average is not None:
        average.update()


def loss_of(
    task: Task,
    run: Pass,
    teacher: Network | None,
    images: Tensor,
    labels: Tensor,
    resolution: Size,
    recipe: Recipe,
) -> Tensor:
    """The task's loss with the labels, plus distillation if a teacher is given (Hinton et al. 2015, section 2).

    The network sees the images [N, 3, H, W] at `resolution`, the teacher at its own.
    """
    with reduced(images.device):
        outputs = run(resized(images, resolution))
    loss = task.loss(outputs, labels, recipe.smoothing)
    if teacher is None:
        return loss
    with torch.no_grad(), reduced(images.device):
        taught = teacher.outputs(resized(images, teacher.resolution))
    gap = task.distil(outputs, taught, recipe.temperature)
    return loss if gap is None else (1 - recipe.distil) * loss + recipe.distil * gap


def require_finite(loss: Tensor, step: int, course: TrainingRun) -> None:
    """Raise Diverged where a loss is not finite; on a GPU only now and then, for to look is to wait for it."""
    look = loss.device.type == "cpu" or step % _LOOK == 0 or step == course.last - 1
    if look and not bool(torch.isfinite(loss)):
        raise Diverged(f"Training diverged: the loss is {loss.item()} at step {step}. Try a smaller learning rate.")


def recalibrate(network: Network, split: Split, resolution: Size, count: int) -> None:
    """Re-estimate all batch-norm statistics as the plain average over `count` training images in a fixed order.

    Running averages lag behind weights that just changed, and are of another resolution where that changed.
    """
    where = next(network.parameters()).device
    with norms_anew(network):
        for images in calibration(split, resolution, count):
            network.outputs(images.to(where))


@contextmanager
def norms_anew(network: Network) -> Iterator[None]:
    """Forget the statistics of all norms; until the end they average over the batches that pass."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    network.eval()
    for norm in norms:
        kept, norm.momentum = norm.momentum, None
        norm.reset_running_stats()
        norm.train()
    with torch.inference_mode():
        yield
    for norm in norms:
        norm.momentum = kept
        norm.eval()


def calibration(split: Split, resolution: Size, count: int) -> Iterator[Tensor]:
    """Batches of `count` training images in a fixed order, as network inputs."""
    picked = torch.randperm(len(split), generator=torch.Generator().manual_seed(0))[:count]
    parts = chunks(len(picked), resolution, most=64)
    for images in split.stream((picked[part], resolution) for part in parts):
        yield inputs(images, resolution)


def evaluate(network: Network, split: Split, resolution: Size) -> Judged:
    """Loss and answer of every image, in the split's order."""
    where = next(network.parameters()).device
    network.eval()
    with torch.inference_mode():
        parts = [(part, resolution) for part in chunks(len(split), resolution)]
        seen = (network.outputs(inputs(images.to(where), resolution)) for images in split.stream(parts))
        return judge_batches(network.task, seen, split.labels)
