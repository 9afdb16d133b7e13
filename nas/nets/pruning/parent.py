"""`Parent`: a network that is to be cut, read and looked at once for all that may be cut of it."""

from functools import partial
from pathlib import Path

from msgspec import Struct

from nas.design.architecture import Architecture
from nas.design.graph import lower
from nas.jobs import ImportanceName
from nas.nets.data.dataset import Data
from nas.nets.network import Network, with_weights
from nas.nets.pruning.importance import Importance, Magnitude, sample, taylor
from nas.nets.pruning.reconstruction import Moments, moments
from nas.nets.training.batches import placed
from nas.nets.training.loop import recalibrate
from nas.nets.training.recipe import Recipe
from nas.nets.weights.weights_file import State, load_weights


class Parent(Struct, frozen=True, eq=False):
    """A network that is cut, which of its channels matter, and what reaches its pointwise layers."""

    architecture: Architecture
    network: Network
    state: State
    scores: Importance
    moments: Moments


def open_parent(
    arch: Architecture, weights: Path, importance: ImportanceName, repair: bool, data: Data, recipe: Recipe
) -> Parent:
    """Read a network and look at it; its norms are estimated by as many images as they are after an edit.

    Else what a cut changes would be in part what the norms do. With `repair` it is known what reaches its layers.
    """
    state = load_weights(weights, arch).state
    network, side = placed(with_weights(lower(arch), state, recipe.dropout)), arch.resolution
    recalibrate(network, data.train, side, recipe.adapt_norm_images)
    batches = partial(sample, data.train, side, recipe.batch)
    scores = Magnitude(lower(arch), state) if importance == "l2" else taylor(network, batches())
    seen = moments(network, (images for images, _ in batches())) if repair else {}
    return Parent(arch, network, state, scores, seen)
