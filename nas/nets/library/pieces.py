"""Pieces: alternatives of a block with weights, each trained alone to give what the block of the network gives.

As in DNA (Li et al. 2020, equation 6), DONNA (Moons et al. 2020, section 3.2) and LANA (Molchanov et al. 2021, section
3.2): the input is the network's own, the loss is the mean squared error over the variance of what the block gives.
"""

from collections.abc import Sequence

import torch
from msgspec import Struct
from torch import Tensor, nn
from torch.optim import Adam

from nas.design.alternatives import Alternative, assembled, origins
from nas.design.graph import Graph, lower
from nas.nets.data.dataset import Split
from nas.nets.network import Network, with_weights
from nas.nets.pruning.inherit import inherit
from nas.nets.pruning.parent import Parent
from nas.nets.training.augment.pipeline import augment_images
from nas.nets.training.batches import mixed, placed
from nas.nets.training.loop import TrainingRun, read_batches, require_finite
from nas.nets.training.recipe import Recipe, rate_at
from nas.nets.weights.weights_file import State

PIECE_RATE = 5e-3  # of Adam; after 200 steps 0.03 to 0.13 of the variance are left, with 0.0005 0.04 to 0.19
_VARIANCE = 1e-6  # keeps the loss of a block that gives nothing finite


class Piece(Struct, frozen=True, eq=False):
    """An alternative as a part of the whole network; its own are nodes `first` up to `stop`, none if it is nothing."""

    alternative: Alternative
    network: Network
    first: int
    stop: int

    def __call__(self, images: Tensor) -> Tensor:
        """What it gives for what reaches its place [N, C, H, W]."""
        return self.network.run([images], self.first, self.stop)

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Those of its own nodes."""
        nodes = self.network.graph.nodes[self.first : self.stop]
        return [one for node in nodes for one in self.network.get_submodule(node.name).parameters()]


def make_pieces(
    parent: Parent, wanted: Sequence[Alternative], split: Split, course: TrainingRun, recipe: Recipe
) -> list[Piece]:
    """Pieces of one place, trained where there is something to train, each in the whole network that it is part of."""
    place = wanted[0].place
    found = [_untrained(parent, one) for one in wanted]
    due = [piece for piece in found if piece.alternative.instead is not None]
    if due:
        train_pieces(parent.network, place, due, split, course, recipe)
    return found


def _untrained(parent: Parent, alternative: Alternative) -> Piece:
    """The alternative in the whole network, with what it inherits, repaired by least squares."""
    arch, whole = parent.architecture, parent.network.graph
    graph, before = lower(assembled(arch, [alternative])), origins(arch, [alternative])
    state = inherit(whole, graph, parent.state, parent.scores, before, parent.moments)
    first, _ = span(whole, alternative.place)
    stop = first if alternative.instead is None else span(graph, alternative.place)[1]
    return Piece(alternative, placed(with_weights(graph, state)), first, stop)


def span(graph: Graph, block: str) -> tuple[int, int]:
    """The numbers of a block's nodes in a graph: from the first up to, and without, the second."""
    numbers = [number for number, node in enumerate(graph.nodes) if node.name.partition("_")[0] == block]
    return numbers[0], numbers[-1] + 1


def train_pieces(
    teacher: Network, place: str, pieces: Sequence[Piece], split: Split, course: TrainingRun, recipe: Recipe
) -> None:
    """Train all pieces of one place in place, each on the same images: the network runs once for all of them.

    Images are augmented, but not mixed: there are no labels to mix, and the network was made for whole images.
    """
    first, stop = span(teacher.graph, place)
    where = next(teacher.parameters()).device
    split = split.to(where)
    teacher.eval()
    optimiser = Adam([{"params": piece.parameters} for piece in pieces], lr=course.rate, fused=True)
    for piece in pieces:
        piece.network.train()
    with torch.random.fork_rng(devices=[where] if where.type == "cuda" else []):
        for step, pixels, _ in read_batches(split, course, recipe):
            torch.manual_seed(mixed(course.seed, step, 1))
            images = augment_images(pixels, course.resolution, recipe.augmentation, course.mirror)
            with torch.no_grad():
                taken = teacher.run([images], 0, first)
                wanted = teacher.run([taken], first, stop)
            loss = torch.stack([_distance(piece(taken), wanted) for piece in pieces]).sum()
            require_finite(loss, step, course)
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            for group in optimiser.param_groups:
                group["lr"] = rate_at(step, course.total, course.rate, recipe.warm_up)
            optimiser.step()


def _distance(given: Tensor, wanted: Tensor) -> Tensor:
    return (given - wanted).square().mean() / (wanted.var() + _VARIANCE)


def tensors_of(piece: Piece) -> State:
    """The piece's own tensors, named `{alternative}/{part}.{tensor}`, as in `s2b1 k3 e96/expand.conv.weight`."""
    state = piece.network.state_dict()
    names = [node.name for node in piece.network.graph.nodes[piece.first : piece.stop]]
    return {
        f"{piece.alternative.name}/{key.partition('_')[2]}": value.detach().cpu().contiguous().clone()
        for key, value in state.items()
        if key.partition(".")[0] in names and not key.endswith("num_batches_tracked")
    }
