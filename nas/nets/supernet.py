"""`train_supernet`: weights that serve every network of a space; `Evaluator`: how good each is with its share of them.

Trained by the sandwich rule with in-place distillation (Yu and Huang 2019, "Universally slimmable networks", section
3; Yu et al. 2020, "BigNAS", section 3): in every step the largest network learns the labels, the smallest and a few
random ones learn what the largest says. The supernet is the state of the architecture that contains all others, and
its file an ordinary weights file of that architecture.
"""

import random
import time
from collections.abc import Callable
from pathlib import Path

import torch
from msgspec import Struct
from msgspec.structs import replace
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.optim import SGD

from nas.design.architecture import Architecture
from nas.design.plan import lower
from nas.errors import NasError
from nas.nets.batches import augmented, mixed, placed
from nas.nets.build import Network, build, with_weights
from nas.nets.data import Data, Split
from nas.nets.recipe import Recipe, peak_rate, rate_at
from nas.nets.score import score
from nas.nets.shared import fresh_norms, require_within, skeleton, views
from nas.nets.train import Course, evaluate, momenta, optimiser_of, picks, recalibrate, restore, steps_in_epoch
from nas.nets.weights import State, load_checkpoint, load_weights, save_weights, state_of
from nas.search.ports import Outcome, Train

Draw = Callable[[random.Random], Architecture]
"""A random network, for instance of those within a latency band."""

SUPERNET_RECIPE = replace(Recipe(), clip=1.0)


class Sandwich(Struct, frozen=True):
    """The networks of a training step. The largest is the teacher; it need not be the one that contains all others."""

    largest: Architecture
    smallest: Architecture
    draw: Draw
    randoms: int = 2


def train_supernet(
    job: Train, sandwich: Sandwich, data: Data, resolution: int, recipe: Recipe = SUPERNET_RECIPE
) -> None:
    """Train the weights of `job.architecture` for all networks of a sandwich, and write them to `job.out`.

    Images have a side of `resolution` pixels. As in every training, epochs 0-2 and from that checkpoint 2-4 equal 0-4.
    Raises NasError where a network of the sandwich is not contained, or the loss is not finite.
    """
    sandwich = _within(sandwich, job.architecture)
    network = placed(build(lower(job.architecture), seed=mixed(job.seed, 0)))
    optimiser = optimiser_of(network, recipe)
    if job.start is not None:
        state, velocity = load_checkpoint(job.start, job.architecture)
        network.load_state_dict(state, strict=False)
        restore(network, optimiser, velocity if job.first > 0 else {})
    each = steps_in_epoch(data.train, recipe)
    first, last, total = (round(epochs * each) for epochs in (job.first, job.last, job.total))
    course = Course(first, last, total, peak_rate(recipe, data, job.gentle), resolution, job.seed, data.photos)
    share(network, optimiser, sandwich, data.train, course, recipe)
    recalibrate(network, data.train, resolution, recipe.norm_images)
    save_weights(job.out, state_of(network), momenta(network, optimiser))


def _within(sandwich: Sandwich, big: Architecture) -> Sandwich:
    """The sandwich, all networks of which are checked to be contained in `big`."""

    def draw(rng: random.Random) -> Architecture:
        arch = sandwich.draw(rng)
        require_within(arch, big)
        return arch

    require_within(sandwich.largest, big)
    require_within(sandwich.smallest, big)
    return replace(sandwich, draw=draw)


