"""Made images of coloured shapes on noise, with their boxes as COCO JSON or with their masks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from PIL import Image, ImageDraw

NAMES = ("disc", "square", "bar")
_COLOURS = ((230, 60, 40), (50, 90, 220), (40, 190, 90))
SPLITS = {"train": 160, "val": 40, "test": 40}


class Shape(Struct, frozen=True):
    """A shape by its number and its corners (left, top, right, bottom) in pixels."""

    kind: int
    corners: tuple[int, int, int, int]


def save_boxes(root: Path, side: int = 64, seed: int = 0) -> Path:
    """Images by split, and a COCO file a split."""
    for split, count in SPLITS.items():
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for number in range(count):
            pixels, shapes, _ = make_image(side, np.random.default_rng([seed, len(split), number]))
            _save(root / split / f"{number:03}.png", pixels)
            images.append({"id": number, "file_name": f"{number:03}.png", "width": side, "height": side})
            for shape in shapes:
                left, top, right, bottom = shape.corners
                box = [left, top, right - left, bottom - top]
                annotations.append({"id": len(annotations), "image_id": number, "category_id": shape.kind, "bbox": box})
        categories: list[dict[str, Any]] = [{"id": number, "name": name} for number, name in enumerate(NAMES)]
        document = {"images": images, "annotations": annotations, "categories": categories}
        (root / split / "_annotations.coco.json").write_text(json.dumps(document))
    return root


def save_masks(root: Path, side: int = 64, seed: int = 0) -> Path:
    """Images by split, and beside them the class of each pixel: 0 is the background."""
    for split, count in SPLITS.items():
        for number in range(count):
            pixels, _, mask = make_image(side, np.random.default_rng([seed, len(split), number]))
            _save(root / split / f"{number:03}.png", pixels)
            _save(root / f"{split}annot" / f"{number:03}.png", mask)
    (root / "classes.txt").write_text("\n".join(("background", *NAMES)))
    return root


def make_image(side: int, rng: np.random.Generator) -> tuple[NDArray[np.uint8], list[Shape], NDArray[np.uint8]]:
    """Pixels [side, side, 3], one or two shapes that do not touch, and the class of every pixel [side, side]."""
    noise = rng.integers(60, 196, (side // 8, side // 8, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((side, side), Image.Resampling.BILINEAR)
    mask = Image.new("L", (side, side))
    shapes = [_draw_shape(side, rng, half) for half in rng.permutation(2)[: rng.integers(1, 3)].tolist()]
    for shape in shapes:
        for drawn, colour in ((image, _COLOURS[shape.kind]), (mask, shape.kind + 1)):
            _paint(drawn, shape, colour)
    return np.asarray(image), shapes, np.asarray(mask)


def _draw_shape(side: int, rng: np.random.Generator, half: int) -> Shape:
    """In the left half of an image or in the right one."""
    kind = int(rng.integers(len(NAMES)))
    width = int(rng.integers(side // 4, side // 2 - 2))
    height = max(4, width // 3) if NAMES[kind] == "bar" else width
    left = half * side // 2 + int(rng.integers(0, side // 2 - width))
    top = int(rng.integers(0, side - height))
    return Shape(kind, (left, top, left + width, top + height))


def _paint(image: Image.Image, shape: Shape, colour: Any) -> None:
    left, top, right, bottom = shape.corners
    pen = ImageDraw.Draw(image)
    (pen.ellipse if NAMES[shape.kind] == "disc" else pen.rectangle)((left, top, right - 1, bottom - 1), fill=colour)


def _save(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
