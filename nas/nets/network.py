"""`build`: the torch module of a `Graph`, one child module a node, under the node's own name."""

import functools
from collections.abc import Mapping, Sequence
from typing import assert_never

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas.design.architecture import IMAGENET_MEAN, IMAGENET_STD, Channels
from nas.design.op import Activation, Add, Conv, GlobalPool, Linear, Op, SqueezeExcite
from nas.design.plan import Graph
from nas.nets.depthwise import depthwise
from nas.nets.norm import norm_hardswish

# Batch-norm momentum of 0.01 (the papers') leaves a network at chance after a short training.
NORM_MOMENTUM = 0.1


def activation(name: Activation | None) -> nn.Module:
    """The module of an activation; None is the identity."""
    match name:
        case None:
            return nn.Identity()
        case "relu":
            return nn.ReLU(inplace=True)
        case "relu6":
            return nn.ReLU6(inplace=True)
        case "hswish":
            return nn.Hardswish(inplace=True)
        case _:
            assert_never(name)


class ConvNorm(nn.Module):
    """Convolution, batch norm, activation."""

    def __init__(self, op: Conv, norm_eps: float) -> None:
        """The norm stands in for the bias."""
        super().__init__()
        self.conv = nn.Conv2d(
            op.in_width, op.out_width, op.kernel, op.stride, op.kernel // 2, groups=op.groups, bias=False
        )
        self.norm = nn.BatchNorm2d(op.out_width, eps=norm_eps, momentum=NORM_MOMENTUM)
        self.act = activation(op.activation)
        self.depthwise = op.depthwise
        missing = op.kernel // 2 - op.pads[0]
        self.moved = op.stride - missing if missing else 0

    def forward(self, x: Tensor) -> Tensor:
        """Maps [N, in, S, S] to [N, out, ceil(S / stride), ...]."""
        if not self.moved:
            return self._normed(self._convolved(x))
        # TensorFlow's padding has fewer zeros before the first pixel. So many are added that one more stride fits in:
        # its outputs are those of the symmetric convolution without the first.
        return self._normed(self._convolved(F.pad(x, (self.moved, 0, self.moved, 0)))[..., 1:, 1:])

    def _convolved(self, x: Tensor) -> Tensor:
        fast = self.training and self.depthwise
        out: Tensor = depthwise(x, self.conv.weight, self.conv.stride[0]) if fast else self.conv(x)
        return out

    def _normed(self, x: Tensor) -> Tensor:
        if self.training and isinstance(self.act, nn.Hardswish):
            return norm_hardswish(self.norm, x)
        out: Tensor = self.act(self.norm(x))
        return out


