"""`train_supernet`: weights that serve every network of a space; `SupernetEvaluator`: how good each is with its share.

Trained along single paths (Guo et al. 2020, "Single path one-shot", section 3.2): in every step one random network
learns the labels; or by the sandwich rule with in-place distillation (Yu and Huang 2019, "Universally slimmable
networks", section 3; Yu et al. 2020, "BigNAS", section 3): the largest learns the labels, the smallest and a few random
ones what the largest says. The supernet is the state of the architecture that contains all others, and its file an
ordinary weights file of that architecture.
"""

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from msgspec import Struct
from msgspec.structs import replace
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional as F
from torch.optim import Optimizer

from nas.design.architecture import Architecture
from nas.design.graph import lower
from nas.design.size import by_area
from nas.jobs import Outcome, Train
from nas.nets.data.dataset import Data, Split
from nas.nets.network import Network, build, with_weights
from nas.nets.supernet.views import fresh_norms, require_within, skeleton, views
from nas.nets.training.augment.mixing import mix_images
from nas.nets.training.augment.pipeline import augment_images
from nas.nets.training.batches import mixed, placed, reduced, resized
from nas.nets.training.loop import (
    TrainingRun,
    descend,
    evaluate,
    read_batches,
    recalibrate,
    require_finite,
    resolution_at,
)
from nas.nets.training.optim import Average
from nas.nets.training.recipe import MODERN, Recipe
from nas.nets.training.resumable import begin, course_of, finish_segment
from nas.nets.weights.weights_file import State, load_weights, state_of

Draw = Callable[[random.Random], Architecture]
"""A random network, for instance of those within a latency band."""


class SinglePath(Struct, frozen=True):
    """One random network a training step. For the same time it sees four times as many images as a sandwich of four."""

    draw: Draw


class Sandwich(Struct, frozen=True):
    """The networks of a training step. The largest is the teacher; it need not be the one that contains all others."""

    largest: Architecture
    smallest: Architecture
    draw: Draw
    randoms: int = 2


Sharing = SinglePath | Sandwich


def shared_recipe(recipe: Recipe, sharing: Sharing) -> Recipe:
    """A recipe for shared weights: where the gradients of several networks add up, they are cut shorter.

    Along single paths nothing is dropped: no two steps train the same network as it is.
    """
    return replace(recipe, clip=1.0) if isinstance(sharing, Sandwich) else replace(recipe, dropout=0.0)


def train_supernet(
    job: Train,
    sharing: Sharing,
    data: Data,
    recipe: Recipe = MODERN,
) -> None:
    """Train the weights of `job.architecture` for many networks, and write them to `job.out`.

    Each network sees the images at its own resolution, smaller ones in the first steps. As in every training, epochs
    0-2 and from that checkpoint 2-4 equal 0-4. Raises NasError if a network is not contained in it, or the loss is not
    finite.
    """
    sharing, recipe = _within(sharing, job.architecture), shared_recipe(recipe, sharing)
    network = placed(build(lower(job.architecture), seed=mixed(job.seed, 0)))
    course = course_of(job, data, recipe)
    optimiser, average = begin(network, job, course, recipe)
    share(network, optimiser, sharing, data.train, course, recipe, average)
    finish_segment(network, job.out, optimiser, average, data.train, course, recipe)


def _within(sharing: Sharing, big: Architecture) -> Sharing:
    """The rule, all networks of which are checked to be contained in `big`."""

    def draw(rng: random.Random) -> Architecture:
        arch = sharing.draw(rng)
        require_within(arch, big)
        return arch

    if isinstance(sharing, Sandwich):
        require_within(sharing.largest, big)
        require_within(sharing.smallest, big)
    return replace(sharing, draw=draw)


