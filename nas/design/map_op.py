"""Ops on maps that detectors and segmenters need: resizing, gates, and lists of what maps say of anchors."""

from msgspec import Struct

from nas.design.size import Size, area


class Upsample(Struct, frozen=True, tag=True):
    """A map brought to another size by bilinear interpolation between the centres of pixels.

    It is torch's with `align_corners=False`, and TFLite's with `half_pixel_centers`.
    """

    width: int
    size: Size
    out_size: Size


class Sigmoid(Struct, frozen=True, tag=True):
    """The sigmoid of every value: what opens and closes a gate."""

    width: int
    size: Size


class Multiply(Struct, frozen=True, tag=True):
    """A map times its gate, which is a map of the same size or of one pixel."""

    width: int
    size: Size
    gate_size: Size


class AnchorList(Struct, frozen=True, tag=True):
    """Maps of these widths and sizes as one list [anchors, columns]: what is said of every anchor.

    A map holds `columns` channels an anchor. Anchors go by map, row, column, and by their place in the pixel.
    """

    columns: int
    widths: tuple[int, ...]
    sizes: tuple[Size, ...]

    @property
    def size(self) -> Size:
        """That of the first map."""
        return self.sizes[0]

    @property
    def lengths(self) -> tuple[int, ...]:
        """How many anchors each map has.

        >>> AnchorList(4, (24, 24), (2, 1)).lengths
        (24, 6)
        """
        pixels = zip(self.widths, self.sizes, strict=True)
        return tuple(width // self.columns * area(size) for width, size in pixels)
