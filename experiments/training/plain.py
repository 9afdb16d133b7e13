"""The plain loop, as a tutorial would write it: to be measured against."""

import random
from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from nas.nets.data.dataset import Split
from nas.nets.modules import ConvNorm, Squeeze
from nas.nets.network import Network

_MEAN, _DEVIATION = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


class Pictures(Dataset[tuple[Tensor, int]]):
    """Decoded images, each moved, scaled and mirrored by itself."""

    def __init__(self, split: Split, side: int) -> None:
        self.images = [Image.fromarray(each.permute(1, 2, 0).numpy()) for each in split.images]
        self.labels, self.side = split.labels.tolist(), side

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        image, side = self.images[number], self.side
        zoom, right, down = random.uniform(0.9, 1.1), *(random.uniform(-0.1, 0.1) * side for _ in range(2))
        offset = side * (1 - zoom) / 2
        image = image.transform(
            (side, side),
            Image.Transform.AFFINE,
            (zoom, 0, offset + right, 0, zoom, offset + down),
            Image.Resampling.BILINEAR,
        )
        if random.random() < 0.5:
            image = ImageOps.mirror(image)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
        return (pixels - _MEAN) / _DEVIATION, self.labels[number]


class _Squeeze(Squeeze):
    def forward(self, x: Tensor) -> Tensor:
        """As published: convolutions."""
        return x * F.hardsigmoid(self.expand(F.relu(self.reduce(F.adaptive_avg_pool2d(x, 1)))))


def plain(network: Network) -> Network:
    """The same network on torch's own kernels alone."""
    for module in network.modules():
        if isinstance(module, ConvNorm):
            module.depthwise = False
        if isinstance(module, Squeeze):
            module.__class__ = _Squeeze
    return network


class Loop:
    """Default layout, default threads, a DataLoader, SGD."""

    def __init__(self, network: Network, split: Split, side: int, batch: int, workers: int) -> None:
        self.network = plain(network).train()
        self.loader = DataLoader(
            Pictures(split, side),
            batch,
            shuffle=True,
            drop_last=True,
            num_workers=workers,
            persistent_workers=workers > 0,
        )
        self.optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)

    def steps(self) -> Iterator[int]:
        """Trains on and on; how many images each step saw."""
        criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
        while True:
            for images, labels in self.loader:
                self.optimiser.zero_grad()
                loss = criterion(self.network(images), labels)
                loss.backward()
                self.optimiser.step()
                yield len(labels)
