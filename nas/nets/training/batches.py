"""Images as network inputs, resized and normalised; where networks compute; seeds."""

import math
from collections.abc import Iterator
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas.design.architecture import IMAGENET_MEAN, IMAGENET_STD, Architecture
from nas.design.size import Size, area, central_part, height_width
from nas.nets.network import rescale, rescaling

N = TypeVar("N", bound=nn.Module)
_ROUNDED = 0.05  # of the aspect: 32 x 56 of 3:5


def device() -> torch.device:
    """Where networks compute: on the GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def reduced(where: torch.device) -> torch.autocast:
    """A context in which a GPU computes in bfloat16. A CPU does not: there it took twice the time of float32.

    Casts are not kept, for a recorded pass could not use them; every weight is used once.
    """
    return torch.autocast(where.type, torch.bfloat16, enabled=where.type == "cuda", cache_enabled=False)


def placed(network: N) -> N:
    """The network where it computes fastest: on its device, channels last (2x faster on a CPU)."""
    network.to(device())
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network


def mixed(*parts: int) -> int:
    """A seed made of several numbers; neighbours give unrelated streams."""
    return int(np.random.SeedSequence([part & 0xFFFFFFFF for part in parts]).generate_state(1)[0])


def inputs(images: Tensor, resolution: Size) -> Tensor:
    """Network inputs float [N, 3, H, W] of images uint8 [N, C, S, T]: bilinear, antialiased when shrunk.

    With ImageNet's mean and deviation for every network: one that has others converts them (see `Network`).
    """
    return normalise(resized(images.float(), resolution))


def renormalised(images: Tensor, arch: Architecture) -> Tensor:
    """Images [N, 3, H, W] as `inputs` makes them, with the mean and deviation of an architecture instead.

    So its model files take them.
    """
    change = rescaling(arch.mean, arch.std)
    return rescale(images, *change) if change else images


def random_images(resolution: Size, count: int = 2) -> Tensor:
    """Seeded images of normal noise [N, 3, H, W], to compare outputs where there is no data."""
    return torch.randn(count, 3, *height_width(resolution), generator=torch.Generator().manual_seed(0))


def chunks(count: int, resolution: Size, most: int | None = None) -> Iterator[slice]:
    """Slices of a data set, as nearly equal as can be, that bound the memory of a forward pass.

    A CPU is as fast with 64 images at once as with 128, which take 200 MB more.
    """
    most = most or (128 if device().type == "cuda" else 64)
    parts = math.ceil(count / max(1, min(most, 2_000_000 // area(resolution))))
    return (slice(count * part // parts, count * (part + 1) // parts) for part in range(parts))


def resized(pixels: Tensor, resolution: Size) -> Tensor:
    """Images [N, C, H, W] at another size, bilinear, antialiased when shrunk; themselves where it is theirs."""
    size = height_width(resolution)
    if pixels.shape[2:] == size:
        return pixels
    part = cut_to_aspect(pixels, resolution)
    return F.interpolate(part, size, mode="bilinear", antialias=True, align_corners=False)


def cut_to_aspect(pixels: Tensor, resolution: Size) -> Tensor:
    """The centre of images [N, C, H, W] that has the aspect of a resolution; data sets are stored with it.

    Where the aspects differ by no more than the rounding of a size does, images stay whole: a cut would move what is in
    them against its boxes and masks.
    """
    height, width = pixels.shape[2:]
    wanted = height_width(resolution)
    if abs(height * wanted[1] / (width * wanted[0]) - 1) <= _ROUNDED:
        return pixels
    rows, columns = central_part((height, width), resolution)
    return pixels[:, :, rows, columns]


def normalise(pixels: Tensor) -> Tensor:
    """Return network inputs [N, 3, H, W] of pixels [N, C, H, W] from 0 to 255, with C of 1 or 3."""
    mean = pixels.new_tensor(IMAGENET_MEAN).view(1, 3, 1, 1) * 255
    deviation = pixels.new_tensor(IMAGENET_STD).view(1, 3, 1, 1) * 255
    return ((pixels - mean) / deviation).contiguous(memory_format=torch.channels_last)