class Squeeze(nn.Module):
    """Squeeze-and-excitation with a hard sigmoid (MobileNetV3 section 5.3)."""

    def __init__(self, op: SqueezeExcite) -> None:
        """Both fully connected layers are 1x1 convolutions with biases."""
        super().__init__()
        self.reduce = nn.Conv2d(op.width, op.inner, 1)
        self.expand = nn.Conv2d(op.inner, op.width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Scales the channels of [N, C, S, S]."""
        pooled = F.adaptive_avg_pool2d(x, 1)
        if self.training:  # products of matrices are several times faster backwards than convolutions
            inner = F.relu(_product(self.reduce, pooled.flatten(1)))
            return x * F.hardsigmoid(_product(self.expand, inner))[:, :, None, None]
        return x * F.hardsigmoid(self.expand(F.relu(self.reduce(pooled))))


def _product(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """A 1x1 convolution on images of one pixel [N, in], to [N, out]."""
    return F.linear(x, layer.weight.flatten(1), layer.bias)


class Dense(nn.Module):
    """Fully connected layer and activation."""

    def __init__(self, op: Linear) -> None:
        """With bias."""
        super().__init__()
        self.linear = nn.Linear(op.in_width, op.out_width)
        self.act = activation(op.activation)

    def forward(self, x: Tensor) -> Tensor:
        """Maps [N, in] (or [N, in, 1, 1]) to [N, out]."""
        out: Tensor = self.act(self.linear(x.flatten(1)))
        return out


class Sum(nn.Module):
    """The residual sum."""

    def forward(self, x: Tensor, shortcut: Tensor) -> Tensor:
        """Adds two maps of one shape."""
        return x + shortcut


class Pooling(nn.Module):
    """Global average pool."""

    def forward(self, x: Tensor) -> Tensor:
        """Maps [N, C, S, S] to [N, C]."""
        return F.adaptive_avg_pool2d(x, 1).flatten(1)


class Network(nn.Module):
    """Executes a plan's graph. State dict names are `{node}.{part}.{tensor}`, as in `stem.conv.weight`.

    It takes images as `batches.inputs` makes them, with ImageNet's mean and deviation, whatever its weights were
    trained with, and brings them to the plan's own: so training, scoring and pruning need not know. Model files take
    images with the plan's own mean and deviation instead (see `batches.renormalised`).
    """

    def __init__(self, plan: Graph, dropout: float = 0.0) -> None:
        """`dropout` acts on the input of the last node, in training only."""
        super().__init__()
        self.plan = plan
        self.dropout = dropout
        for node in plan.nodes:
            self.add_module(node.name, _module(node.op, plan.norm_eps))
        self._free = _last_uses(plan)
        self.rescaled = rescaling(plan.mean, plan.std)

    @property
    def resolution(self) -> int:
        """Side in pixels of the images that the network is for."""
        return self.plan.inputs[0].size

    def forward(self, *inputs: Tensor) -> Tensor:
        """The last node's output; `inputs` in the order of `plan.inputs`, images as [N, 3, S, S]."""
        return self.run(inputs, 0, len(self.plan.nodes))

    def run(self, inputs: Sequence[Tensor], first: int, stop: int) -> Tensor:
        """Executes nodes `first` up to `stop` on the value that node `first` takes, and returns the last output.

        Beyond the plan's own start (`first` = 0) the slice must hang on its one input alone.
        """
        values = {first - 1: inputs[0]} if first else {-1 - i: value for i, value in enumerate(inputs)}
        if first == 0 and self.rescaled:
            values[-1] = rescale(values[-1], *self.rescaled)
        last = len(self.plan.nodes) - 1
        for number in range(first, stop):
            node = self.plan.nodes[number]
            taken = [values[i] for i in node.inputs]
            if number == last and self.dropout:
                taken[0] = F.dropout(taken[0], self.dropout, self.training)
            values[number] = self.get_submodule(node.name)(*taken)
            for done in self._free[number]:
                values.pop(done, None)
        return values[stop - 1]


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
    """Images [N, 3, S, S] times a factor plus a summand, by channel."""
    return images * _by_channel(factor, images.device) + _by_channel(summand, images.device)


@functools.cache
def _by_channel(values: Channels, where: torch.device) -> Tensor:
    """Values [1, 3, 1, 1] on a device: kept, for a recorded pass may not copy from the CPU."""
    with torch.inference_mode(False):
        return torch.tensor(values, device=where).view(1, 3, 1, 1)


def build(plan: Graph, dropout: float = 0.0, seed: int = 0) -> Network:
    """A freshly initialised network: convolutions He-normal by fan-out, linears normal 0.01, as in torchvision."""
    network = _empty(plan, dropout)
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        _initialise(module, generator)
    return network


def with_weights(plan: Graph, state: Mapping[str, Tensor], dropout: float = 0.0) -> Network:
    """The network with these weights, all of them; ten times faster than to draw initial ones first."""
    network = _empty(plan, dropout)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
    network.load_state_dict(state)
    return network


def _empty(plan: Graph, dropout: float) -> Network:
    """Memory is there, values are not."""
    with torch.device("meta"):
        network = Network(plan, dropout)
    network.to_empty(device="cpu")
    return network


def _initialise(module: nn.Module, generator: torch.Generator) -> None:
    match module:
        case nn.Conv2d():
            nn.init.kaiming_normal_(module.weight, mode="fan_out", generator=generator)
        case nn.Linear():
            nn.init.normal_(module.weight, 0.0, 0.01, generator=generator)
        case nn.BatchNorm2d():
            module.reset_parameters()
            return
        case _:
            return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


def _module(op: Op, norm_eps: float) -> nn.Module:
    match op:
        case Conv():
            return ConvNorm(op, norm_eps)
        case SqueezeExcite():
            return Squeeze(op)
        case Linear():
            return Dense(op)
        case Add():
            return Sum()
        case GlobalPool():
            return Pooling()
        case _:
            assert_never(op)


def _last_uses(plan: Graph) -> list[list[int]]:
    """For every node the values that nobody needs after it: kept, they would hold every map of a batch in memory."""
    last = {value: number for number, node in enumerate(plan.nodes) for value in node.inputs}
    freed: list[list[int]] = [[] for _ in plan.nodes]
    for value, number in last.items():
        freed[number].append(value)
    return freed
