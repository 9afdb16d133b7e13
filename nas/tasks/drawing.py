"""Samples as a person checks them: images with their boxes or masks drawn."""

import io
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from nas.nets.data.reading.names import SplitName
from nas.tasks.detection.sample import BoxSample, DetectionData
from nas.tasks.pictures import read_upright
from nas.tasks.segmentation.sample import VOID, Mask, SegmentationData
from nas.tasks.source import TaskFolder

SHOWN = 12
_WIDTH_PX = 640
_MASK_SHARE = 0.55
_QUALITY = 85
_LETTERS_PX = 13
# Okabe and Ito's colours, which people of any colour vision tell apart, then lighter ones.
_COLOURS = (
    *((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167)),
    *((150, 150, 255), (160, 255, 160), (255, 160, 160), (160, 255, 255), (255, 160, 255)),
)
Sample = TypeVar("Sample")


class DrawnSample(Struct, frozen=True):
    """A JPEG of an image with its boxes or mask drawn, and what is on it."""

    caption: str
    jpeg: bytes


def choose_samples(splits: Mapping[SplitName, Sequence[Sample]], count: int = SHOWN) -> list[tuple[SplitName, Sample]]:
    """Return so many samples of all splits, evenly spaced, so that large splits give more."""
    everything = [(split, sample) for split, part in splits.items() for sample in part]
    shown = min(count, len(everything))
    return [everything[place * len(everything) // shown] for place in range(shown)]


def draw_box_samples(source: TaskFolder, data: DetectionData) -> list[DrawnSample]:
    """Return twelve images with their boxes; images without boxes only if there are no others."""
    with_boxes = {split: [one for one in part if len(one.labels)] for split, part in data.splits.items()}
    splits = with_boxes if any(with_boxes.values()) else data.splits
    found = []
    for split, sample in choose_samples(splits):
        if (image := _read(sample.path)) is not None:
            text = f"{source.relative(sample.path)} ({split}): {len(sample.labels)} boxes"
            found.append(DrawnSample(text, encode(_draw_sample(image, sample, data.classes))))
    return found


def draw_mask_samples(source: TaskFolder, data: SegmentationData) -> list[DrawnSample]:
    """Return twelve images with their masks laid over them; void is white."""
    found = []
    for split, sample in choose_samples(data.splits):
        image, mask = _read(sample.path), sample.decode()
        if image is not None and not isinstance(mask, str):
            shown = [data.classes[k] for k in np.unique(mask) if k != VOID]
            text = f"{source.relative(sample.path)} ({split}): {', '.join(shown) or 'void only'}"
            found.append(DrawnSample(text, encode(lay_mask(image, mask))))
    return found


def colour_of(label: int) -> tuple[int, int, int]:
    """Return the colour in which a class is drawn; after the last one they repeat."""
    return _COLOURS[label % len(_COLOURS)]


def _draw_sample(image: Image.Image, sample: BoxSample, classes: Sequence[str]) -> Image.Image:
    return draw_boxes(image, sample.boxes, sample.labels, [classes[label] for label in sample.labels])


def draw_boxes(
    image: Image.Image, boxes: NDArray[np.float32], labels: NDArray[np.int64], names: Sequence[str]
) -> Image.Image:
    """Return an image, made smaller if it is large, with boxes [N, 4] in pixels in the colours of their classes [N].

    Each has one of the names written on it.
    """
    drawn = _shrink(image)
    pen = ImageDraw.Draw(drawn)
    scale = drawn.width / image.width
    for box, label, name in zip(boxes * scale, labels.tolist(), names, strict=True):
        x1, y1, x2, y2 = box.tolist()
        pen.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=colour_of(label), width=2)
        corner, name = (x1 + 3, y1 + 2), _plain(name)
        pen.rectangle(pen.textbbox(corner, name, font_size=_LETTERS_PX), fill=(0, 0, 0))
        pen.text(corner, name, fill=colour_of(label), font_size=_LETTERS_PX)
    return drawn


def _plain(name: str) -> str:
    """Return a name in the characters that Pillow's own font has."""
    return name.encode("latin-1", errors="replace").decode("latin-1")


def lay_mask(image: Image.Image, mask: Mask) -> Image.Image:
    """Return an image, made smaller if it is large, under the colours of the classes of its pixels."""
    drawn = _shrink(image)
    small = np.asarray(Image.fromarray(mask).resize(drawn.size, Image.Resampling.NEAREST))
    table = np.array([colour_of(label) for label in range(VOID)] + [(255, 255, 255)], dtype=np.uint8)
    return Image.blend(drawn, Image.fromarray(table[small]), _MASK_SHARE)


def _shrink(image: Image.Image) -> Image.Image:
    size = (_WIDTH_PX, max(1, round(image.height * _WIDTH_PX / image.width)))
    return image.copy() if image.width <= _WIDTH_PX else image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2)


def _read(path: str) -> Image.Image | None:
    try:
        return read_upright(path)
    except (OSError, ValueError):
        return None


def encode(image: Image.Image) -> bytes:
    """Return an image as JPEG."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()
