"""Folders of small pictures, made in a test."""

from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int, size: tuple[int, int] = (24, 24), shade: int = 0) -> Image.Image:
    """A picture of noise, unlike that of any other seed."""
    rng = np.random.default_rng(seed)
    return Image.fromarray((rng.integers(0, 100, (size[1], size[0], 3)) + shade).astype(np.uint8))


def fill(folder: Path, count: int, ending: str = ".png", first: int = 0, shade: int = 0) -> Path:
    """A folder of pictures, numbered from `first`, which are also the seeds."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(first, first + count):
        picture(seed, shade=shade).save(folder / f"{seed}{ending}")
    return folder


def classes(
    root: Path, count: int, first: int = 0, names: tuple[str, ...] = ("cat", "dog"), ending: str = ".png"
) -> Path:
    """A folder of class folders; every further class is 50 levels brighter."""
    for number, name in enumerate(names):
        fill(root / name, count, ending, first + 10_000 * number, 50 * number)
    return root
