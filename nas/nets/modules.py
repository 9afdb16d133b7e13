"""The modules of ops, and their initial weights."""

from typing import assert_never

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas.design.op import (
    Activate,
    Activation,
    Add,
    Affine,
    AnchorList,
    Concat,
    Conv,
    GlobalPool,
    Linear,
    Multiply,
    Op,
    Pool,
    Shuffle,
    Sigmoid,
    Slice,
    SqueezeExcite,
    Upsample,
)
from nas.nets.depthwise import depthwise
from nas.nets.map_modules import Joined, Listed, Part, Pooling, Product, Sum, Upsampling, Windows
from nas.nets.norm import norm_hardswish

# Batch-norm momentum of 0.01 (the papers') leaves a network at chance after a short training.
NORM_MOMENTUM = 0.1
NORM_TENSORS = ("weight", "bias", "running_mean", "running_var")


def activation(name: Activation | None, inplace: bool = True) -> nn.Module:
    """The module of an activation; None is the identity."""
    match name:
        case None:
            return nn.Identity()
        case "relu":
            return nn.ReLU(inplace)
        case "relu6":
            return nn.ReLU6(inplace)
        case "hswish":
            return nn.Hardswish(inplace)
        case "silu":
            return nn.SiLU(inplace)
        case _:
            assert_never(name)


def affine(kind: Affine, width: int, norm_eps: float) -> nn.Module:
    """The module behind a layer: a batch norm; a bias is the layer's own."""
    return nn.BatchNorm2d(width, eps=norm_eps, momentum=NORM_MOMENTUM) if kind == "norm" else nn.Identity()


_PREDICTOR_STD = 0.03


class ConvNorm(nn.Module):
    """Convolution, batch norm (or a bias, or neither), activation."""

    def __init__(self, op: Conv, norm_eps: float) -> None:
        """The norm stands in for the bias."""
        super().__init__()
        pads, bias = 0 if op.padding == "none" else op.reach // 2, op.affine == "bias"
        self.conv = nn.Conv2d(op.in_width, op.out_width, op.kernel, op.stride, pads, op.dilation, op.groups, bias=bias)
        self.norm = affine(op.affine, op.out_width, norm_eps)
        self.act = activation(op.activation)
        self.fast = op.depthwise and not bias and op.padding != "none" and op.dilation == 1
        (above, _), (left, _) = op.pads
        self.down, self.right = (op.stride - (pads - own) if own < pads else 0 for own in (above, left))

    def forward(self, x: Tensor) -> Tensor:
        """Maps [N, in, H, W] to [N, out, H', W'] (see `Conv.out_size`)."""
        if not (self.down or self.right):
            return self._normed(self._convolved(x))
        # TensorFlow's padding has fewer zeros before the first pixel. So many are added that one more stride fits in:
        # its outputs are those of the symmetric convolution without the first.
        moved = self._convolved(F.pad(x, (self.right, 0, self.down, 0)))
        return self._normed(moved[..., bool(self.down) :, bool(self.right) :])

    def _convolved(self, x: Tensor) -> Tensor:
        fast = self.training and self.fast
        out: Tensor = depthwise(x, self.conv.weight, self.conv.stride[0]) if fast else self.conv(x)
        return out

    def _normed(self, x: Tensor) -> Tensor:
        if self.training and isinstance(self.act, nn.Hardswish) and isinstance(self.norm, nn.BatchNorm2d):
            return norm_hardswish(self.norm, x)
        out: Tensor = self.act(self.norm(x))
        return out


class Squeeze(nn.Module):
    """Squeeze-and-excitation, with a hard sigmoid (MobileNetV3 section 5.3) or a true one."""

    def __init__(self, op: SqueezeExcite) -> None:
        """Both fully connected layers are 1x1 convolutions with biases."""
        super().__init__()
        self.reduce = nn.Conv2d(op.width, op.inner, 1)
        self.expand = nn.Conv2d(op.inner, op.width, 1)
        self.gate = F.hardsigmoid if op.gate == "hsigmoid" else torch.sigmoid

    def forward(self, x: Tensor) -> Tensor:
        """Scales the channels of [N, C, H, W]."""
        pooled = F.adaptive_avg_pool2d(x, 1)
        if self.training:  # products of matrices are several times faster backwards than convolutions
            inner = F.relu(_product(self.reduce, pooled.flatten(1)))
            return x * self.gate(_product(self.expand, inner))[:, :, None, None]
        return x * self.gate(self.expand(F.relu(self.reduce(pooled))))


def _product(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """A 1x1 convolution on images of one pixel [N, in], to [N, out]."""
    return F.linear(x, layer.weight.flatten(1), layer.bias)


class FullyConnected(nn.Module):
    """Fully connected layer, a batch norm in the place of its bias where there is one, and activation."""

    def __init__(self, op: Linear, norm_eps: float) -> None:
        """With bias or norm."""
        super().__init__()
        self.linear = nn.Linear(op.in_width, op.out_width, bias=op.affine == "bias")
        self.norm = affine(op.affine, op.out_width, norm_eps)
        self.act = activation(op.activation)

    def forward(self, x: Tensor) -> Tensor:
        """Maps [N, in] (or [N, in, 1, 1]) to [N, out]."""
        out: Tensor = self.linear(x.flatten(1))
        if isinstance(self.norm, nn.BatchNorm2d):
            out = self.norm(out[:, :, None, None]).flatten(1)
        activated: Tensor = self.act(out)
        return activated


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


def initialise_predictor(layer: ConvNorm, generator: torch.Generator) -> None:
    """Draw small initial weights of a layer whose outputs are logits or boxes, as torchvision does for SSD.

    By fan-out they would be of the order of one, and the first gradients a thousand times as large as later ones.
    """
    nn.init.normal_(layer.conv.weight, 0.0, _PREDICTOR_STD, generator=generator)


def module_of(op: Op, norm_eps: float) -> nn.Module:
    """The module of an op."""
    match op:
        case Conv():
            return ConvNorm(op, norm_eps)
        case SqueezeExcite():
            return Squeeze(op)
        case Linear():
            return FullyConnected(op, norm_eps)
        case Add():
            return Sum()
        case Activate():
            return activation(op.activation, inplace=False)
        case Pool():
            return Windows(op)
        case Concat():
            return Joined()
        case Slice():
            return Part(op)
        case Shuffle():
            return nn.ChannelShuffle(op.groups)
        case GlobalPool():
            return Pooling()
        case Upsample():
            return Upsampling(op)
        case Sigmoid():
            return nn.Sigmoid()
        case Multiply():
            return Product()
        case AnchorList():
            return Listed(op)
        case _:
            assert_never(op)
