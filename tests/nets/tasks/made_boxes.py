"""Labels, anchors and outputs of detectors, made up."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.design.dense.anchors import AnchorMap

QUADRANTS = (AnchorMap(2, 2, ((0.5, 0.5),)),)
"""Four anchors that tile the image: top left, top right, bottom left, bottom right."""
MAPS = (
    AnchorMap(8, 10, ((0.1, 0.1), (0.2, 0.1), (0.1, 0.2))),
    AnchorMap(4, 5, ((0.3, 0.3), (0.5, 0.25), (0.25, 0.5))),
    AnchorMap(2, 2, ((0.6, 0.6), (0.9, 0.5))),
)
Row = tuple[float, float, float, float, int] | tuple[float, float, float, float, int, int]
"""Left, top, right, bottom, class, and 1 for an ignored box."""


def labels_of(*images: Sequence[Row], size: tuple[int, int] = (100, 50)) -> Tensor:
    """Labels [N, M, 8] of images of one size (width, height)."""
    found = torch.zeros(len(images), max(1, *(len(rows) for rows in images)), 8)
    found[..., 4], found[..., 6], found[..., 7] = -1, *size
    for image, rows in enumerate(images):
        for number, row in enumerate(rows):
            found[image, number, : len(row)] = torch.tensor(row)
    return found


def random_boxes(rng: np.random.Generator, count: int, least: float = 0.02, most: float = 0.6) -> NDArray[np.float32]:
    """Boxes [count, 4] within the image, as shares of it, as often small as large."""
    sides = np.exp(rng.uniform(np.log(least), np.log(most), (count, 2)))
    starts = rng.uniform(0, 1 - sides)
    return np.concatenate([starts, starts + sides], 1).astype(np.float32)


def random_labels(rng: np.random.Generator, counts: Sequence[int], classes: int, ignored: float = 0.0) -> Tensor:
    """Labels of images with so many objects each, of images of random sizes; a share of them is ignored."""
    rows = max(1, *counts)
    found = np.zeros((len(counts), rows, 8), np.float32)
    found[..., 4] = -1
    found[..., 6:] = rng.integers(40, 500, (len(counts), 1, 2))
    for image, count in enumerate(counts):
        places = rng.permutation(rows)[:count]  # objects need not come first
        found[image, places, :4] = random_boxes(rng, count)
        found[image, places, 4] = rng.integers(1, classes, count)
        found[image, places, 5] = rng.random(count) < ignored
    return torch.from_numpy(found)


def random_outputs(seed: int, images: int, anchors: int, classes: int) -> tuple[Tensor, Tensor]:
    """Scores and boxes as a network gives them, that want gradients."""
    draw = torch.Generator().manual_seed(seed)
    scores = 3 * torch.randn(images, anchors, classes, generator=draw)
    return scores.requires_grad_(), torch.randn(images, anchors, 4, generator=draw).requires_grad_()
