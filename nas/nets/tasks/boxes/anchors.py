"""Boxes as tensors: anchors on a device, overlaps, offsets (`nas.design.dense.anchors` has the same in numpy)."""

import functools

import torch
from torch import Tensor

from nas.design.dense.anchors import OFFSET_WEIGHTS, AnchorMap, lay_anchors


@functools.lru_cache(maxsize=64)
def place_anchors(maps: tuple[AnchorMap, ...], where: torch.device) -> Tensor:
    """Return the anchors [A, 4] of maps on a device: x, y, width, height. They are kept, for every step needs them."""
    with torch.inference_mode(False):
        return torch.from_numpy(lay_anchors(maps)).to(where)


@functools.lru_cache(maxsize=8)
def _offset_weights(where: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return torch.from_numpy(OFFSET_WEIGHTS).to(where)


def find_corners(anchors: Tensor) -> Tensor:
    """Return anchors [..., 4] as corners: left, top, right, bottom.

    >>> find_corners(torch.tensor([0.25, 0.5, 0.5, 1.0])).tolist()
    [0.0, 0.0, 0.5, 1.0]
    """
    centres, halves = anchors[..., :2], anchors[..., 2:] / 2
    return torch.cat([centres - halves, centres + halves], -1)


def measure_overlaps(boxes: Tensor, others: Tensor) -> Tensor:
    """Return the area that each of boxes [K, 4] shares with each of others [A, 4], as a share of both together [K, A].

    >>> measure_overlaps(torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([[0, 0, 1, 0.5], [1, 1, 2, 2]])).tolist()
    [[0.5, 0.0]]
    """
    starts = torch.maximum(boxes[:, None, :2], others[None, :, :2])
    ends = torch.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = (ends - starts).clamp(min=0).prod(-1)
    return shared / (_areas(boxes)[:, None] + _areas(others) - shared)


def _areas(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).prod(-1)


def encode_corners(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Return what a network should say of anchors [A, 4] so that they stand for boxes [..., A, 4] of some size."""
    sides = boxes[..., 2:] - boxes[..., :2]
    offsets = ((boxes[..., :2] + boxes[..., 2:]) / 2 - anchors[:, :2]) / anchors[:, 2:]
    return torch.cat([offsets, (sides / anchors[:, 2:]).log()], -1) * _offset_weights(boxes.device)
