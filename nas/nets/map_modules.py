"""The modules of ops without weights."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas.design.op import AnchorList, Pool, Slice, Upsample
from nas.design.size import height_width


class Sum(nn.Module):
    """The residual sum."""

    def forward(self, x: Tensor, shortcut: Tensor) -> Tensor:
        """Adds two maps of one shape."""
        return x + shortcut


class Windows(nn.Module):
    """The largest or the mean of every window."""

    def __init__(self, op: Pool) -> None:
        """No weights."""
        super().__init__()
        self.op = op

    def forward(self, x: Tensor) -> Tensor:
        """Maps [N, C, H, W] to [N, C, H', W']."""
        op, ((above, _), (left, _)) = self.op, self.op.pads
        pads = above, left
        if op.kind == "average":
            return F.avg_pool2d(x, op.kernel, op.stride, pads, op.padding == "ceil")
        return F.max_pool2d(x, op.kernel, op.stride, pads, ceil_mode=op.padding == "ceil")


class Joined(nn.Module):
    """Maps behind one another."""

    def forward(self, *maps: Tensor) -> Tensor:
        """Maps [N, C, H, W] of several widths to one."""
        return torch.cat(maps, 1)


class Part(nn.Module):
    """Some of the channels."""

    def __init__(self, op: Slice) -> None:
        """No weights."""
        super().__init__()
        self.first, self.width = op.first, op.width

    def forward(self, x: Tensor) -> Tensor:
        """Maps [N, in, H, W] to [N, width, H, W]."""
        return x[:, self.first : self.first + self.width]


class Pooling(nn.Module):
    """Global average pool."""

    def forward(self, x: Tensor) -> Tensor:
        """Maps [N, C, H, W] to [N, C]."""
        return F.adaptive_avg_pool2d(x, 1).flatten(1)


class Upsampling(nn.Module):
    """A map of another size."""

    def __init__(self, op: Upsample) -> None:
        """No weights."""
        super().__init__()
        self.sides = height_width(op.out_size)

    def forward(self, x: Tensor) -> Tensor:
        """Maps [N, C, H, W] to [N, C, H', W']."""
        return F.interpolate(x, self.sides, mode="bilinear", align_corners=False)


class Product(nn.Module):
    """A map times its gate."""

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        """Maps [N, C, H, W] and gates of that size or [N, C, 1, 1]."""
        return x * gate


class Listed(nn.Module):
    """What maps say of anchors."""

    def __init__(self, op: AnchorList) -> None:
        """No weights."""
        super().__init__()
        self.columns = op.columns

    def forward(self, *maps: Tensor) -> Tensor:
        """Maps [N, anchors * columns, H, W] to one list [N, anchors, columns]."""
        rows = [x.permute(0, 2, 3, 1).reshape(len(x), -1, self.columns) for x in maps]
        return torch.cat(rows, 1)
