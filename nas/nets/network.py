"""`build`: the torch module of a `Graph`, one child module a node, under the node's own name."""

import functools
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas.design.architecture import IMAGENET_MEAN, IMAGENET_STD, Channels
from nas.design.graph import Graph
from nas.design.op import Conv, Linear
from nas.design.shapes import output_shape
from nas.design.size import Size
from nas.nets.modules import ConvNorm, initialise, initialise_predictor, module_of
from nas.nets.tasks.find import task_of


class Network(nn.Module):
    """Executes a graph. State dict names are `{node}.{part}.{tensor}`, as in `stem.conv.weight`.

    It takes images as `batches.inputs` makes them, with ImageNet's mean and deviation, whatever its weights were
    trained with, and brings them to the graph's own: so training, scoring and pruning need not know. Model files take
    images with the graph's own mean and deviation instead (see `batches.renormalised`).
    """

    def __init__(self, graph: Graph, dropout: float = 0.0) -> None:
        """`dropout` acts on the input of the last layer with weights, in training only."""
        super().__init__()
        self.graph = graph
        self.task = task_of(graph)
        self.dropout = dropout
        for node in graph.nodes:
            self.add_module(node.name, module_of(node.op, graph.norm_eps))
        self._free = _last_uses(graph)
        self._last_layer = max(
            (n for n, node in enumerate(graph.nodes) if isinstance(node.op, Conv | Linear)), default=-1
        )
        self.rescaled = rescaling(graph.mean, graph.std)

    @property
    def resolution(self) -> Size:
        """Size in pixels of the images that the network is for."""
        return self.graph.inputs[0].size

    @property
    def classes(self) -> int:
        """How many classes the network tells apart; those of a detector include the background."""
        return output_shape(self.graph.nodes[self.graph.outputs[0].node].op).width

    def forward(self, *inputs: Tensor) -> Tensor:
        """The only output; `inputs` in the order of `graph.inputs`, images as [N, 3, H, W]."""
        if len(self.graph.outputs) > 1:
            names = ", ".join(output.name for output in self.graph.outputs)
            raise ValueError(f"This network has the outputs {names}: call its method `outputs`.")
        (output,) = self.outputs(*inputs)
        return output

    def outputs(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """All outputs, in the order of `graph.outputs`."""
        return self.outputs_from(inputs, 0)

    def outputs_from(self, inputs: Sequence[Tensor], first: int) -> tuple[Tensor, ...]:
        """The same where nodes before `first` are done: what they leave is one input alone (see `run`)."""
        values = self._values(inputs, first, len(self.graph.nodes))
        return tuple(values[output.node] for output in self.graph.outputs)

    def run(self, inputs: Sequence[Tensor], first: int, stop: int) -> Tensor:
        """Executes nodes `first` up to `stop` on the value that node `first` takes, and returns the last output.

        Beyond the graph's own start (`first` = 0) the slice must hang on its one input alone.
        """
        return self._values(inputs, first, stop)[stop - 1]

    def _values(self, inputs: Sequence[Tensor], first: int, stop: int) -> dict[int, Tensor]:
        """What is left after nodes `first` up to `stop`, by number: what nobody needs any more is not kept."""
        values = {first - 1: inputs[0]} if first else {-1 - i: value for i, value in enumerate(inputs)}
        if first == 0 and self.rescaled:
            values[-1] = rescale(values[-1], *self.rescaled)
        for number in range(first, stop):
            node = self.graph.nodes[number]
            taken = [values[i] for i in node.inputs]
            if number == self._last_layer and self.dropout:
                taken[0] = F.dropout(taken[0], self.dropout, self.training)
            values[number] = self.get_submodule(node.name)(*taken)
            for done in self._free[number]:
                values.pop(done, None)
        return values


def rescaling(mean: Channels, std: Channels) -> tuple[Channels, Channels] | None:
    """Factor and summand, by channel, from images with ImageNet's mean and deviation to those with others.

    None if these are ImageNet's own.
    """
    if (mean, std) == (IMAGENET_MEAN, IMAGENET_STD):
        return None
    channels = list(zip(IMAGENET_MEAN, IMAGENET_STD, mean, std, strict=True))
    r, g, b = [(theirs / own, (centre - middle) / own) for centre, theirs, middle, own in channels]
    return (r[0], g[0], b[0]), (r[1], g[1], b[1])


def rescale(images: Tensor, factor: Channels, summand: Channels) -> Tensor:
    """Images [N, 3, H, W] times a factor plus a summand, by channel."""
    return images * _by_channel(factor, images.device) + _by_channel(summand, images.device)


@functools.cache
def _by_channel(values: Channels, where: torch.device) -> Tensor:
    """Values [1, 3, 1, 1] on a device: kept, for a recorded pass may not copy from the CPU."""
    with torch.inference_mode(False):
        return torch.tensor(values, device=where).view(1, 3, 1, 1)


def build(graph: Graph, dropout: float = 0.0, seed: int = 0) -> Network:
    """A freshly initialised network, as in torchvision: convolutions He-normal by fan-out, those that predict boxes or
    classes of pixels normal 0.03, linears normal 0.01.
    """
    network = _empty(graph, dropout)
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        initialise(module, generator)
    for node in graph.nodes:
        layer = network.get_submodule(node.name)
        if isinstance(layer, ConvNorm) and isinstance(node.op, Conv) and predicts(node.op):
            initialise_predictor(layer, generator)
    return network


def predicts(op: Conv) -> bool:
    """Whether outputs of the network are what a convolution gives."""
    return op.affine == "bias" and op.activation is None


def with_weights(graph: Graph, state: Mapping[str, Tensor], dropout: float = 0.0) -> Network:
    """The network with these weights, all of them; ten times faster than to draw initial ones first."""
    network = _empty(graph, dropout)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
    network.load_state_dict(state)
    return network


def _empty(graph: Graph, dropout: float) -> Network:
    """Memory is there, values are not."""
    with torch.device("meta"):
        network = Network(graph, dropout)
    # `Module.to_empty` takes three times as long: of a tensor without memory, torch makes one like it in Python.
    for module in network.modules():
        for name, value in list(module.named_parameters(recurse=False)):
            setattr(module, name, nn.Parameter(torch.empty(value.shape, dtype=value.dtype)))
        for name, buffer in list(module.named_buffers(recurse=False)):
            setattr(module, name, torch.empty(buffer.shape, dtype=buffer.dtype))
    return network


def _last_uses(graph: Graph) -> list[list[int]]:
    """For every node the values that nobody needs after it: kept, they would hold every map of a batch in memory."""
    last = {value: number for number, node in enumerate(graph.nodes) for value in node.inputs}
    for output in graph.outputs:
        last.pop(output.node, None)
    freed: list[list[int]] = [[] for _ in graph.nodes]
    for value, number in last.items():
        freed[number].append(value)
    return freed
