"""Files that give classes of masks a colour: class_dict.csv, CVAT's labelmap.txt, CamVid's label_colors.txt."""

import os
import re

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nas.errors import InvalidData
from nas.tasks.documents import read_lines
from nas.tasks.segmentation.sample import VOID
from nas.tasks.source import Source

_FILES = ("class_dict.csv", "class_dict_seg.csv", "label_colors.txt", "labelmap.txt", "colors.txt", "color_map.txt")
_VOID_NAMES = frozenset({"void", "unlabelled", "unlabeled", "ignore", "ignored", "unknown"})
Colour = tuple[int, int, int]


class Palette(Struct, frozen=True):
    """Names and colours of classes, in the order of their file."""

    file: str
    entries: tuple[tuple[str, Colour], ...]

    @property
    def rows(self) -> tuple[str, ...]:
        """All names in the order of the file, once each."""
        return tuple(dict.fromkeys(name for name, _ in self.entries))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the classes; void is none."""
        return tuple(name for name in self.rows if not is_void_name(name))

    def codes(self) -> dict[int, int]:
        """Return the number of every colour's class, 255 for void."""
        numbers = {name: number for number, name in enumerate(self.names)}
        return {_code(colour): numbers.get(name, VOID) for name, colour in self.entries}


def is_void_name(name: str) -> bool:
    """Tell whether a class of this name stands for pixels that count for nothing."""
    return name.casefold() in _VOID_NAMES


def find_palette(source: Source) -> Palette | None:
    """Return the palette of a folder; raises InvalidData if its file has no line with a name and three numbers."""
    files = [path for path in source.documents.paths if os.path.basename(path).casefold() in _FILES]
    if not files:
        return None
    entries = tuple(filter(None, map(_entry, read_lines(files[0]))))
    if all(is_void_name(name) for name, _ in entries):
        raise InvalidData(f"{files[0]}: no line there is a class and its colour, like 'road,128,64,128'.")
    return Palette(source.relative(files[0]), entries)


def _entry(line: str) -> tuple[str, Colour] | None:
    """Return the name and the colour of a line in any of the three formats; None if it has none."""
    found = re.search(r"(?<!\d)(\d{1,3})[\s,;]+(\d{1,3})[\s,;]+(\d{1,3})(?!\d)", line)
    if found is None:
        return None
    red, green, blue = (int(found[place]) for place in (1, 2, 3))
    name = re.split(r"[:,;\t]", line[: found.start()].strip(" \t,;:") or line[found.end() :].strip(" \t,;:"))[0].strip()
    return (name, (red, green, blue)) if name and max(red, green, blue) <= 255 else None


def colour_codes(image: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return the colours of an image [H, W, 3] as one number each [H, W]."""
    planes = image.astype(np.int32)
    return planes[..., 0] << 16 | planes[..., 1] << 8 | planes[..., 2]


def _code(colour: Colour) -> int:
    return colour[0] << 16 | colour[1] << 8 | colour[2]


def name_colour(code: int) -> str:
    """Return a colour as a person writes it.

    >>> name_colour(0x804000)
    '(128, 64, 0)'
    """
    return f"({code >> 16}, {code >> 8 & 255}, {code & 255})"
