"""`depthwise`: a depthwise convolution whose weight gradient is fast on a CPU.

oneDNN has a kernel for the weight gradient of depthwise convolutions, but only for filters up to three columns wide on
inputs higher than the filter. All others go to a kernel for grouped convolutions that pads each group of one channel to
sixteen: the 5x5 layers then take a fifth of a whole training step. So wider filters are cut into strips of three
columns, each the gradient of a 5x3 filter on images moved sideways, and low inputs are padded in memory.
"""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn import functional as F

_STRIP = 3


def depthwise(images: Tensor, weight: Tensor, stride: int) -> Tensor:
    """Convolves [N, C, H, W] with [C, 1, K, K], K odd, padded by K // 2; on a GPU the ordinary convolution."""
    if images.device.type != "cpu":
        return F.conv2d(images, weight, None, stride, weight.shape[-1] // 2, 1, len(weight))
    found: Tensor = _Depthwise.apply(images, weight, stride)  # type: ignore[no-untyped-call]
    return found


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, images: Tensor, weight: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(images, weight)
        ctx.stride = stride  # type: ignore[attr-defined]
        return F.conv2d(images, weight, None, stride, weight.shape[-1] // 2, 1, len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        images, weight = ctx.saved_tensors  # type: ignore[attr-defined]
        stride, kernel = ctx.stride, weight.shape[-1]  # type: ignore[attr-defined]
        wanted = ctx.needs_input_grad  # type: ignore[attr-defined]
        into = None
        if wanted[0]:
            into = _backward(gradient, images, weight, stride, (kernel // 2, kernel // 2), of_weight=False)
        return into, _of_weight(gradient, images, weight, stride) if wanted[1] else None, None


def _of_weight(gradient: Tensor, images: Tensor, weight: Tensor, stride: int) -> Tensor:
    """The weight's gradient, strip by strip; a column that two strips share is the same in both."""
    kernel, pad = weight.shape[-1], weight.shape[-1] // 2
    low = images.shape[2] < kernel + stride - 1
    if kernel <= _STRIP and not low:
        return _backward(gradient, images, weight, stride, (pad, pad), of_weight=True)
    rows = pad if low else 0
    found = torch.empty_like(weight)
    for left in range(0, max(1, kernel - 1), _STRIP - 1):
        columns = slice(left, left + _STRIP)
        moved = F.pad(images, (pad - left, left + _STRIP - 1 - pad, rows, rows))
        found[..., columns] = _backward(gradient, moved, weight[..., columns], stride, (pad - rows, 0), of_weight=True)
    return found


def _backward(
    gradient: Tensor, images: Tensor, weight: Tensor, stride: int, padding: tuple[int, int], of_weight: bool
) -> Tensor:
    mask = [not of_weight, of_weight, False]
    found: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.convolution_backward(
        gradient, images, weight, None, [stride, stride], padding, [1, 1], False, [0, 0], len(weight), mask
    )
    return found[1] if of_weight else found[0]