def share(
    network: Network,
    optimiser: Optimizer,
    sharing: Sharing,
    split: Split,
    course: TrainingRun,
    recipe: Recipe,
    average: Average | None = None,
) -> None:
    """Run a course in place on the weights of `network`. Every step draws from its own seed.

    Raises NasError where the loss is not finite.
    """
    where = next(network.parameters()).device
    split = split.to(where)
    shared = _with_gradients(network)
    with torch.random.fork_rng(devices=[where] if where.type == "cuda" else []):
        for step, pixels, labels in read_batches(split, course, recipe):
            rng = random.Random(mixed(course.seed, step, 2))
            networks = _networks(sharing, rng)
            torch.manual_seed(mixed(course.seed, step, 1))
            resolutions = [resolution_at(step, course, arch.resolution, recipe) for arch in networks]
            largest = max(resolutions, key=by_area)
            images = augment_images(pixels, largest, recipe.augmentation, course.mirror)
            images, labels = mix_images(images, labels, network.classes, recipe.augmentation)
            optimiser.zero_grad(set_to_none=False)
            seen = [(arch, resized(images, side)) for arch, side in zip(networks, resolutions, strict=True)]
            loss = _learn_all(shared, seen, labels, recipe)
            require_finite(loss, step, course)
            descend(network, optimiser, step, course, recipe, average)


def _networks(sharing: Sharing, rng: random.Random) -> list[Architecture]:
    """The networks of a step; the first learns the labels, any others what it says."""
    match sharing:
        case SinglePath():
            return [sharing.draw(rng)]
        case Sandwich():
            return [sharing.largest, sharing.smallest, *(sharing.draw(rng) for _ in range(sharing.randoms))]


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


def _learn_all(shared: _Shared, seen: Sequence[tuple[Architecture, Tensor]], labels: Tensor, recipe: Recipe) -> Tensor:
    """Add to the gradients those of all networks, each with its images; the sum of their losses.

    Only the one that learns the labels is smoothed and dropped.
    """
    (first, images), *students = seen
    said, loss = _learn(shared, first, images, labels, recipe.smoothing, recipe.dropout)
    soft = said.softmax(1)
    for student, its_images in students:
        loss = loss + _learn(shared, student, its_images, soft)[1]
    return loss


def _learn(
    shared: _Shared, arch: Architecture, images: Tensor, target: Tensor, smoothing: float = 0.0, dropout: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Logits and loss of one network on its views of the weights; its gradients are added to theirs.

    The views are leaves: differentiated through, each would cost a zeroed tensor as large as the whole weight.
    """
    leaves = {name: view.detach().requires_grad_() for name, view in views(shared.weights, arch).items()}
    with reduced(images.device):
        logits = functional_call(skeleton(arch, dropout), leaves, (images,)).float()
    loss = F.cross_entropy(logits, target, label_smoothing=smoothing)
    found = torch.autograd.grad(loss, list(leaves.values()))
    for total, part in zip(views(shared.gradients, arch).values(), found, strict=True):
        total.add_(part)
    return logits.detach(), loss.detach()


class SupernetEvaluator:
    """Scores networks with shared weights; holds these and the data, so that a score costs only passes over images."""

    def __init__(self, weights: Path, architecture: Architecture, data: Data, recipe: Recipe = MODERN) -> None:
        """`weights` are of `architecture`, which contains the others."""
        self.architecture = architecture
        self.shared = load_weights(weights, architecture).state
        self.data = data
        self.norm_images = recipe.norm_images

    def __call__(self, arch: Architecture) -> Outcome:
        """The validation score with these weights and the network's own norm statistics."""
        began = time.perf_counter()
        judged = evaluate(self._network(arch), self.data.val, arch.resolution)
        return Outcome(judged.score, tuple(judged.losses.tolist()), time.perf_counter() - began)

    def inherit(self, arch: Architecture) -> State:
        """Weights and norm statistics of a network, to train it on from; raises NasError where it is not contained."""
        return state_of(self._network(arch))

    def _network(self, arch: Architecture) -> Network:
        require_within(arch, self.architecture)
        state = {**views(self.shared, arch), **fresh_norms(arch)}
        network = placed(with_weights(lower(arch), state))
        recalibrate(network, self.data.train, arch.resolution, self.norm_images)
        return network