def share(network: Network, optimiser: SGD, sandwich: Sandwich, split: Split, course: Course, recipe: Recipe) -> None:
    """Run a course in place on the weights of `network`. Every step draws from its own seed.

    Raises NasError where the loss is not finite.
    """
    where = next(network.parameters()).device
    split = Split(split.images.to(where), split.labels.to(where))
    shared = _with_gradients(network)
    with torch.random.fork_rng(devices=[where] if where.type == "cuda" else []):
        for step, picked in picks(split, course, recipe):
            rng = random.Random(mixed(course.seed, step, 2))
            students = [sandwich.smallest, *(sandwich.draw(rng) for _ in range(sandwich.randoms))]
            torch.manual_seed(mixed(course.seed, step, 1))
            images = augmented(split.images[picked], course.resolution, recipe.shift, recipe.scale, course.mirror)
            for group in optimiser.param_groups:
                group["lr"] = rate_at(step, course.total, course.rate, recipe.warm_up)
            optimiser.zero_grad(set_to_none=False)
            loss = _sandwich(shared, sandwich.largest, students, images, split.labels[picked], recipe)
            _require_finite(loss, step)
            nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
            optimiser.step()


def _require_finite(loss: Tensor, step: int) -> None:
    if not bool(torch.isfinite(loss)):
        raise NasError(f"Training diverged: the loss is {loss.item()} at step {step}. Try a smaller learning rate.")


class _Shared(Struct, frozen=True):
    """Shared weights and their gradients, by name."""

    weights: State
    gradients: State


def _with_gradients(network: Network) -> _Shared:
    weights, gradients = {}, {}
    for name, parameter in network.named_parameters():
        parameter.grad = torch.zeros_like(parameter)
        weights[name], gradients[name] = parameter.detach(), parameter.grad
    return _Shared(weights, gradients)


def _sandwich(
    shared: _Shared, largest: Architecture, students: list[Architecture], images: Tensor, labels: Tensor, recipe: Recipe
) -> Tensor:
    """Add to the gradients those of all networks; the sum of their losses. Only the largest is smoothed and dropped."""
    said, loss = _learn(shared, largest, images, labels, recipe.smoothing, recipe.dropout)
    soft = said.softmax(1)
    for student in students:
        loss = loss + _learn(shared, student, images, soft)[1]
    return loss


def _learn(
    shared: _Shared, arch: Architecture, images: Tensor, target: Tensor, smoothing: float = 0.0, dropout: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Logits and loss of one network on its views of the weights; its gradients are added to theirs.

    The views are leaves: differentiated through, each would cost a zeroed tensor as large as the whole weight.
    """
    leaves = {name: view.detach().requires_grad_() for name, view in views(shared.weights, arch).items()}
    logits = functional_call(skeleton(arch, dropout), leaves, (images,))
    loss = F.cross_entropy(logits, target, label_smoothing=smoothing)
    found = torch.autograd.grad(loss, list(leaves.values()))
    for total, part in zip(views(shared.gradients, arch).values(), found, strict=True):
        total.add_(part)
    return logits.detach(), loss.detach()


class Evaluator:
    """Scores networks with shared weights; holds these and the data, so that a score costs only passes over images."""

    def __init__(
        self, weights: Path, architecture: Architecture, data: Data, resolution: int, recipe: Recipe = SUPERNET_RECIPE
    ) -> None:
        """`weights` are of `architecture`, which contains the others; images have a side of `resolution` pixels."""
        self.architecture = architecture
        self.shared = load_weights(weights, architecture).state
        self.data = data
        self.resolution = resolution
        self.norm_images = recipe.norm_images

    def __call__(self, arch: Architecture) -> Outcome:
        """The validation score with these weights and the network's own norm statistics."""
        began = time.perf_counter()
        losses, correct = evaluate(self._network(arch), self.data.val, self.resolution)
        return Outcome(score(losses, correct), tuple(losses.tolist()), time.perf_counter() - began)

    def inherit(self, arch: Architecture) -> State:
        """Weights and norm statistics of a network, to train it on from; raises NasError where it is not contained."""
        return state_of(self._network(arch))

    def _network(self, arch: Architecture) -> Network:
        require_within(arch, self.architecture)
        state = {**views(self.shared, arch), **fresh_norms(arch)}
        network = placed(with_weights(lower(arch), state))
        recalibrate(network, self.data.train, self.resolution, self.norm_images)
        return network
