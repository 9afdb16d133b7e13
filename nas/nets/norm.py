"""`norm_hardswish`: a batch norm and the hard swish behind it, holding two maps for the backward pass instead of three.

The norm needs what goes into it, hard swish what goes into it as well, and the next layer what comes out. What lies
between norm and activation is one product and one sum away from the norm's input, so it is computed again. In networks
with hard swish in wide layers a training step then holds a quarter less.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


def norm_hardswish(norm: nn.BatchNorm2d, images: Tensor) -> Tensor:
    """Return hard swish of the norm, in training, of [N, C, S, S]; on a GPU or in half precision as two operations."""
    averaged = norm.momentum is None and norm.running_mean is not None
    if images.device.type != "cpu" or averaged or images.dtype != norm.weight.dtype:
        return F.hardswish(norm(images), inplace=True)
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    found: Tensor = _NormHardswish.apply(images, norm.weight, norm.bias, norm)  # type: ignore[no-untyped-call]
    return found


class _NormHardswish(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, bias: Tensor, norm: nn.BatchNorm2d) -> Tensor:
        normed, mean, inverse = torch.ops.aten.native_batch_norm(
            images, weight, bias, norm.running_mean, norm.running_var, True, norm.momentum or 0.0, norm.eps
        )
        ctx.save_for_backward(images, weight, bias, mean, inverse)
        ctx.eps = norm.eps
        return F.hardswish(normed, inplace=True)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        images, weight, bias, mean, inverse = ctx.saved_tensors
        scale = weight * inverse
        shift = bias - mean * scale
        normed = torch.addcmul(shift[:, None, None], images, scale[:, None, None])
        inner = torch.ops.aten.hardswish_backward(gradient, normed)
        found: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.native_batch_norm_backward(
            inner, images, weight, None, None, mean, inverse, True, ctx.eps, [True, True, True]
        )
        return *found, None
