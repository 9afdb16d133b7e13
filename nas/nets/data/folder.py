"""Images from a folder: class folders, splits, or tables of labels."""

from collections.abc import Iterable
from pathlib import Path
from statistics import median

import numpy as np
from msgspec import Struct

from nas.design.size import Size, area, height_width, scale_size, shorter_side
from nas.errors import InvalidData
from nas.nets.data.dataset import USUAL_SIZE
from nas.nets.data.reading.depth import Depth, choose_depth
from nas.nets.data.reading.layout import Layout, read_layout
from nas.nets.data.reading.left_out import LeftOuts
from nas.nets.data.reading.names import SplitName
from nas.nets.data.reading.notes import broken_note, left_out_notes, picture_notes, size_notes
from nas.nets.data.reading.picture import BROKEN, TOO_LARGE, ImageHeader, read_extremes, read_head, read_pixels
from nas.nets.data.reading.source import Labelled, SplitArrays, labelled
from nas.nets.data.reading.tree import read_tree

_MOST_BYTES = 4_000_000_000
_MOST_BROKEN = 0.01


class _File(Struct, frozen=True):
    path: str
    label: int
    head: ImageHeader


class _Style(Struct, frozen=True):
    """How all pictures of a data set are stored: size in pixels, mode L or RGB, rule for those of more than 8 bits."""

    size: Size
    mode: str
    depth: Depth | None


def read_folder(root: Path, largest: Size | None = None) -> Labelled:
    """Return the centres of all images below `root` at one size.

    It has the aspect of `largest` (a square of 256 pixels if None) and at most its size; its shorter side is the median
    of the images' shorter sides. What cannot be used is counted by reason; more than 1 % of images that cannot be read
    raise InvalidData.
    """
    left_out = LeftOuts(root)
    layout = read_layout(read_tree(root, left_out), left_out)
    classes = _classes(root, layout)
    files = {split: _files(root, layout, split, classes, left_out) for split in layout.splits}
    everything = [file for part in files.values() for file in part]
    _check_counts(root, layout, classes, files["train"], left_out)
    total = len(everything) + left_out.count(BROKEN) + left_out.count(TOO_LARGE)
    _check_broken(root, left_out, total)
    style = _style(everything, largest)
    parts = {split: _read(part, style, left_out) for split, part in files.items()}
    _check_broken(root, left_out, total)
    notes = (
        *layout.notes,
        *left_out_notes(left_out, total),
        *picture_notes([file.head for file in everything], style.depth, list(parts.values())),
        *size_notes(
            shorter_side(style.size),
            [file.head.shorter for file in everything],
            None if largest is None else shorter_side(largest),
            USUAL_SIZE,
        ),
    )
    return labelled(classes, parts, notes, left_out.all(), layout.name)


def _classes(root: Path, layout: Layout) -> tuple[str, ...]:
    """Return the classes of the training images; raises InvalidData if another split has one more."""
    classes = layout.splits["train"].classes
    if not classes:
        raise InvalidData(f"{root}: no training image has a label in the {layout.name}.")
    if len(classes) < 2:
        raise InvalidData(f"{root}: holds one class, {''.join(classes)!r}, but there is nothing to learn below two.")
    for labels in layout.splits.values():
        for path, name in labels.files:
            if name not in classes:
                near = "".join(f" There is {known!r}." for known in classes if known.casefold() == name.casefold())
                raise InvalidData(f"{Path(path).parent}: there is no class {name!r} among the training images.{near}")
    return classes


def _files(root: Path, layout: Layout, split: SplitName, classes: tuple[str, ...], left_out: LeftOuts) -> list[_File]:
    """Return the pictures of a split in a fixed order, with the numbers of their classes and their headers."""
    numbers = {name: number for number, name in enumerate(classes)}
    found = []
    for path, name in layout.splits[split].files:
        head = read_head(path)
        if isinstance(head, str):
            left_out.add(head, path)
        else:
            found.append(_File(path, numbers[name], head))
    return found


def _check_counts(root: Path, layout: Layout, classes: tuple[str, ...], files: list[_File], left_out: LeftOuts) -> None:
    counts = np.bincount([file.label for file in files], minlength=len(classes))
    if counts.min() > 0:
        return
    why = "".join(f" Left out: {row}." for row in left_out.all()[:3])
    if counts.max() == 0:
        raise InvalidData(f"{root}: holds no images; a file's content decides whether it is one.{why}")
    name = classes[int(counts.argmin())]
    where = next((Path(path).parent for path, of in layout.splits["train"].files if of == name), f"class {name!r}")
    raise InvalidData(f"{where}: holds no images. Add some or remove the folder.{why}")


def _check_broken(root: Path, left_out: LeftOuts, total: int) -> None:
    for row in left_out.all():
        if row.reason in (BROKEN, TOO_LARGE) and row.count > _MOST_BROKEN * total:
            note = broken_note(row, total)
            raise InvalidData(f"{root}: {note}. That is more than 1 %: repair, scale down or remove them.")


def _common_size(shorter: Iterable[int], largest: Size | None = None, channels: int = 3) -> Size:
    """Return the size at which images are stored: their median, within what is used and fits the memory."""
    sides, most = list(shorter), largest or USUAL_SIZE
    aspect = area(most) / shorter_side(most) ** 2
    fitting = int((_MOST_BYTES / (channels * len(sides) * aspect)) ** 0.5)
    return scale_size(most, max(8, min(shorter_side(most), fitting, int(median(sides)))))


def _style(files: list[_File], largest: Size | None) -> _Style:
    grey = all(file.head.grey for file in files)
    size = _common_size([file.head.shorter for file in files], largest, 1 if grey else 3)
    return _Style(size, "L" if grey else "RGB", _depth(files))


def _depth(files: list[_File]) -> Depth | None:
    """Return the rule for pictures of more than 8 bits; None if there are none."""
    found = [values for file in files if file.head.deep and (values := read_extremes(file.path, file.head.format))]
    if not found:
        return None
    whole = found[0]
    for values in found[1:]:
        whole = whole.joined(values)
    return choose_depth(whole, mixed=any(not file.head.deep for file in files))


def _read(files: list[_File], style: _Style, left_out: LeftOuts) -> SplitArrays:
    """Return images [N, C, H, W] with labels, names and shorter sides; what cannot be decoded is left out."""
    channels, (height, width) = 1 if style.mode == "L" else 3, height_width(style.size)
    images = np.empty((len(files), channels, height, width), dtype=np.uint8)
    kept: list[_File] = []
    layers: list[bytes] = []
    for file in files:
        pixels = read_pixels(file.path, file.head.format, style.size, style.mode, style.depth)
        if pixels is None:
            left_out.add(BROKEN, file.path)
            continue
        images[len(kept)] = pixels.values.reshape(height, width, channels).transpose(2, 0, 1)
        layers.append(pixels.layer)
        kept.append(file)
    return SplitArrays(
        images[: len(kept)],
        np.array([file.label for file in kept], dtype=np.int64),
        tuple(left_out.name_of(file.path) for file in kept),
        np.array([file.head.shorter for file in kept], dtype=np.int64),
        tuple(layers),
    )
