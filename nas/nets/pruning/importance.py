"""Which channels matter: by the size of their filters, or by what the loss would say to their absence."""

from collections.abc import Iterable, Iterator
from typing import Protocol

import torch
from msgspec import Struct
from torch import Tensor

from nas.design.channels import ChannelGroup, Places, channel_groups
from nas.design.graph import Graph
from nas.design.op import Conv, Linear, SqueezeExcite
from nas.design.size import Size
from nas.nets.data.dataset import Split
from nas.nets.network import Network
from nas.nets.training.batches import inputs
from nas.nets.weights.weights_file import State

_BATCHES = 8


class Importance(Protocol):
    """Scores of channels, the larger the more important."""

    def channels(self, group: ChannelGroup) -> Tensor:
        """A score for every channel of a group [width]."""
        ...

    def rows(self, name: str, kept: Tensor) -> Tensor:
        """A score for every inner channel of a squeeze-excite [inner], of whose channels these are kept."""
        ...


class Magnitude:
    """Squared L2 norm of every channel's filters, as NetAdapt published it, the norm's factor folded in."""

    def __init__(self, graph: Graph, state: State) -> None:
        self._nodes = {node.name: node for node in graph.nodes}
        self._state, self._eps = state, graph.norm_eps

    def channels(self, group: ChannelGroup) -> Tensor:
        """Summed over producers and depthwise convolutions."""
        filters = (
            self._filters(name)[indices_of(places)].reshape(group.width, -1).sum(1)
            for name, places in group.written_places().items()
        )
        return sum(filters, torch.zeros(group.width))

    def rows(self, name: str, kept: Tensor) -> Tensor:
        """Of the weights that read the kept channels."""
        return self._state[f"{name}.reduce.weight"][:, kept].flatten(1).pow(2).sum(1)

    def _filters(self, name: str) -> Tensor:
        op = self._nodes[name].op
        if not isinstance(op, Conv | Linear):
            assert isinstance(op, SqueezeExcite)  # of all others nothing is written
            return torch.zeros(op.width)
        layer = "linear" if isinstance(op, Linear) else "conv"
        found = self._state[f"{name}.{layer}.weight"].flatten(1).pow(2).sum(1)
        if op.affine != "norm":
            return found
        weight, variance = (self._state[f"{name}.norm.{part}"] for part in ("weight", "running_var"))
        return found * weight**2 / (variance + self._eps)


class Taylor(Struct, frozen=True):
    """First-order change of the loss when a channel is silenced (Molchanov et al. 2019), as `taylor` finds it."""

    groups: dict[ChannelGroup, Tensor]
    inner: dict[str, Tensor]

    def channels(self, group: ChannelGroup) -> Tensor:
        """|sum of weight times gradient| over the members of the group."""
        return self.groups[group]

    def rows(self, name: str, kept: Tensor) -> Tensor:
        """The same of the inner channels."""
        return self.inner[name]


def indices_of(places: Places) -> Tensor:
    """The places as a tensor; a range is not walked number by number."""
    return torch.arange(places.start, places.stop, places.step) if isinstance(places, range) else torch.tensor(places)


def taylor(network: Network, batches: Iterable[tuple[Tensor, Tensor]]) -> Taylor:
    """Scores from batches of images [N, 3, S, S] and labels [N], the norms in evaluation mode.

    What a norm's weight and bias say together, times their gradients, is the loss's change when all behind it is
    silenced (section 3.2); the filters before it would say the same once more. Absolute values are taken batch by
    batch: where training has converged, gradients cancel over many.
    """
    groups = [group for group in channel_groups(network.graph) if group.producers]
    inner = [node.name for node in network.graph.nodes if isinstance(node.op, SqueezeExcite)]
    found = Taylor({group: torch.zeros(group.width) for group in groups}, {})
    network.eval()
    where = next(network.parameters()).device
    for images, labels in batches:
        loss = network.task.loss(network.outputs(images.to(where)), labels.to(where), 0.0)
        changes = _changes(network, loss)
        for group in groups:
            written = group.written_places().items()
            gates = [
                changes[name][indices_of(places)].reshape(group.width, -1).sum(1)
                for name, places in written
                if name in changes
            ]
            found.groups[group] += sum(gates, torch.zeros(group.width)).abs()
        for name in inner:
            found.inner[name] = found.inner.get(name, 0) + changes[f"{name}.reduce"].abs()
    return found


def sample(split: Split, resolution: Size, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """A few training batches in a fixed order, as they are."""
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(0))
    for picked in torch.split(order, batch)[:_BATCHES]:
        yield inputs(split.read(picked, resolution), resolution), split.labels[picked]


def _changes(network: Network, loss: Tensor) -> dict[str, Tensor]:
    """First-order change of the loss when an output channel is silenced, by convolution, layer or reduction."""
    parameters = dict(network.named_parameters())
    gradients = torch.autograd.grad(loss, list(parameters.values()))
    by_channel = {
        name: (parameter.detach() * gradient).reshape(len(parameter), -1).sum(1).cpu()
        for (name, parameter), gradient in zip(parameters.items(), gradients, strict=True)
    }
    gates = {name.rsplit(".", 1)[0] for name in by_channel if name.endswith(".bias")}
    return {_node_of(gate): by_channel[f"{gate}.weight"] + by_channel[f"{gate}.bias"] for gate in gates}


def _node_of(gate: str) -> str:
    """The node of a norm or of a layer; a reduction goes by its own name."""
    name, _, part = gate.rpartition(".")
    return name if part in ("norm", "linear", "conv") else gate
