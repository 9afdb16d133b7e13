"""The modules of ops, and their initial weights."""

from typing import assert_never

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas.design.op import Activation, Add, Conv, GlobalPool, Linear, Op, SqueezeExcite
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
        case "silu":
            return nn.SiLU(inplace=True)
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


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw the initial weights of a module."""
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


def module_of(op: Op, norm_eps: float) -> nn.Module:
    """The module of an op."""
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
