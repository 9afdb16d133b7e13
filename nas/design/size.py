"""`Size`: height and width of a map or an image in pixels.

A square is written as its side alone, everywhere, so that one size has one spelling: 224, not (224, 224). Whoever makes
a size of two sides calls `make_size`, whoever reads one calls `height_width`.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any

from msgspec import Meta

Size = int | tuple[int, int]
Pads = tuple[tuple[int, int], tuple[int, int]]
"""How many places are added (above, below) a map and to its (left, right)."""

_SPELLING = re.compile(r"\s*([0-9]{1,6})\s*(?:[xX×]\s*([0-9]{1,6})\s*)?")


def bounded_size(least: int, most: int) -> Any:
    """The annotation of a size whose sides have these bounds, for msgspec.

    Type checkers cannot read it; for them it is a `Size`. msgspec 0.22 crashes where a bounded number stands beside a
    tuple of fixed length, so the length is a bound here.
    """
    side = Annotated[int, Meta(ge=least, le=most)]
    return side | Annotated[tuple[side, ...], Meta(min_length=2, max_length=2)]


def make_size(height: int, width: int) -> Size:
    """The size of these sides.

    >>> make_size(192, 320), make_size(224, 224)
    ((192, 320), 224)
    """
    return height if height == width else (height, width)


def height_width(size: Size) -> tuple[int, int]:
    """Both sides of a size, that of a square twice.

    >>> height_width((192, 320)), height_width(224)
    ((192, 320), (224, 224))
    """
    return (size, size) if isinstance(size, int) else size


def area(size: Size) -> int:
    """How many pixels there are.

    >>> area((192, 320)), area(224)
    (61440, 50176)
    """
    height, width = height_width(size)
    return height * width


def shorter_side(size: Size) -> int:
    """The shorter side of a size.

    >>> shorter_side((192, 320)), shorter_side(224)
    (192, 224)
    """
    return min(height_width(size))


def map_sides(change: Callable[[int], int], size: Size) -> Size:
    """The size whose sides are those of `size`, changed.

    >>> map_sides(lambda side: side // 2, (192, 320))
    (96, 160)
    """
    if isinstance(size, int):
        return change(size)
    return make_size(change(size[0]), change(size[1]))


def smaller_sides(one: Size, other: Size) -> Size:
    """The size of the smaller height and the smaller width.

    >>> smaller_sides(49, (33, 65))
    (33, 49)
    """
    (height, width), (down, across) = height_width(one), height_width(other)
    return make_size(min(height, down), min(width, across))


def scale_size(size: Size, shorter: int, step: int = 1) -> Size:
    """The size with this shorter side; the other is the multiple of `step` that keeps the aspect best.

    >>> scale_size((192, 320), 96), scale_size((192, 320), 176, step=8), scale_size(224, 160, step=8)
    ((96, 160), (176, 296), 160)
    """
    height, width = height_width(size)
    longer = max(shorter, round(shorter * max(height, width) / min(height, width) / step) * step)
    return make_size(shorter, longer) if height <= width else make_size(longer, shorter)


def cover_size(size: Size, other: Size) -> Size:
    """The size of the aspect of `size`, and at least as large, that is as high and as wide as another.

    >>> cover_size((96, 160), 128), cover_size(160, 224), cover_size((96, 160), (48, 80))
    ((128, 213), 224, (96, 160))
    """
    pairs = zip(height_width(size), height_width(other), strict=True)
    factor = max(1.0, *(wanted / own for own, wanted in pairs))
    return map_sides(lambda side: round(side * factor), size)


def least_size(size: Size, other: Size) -> Size:
    """The size of two that fits into the other, the first if neither does.

    >>> least_size((256, 427), (96, 160)), least_size(64, 128), least_size((64, 128), (128, 64))
    ((96, 160), 64, (64, 128))
    """
    pairs = zip(height_width(size), height_width(other), strict=True)
    return other if all(theirs <= own for own, theirs in pairs) else size


def central_part(whole: tuple[int, int], size: Size) -> tuple[slice, slice]:
    """Rows and columns of the largest part in the middle of a map that has the aspect of a size.

    A border that is odd is one pixel narrower above and to the left.

    >>> central_part((480, 641), 224), central_part((480, 640), (180, 320))
    ((slice(0, 480, None), slice(80, 560, None)), (slice(60, 420, None), slice(0, 640, None)))
    """
    sides = height_width(size)
    scale = min(whole[0] / sides[0], whole[1] / sides[1])
    lengths = [max(1, round(scale * side)) for side in sides]
    starts = [(total - length) // 2 for total, length in zip(whole, lengths, strict=True)]
    return slice(starts[0], starts[0] + lengths[0]), slice(starts[1], starts[1] + lengths[1])


def by_area(size: Size) -> tuple[int, int]:
    """A key that orders sizes by their pixels, and those of equally many by their height.

    >>> sorted([224, (192, 320), (320, 192), 160], key=by_area)
    [160, 224, (192, 320), (320, 192)]
    """
    return area(size), height_width(size)[0]


def describe_size(size: Size) -> str:
    """A size as people write it, height first.

    >>> describe_size((192, 320)), describe_size(224)
    ('192x320', '224')
    """
    return str(size) if isinstance(size, int) else f"{size[0]}x{size[1]}"


def parse_size(text: str) -> Size | None:
    """The size of a text like `224` or `192x320`, height first; None if it is none. Spaces do not matter.

    >>> parse_size("192x320"), parse_size("224x224"), parse_size("192*320")
    ((192, 320), 224, None)
    """
    found = _SPELLING.fullmatch(text)
    return found and make_size(int(found[1]), int(found[2] or found[1]))
