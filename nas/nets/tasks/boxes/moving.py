"""`move_boxes`: the labels of images that are moved, scaled, cropped or mirrored."""

import torch
from torch import Tensor


def move_boxes(labels: Tensor, views: Tensor) -> Tensor:
    """Return labels [N, M, 8] of images that are seen through views [N, 3, 3] (see `augment.views`).

    A box becomes the upright box around its moved corners, clipped to the image. An object whose centre leaves the
    image is none any more; a box that is ignored stays while any of it is seen.
    """
    moved = _move(labels[..., :4], views.to("cpu").float().inverse().to(labels.device))
    centres = (moved[..., :2] + moved[..., 2:]) / 2
    clipped = moved.clamp(0, 1)
    is_seen = (clipped[..., 2:] > clipped[..., :2]).all(-1)
    is_central = ((centres >= 0) & (centres <= 1)).all(-1)
    kept = (labels[..., 4] > 0) & is_seen & (is_central | (labels[..., 5] > 0))
    classes = torch.where(kept, labels[..., 4], -1.0)
    boxes = torch.where(kept[..., None], clipped, 0.0)
    return torch.cat([boxes, classes[..., None], labels[..., 5:]], -1)


def _move(boxes: Tensor, steps: Tensor) -> Tensor:
    """Return the upright boxes [N, M, 4] around the corners of boxes, each taken by its image's matrix [N, 3, 3]."""
    left, top, right, bottom = (2 * boxes - 1).unbind(-1)
    across, down = torch.stack([left, right, right, left], -1), torch.stack([top, top, bottom, bottom], -1)
    corners = torch.stack([across, down, torch.ones_like(across)], -1)
    placed = torch.einsum("nij,nmcj->nmci", steps, corners)[..., :2]
    return (torch.cat([placed.amin(2), placed.amax(2)], -1) + 1) / 2
