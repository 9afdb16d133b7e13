"""Small networks, small data, and torchvision as an oracle."""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from nas.design.architecture import Architecture, Head, InvertedResidual, Stage, Stem
from nas.nets.data.dataset import Data, Split

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def torchvision_models() -> ModuleType:
    """Its package needs operators of its compiled part, which loads only beside a torch with CUDA.

    Beside a CPU build they are declared instead: the models do not use them. Never both, that aborts the process.
    """
    spec = importlib.util.find_spec("torchvision")
    assert spec is not None
    assert spec.origin is not None
    load: Callable[[Path], None] = torch.ops.load_library
    try:
        for library in Path(spec.origin).parent.glob("_C*.so"):
            load(library)
    except OSError:
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float threshold) -> Tensor")
    import torchvision.models

    models: ModuleType = torchvision.models
    return models


@pytest.fixture(scope="session")
def small() -> Architecture:
    """Every kind of op, both residual and not, with and without squeeze-excite and expansion; 32 px, 4 classes."""
    return Architecture(
        resolution=32,
        stem=Stem(8, "hswish"),
        stages=(
            Stage(8, 1, (InvertedResidual(3, None, False, "relu", True),)),
            Stage(
                16, 2, (InvertedResidual(3, 24, True, "relu", False), InvertedResidual(5, 32, False, "hswish", True))
            ),
            Stage(24, 2, (InvertedResidual(5, 48, True, "hswish", False),)),
        ),
        head=Head(48, 64, "hswish"),
        classes=4,
    )


@pytest.fixture(scope="session")
def tiny(small: Architecture) -> Architecture:
    """The same for images of 16 px: its training steps take a third of the time."""
    return replace(small, resolution=16)


def bars(count: int, seed: int) -> Split:
    """8x8 grey images of four kinds, a bright stripe at one of four orientations, in noise."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 4
    images = rng.integers(0, 90, (count, 1, 8, 8))
    rows, columns = np.mgrid[0:8, 0:8]
    masks = [np.isin(plane, (3, 4)) for plane in (rows, columns, (rows + columns) // 2, (rows - columns + 7) // 2)]
    for image, label in zip(images, labels, strict=True):
        image[0][masks[label]] += 120
    return Split(torch.from_numpy(images.astype(np.uint8)), torch.from_numpy(labels.astype(np.int64)))


@pytest.fixture(scope="session")
def data() -> Data:
    return Data("bars", ("row", "column", "rising", "falling"), bars(256, 0), bars(80, 1), bars(80, 2), "0" * 12)
