"""The training loop, the re-estimation of norm statistics, and the evaluation."""

from collections.abc import Iterator

import torch
from msgspec import Struct
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD

from nas.errors import NasError
from nas.nets.batches import augmented, chunks, inputs, mixed
from nas.nets.build import Network
from nas.nets.data import Split
from nas.nets.recipe import Recipe, rate_at
from nas.nets.weights import State


class Course(Struct, frozen=True):
    """Steps `first` up to `last` of a schedule of `total`, at a peak learning rate."""

    first: int
    last: int
    total: int
    rate: float
    resolution: int
    seed: int
    mirror: bool


def steps_in_epoch(split: Split, recipe: Recipe) -> int:
    """Mini-batches an epoch; the incomplete last one is left out."""
    return max(1, len(split) // recipe.batch)


def optimiser_of(network: Network, recipe: Recipe) -> SGD:
    """SGD with Nesterov momentum; norms and biases are not decayed."""
    weights = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return SGD(groups, lr=recipe.gentle_rate, momentum=recipe.momentum, nesterov=True, fused=True)


def momenta(network: Network, optimiser: SGD) -> State:
    """The optimiser's state by parameter name."""
    held = {name: optimiser.state[parameter].get("momentum_buffer") for name, parameter in network.named_parameters()}
    return {name: value.detach() for name, value in held.items() if value is not None}


def restore(network: Network, optimiser: SGD, state: State) -> None:
    """Put back what `momenta` gave."""
    for name, parameter in network.named_parameters():
        if name in state:
            optimiser.state[parameter]["momentum_buffer"] = torch.empty_like(parameter).copy_(state[name])


def train(network: Network, optimiser: SGD, split: Split, course: Course, recipe: Recipe) -> None:
    """Run a course in place. Every step draws from its own seed, so that courses 0-2 and 2-4 equal 0-4.

    Raises NasError where the loss is not finite.
    """
    where = next(network.parameters()).device
    split = Split(split.images.to(where), split.labels.to(where))
    network.train()
    with torch.random.fork_rng(devices=[where] if where.type == "cuda" else []):
        for step, picked in picks(split, course, recipe):
            torch.manual_seed(mixed(course.seed, step, 1))
            for group in optimiser.param_groups:
                group["lr"] = rate_at(step, course.total, course.rate, recipe.warm_up)
            images = augmented(split.images[picked], course.resolution, recipe.shift, recipe.scale, course.mirror)
            _step(network, optimiser, images, split.labels[picked], recipe, step)


def picks(split: Split, course: Course, recipe: Recipe) -> Iterator[tuple[int, Tensor]]:
    """Step numbers and image indices, in an order drawn anew for every epoch."""
    each = steps_in_epoch(split, recipe)
    order, drawn = torch.empty(0), -1
    for step in range(course.first, course.last):
        epoch, place = divmod(step, each)
        if epoch != drawn:
            generator = torch.Generator().manual_seed(mixed(course.seed, epoch, 0))
            order, drawn = torch.randperm(len(split), generator=generator), epoch
        yield step, order[place * recipe.batch : (place + 1) * recipe.batch].to(split.labels.device)


def _step(network: Network, optimiser: SGD, images: Tensor, labels: Tensor, recipe: Recipe, step: int) -> None:
    loss = F.cross_entropy(network(images), labels, label_smoothing=recipe.smoothing)
    if not bool(torch.isfinite(loss)):
        raise NasError(f"Training diverged: the loss is {loss.item()} at step {step}. Try a smaller learning rate.")
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
    optimiser.step()


def recalibrate(network: Network, split: Split, resolution: int, count: int) -> None:
    """Re-estimate all batch-norm statistics as the plain average over `count` training images in a fixed order.

    Running averages lag behind weights that just changed, and are of another resolution after a fit.
    """
    where = next(network.parameters()).device
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    network.eval()
    for norm in norms:
        kept, norm.momentum = norm.momentum, None
        norm.reset_running_stats()
        norm.train()
    generator = torch.Generator().manual_seed(0)
    picked = torch.randperm(len(split), generator=generator)[:count]
    with torch.inference_mode():
        for part in chunks(len(picked), resolution, most=64):
            network(inputs(split.images[picked[part]].to(where), resolution))
    for norm in norms:
        norm.momentum = kept
        norm.eval()


def evaluate(network: Network, split: Split, resolution: int) -> tuple[Tensor, Tensor]:
    """Cross-entropy and hit of every image, in the split's order."""
    where = next(network.parameters()).device
    network.eval()
    losses, correct = [], []
    with torch.inference_mode():
        for part in chunks(len(split), resolution):
            logits = network(inputs(split.images[part].to(where), resolution)).cpu()
            labels = split.labels[part]
            losses.append(F.cross_entropy(logits, labels, reduction="none"))
            correct.append(logits.argmax(1) == labels)
    return torch.cat(losses), torch.cat(correct)
