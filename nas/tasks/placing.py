"""Where annotations lie on the upright image, if they were made on the image as stored, or on one of another size."""

from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nas.tasks.pictures import UprightSize

Coordinates = NDArray[np.float64]
Placing = Literal["fits", "turned", "scaled", "unsure"]
_UNIFORM = 0.01  # by which the factors of width and height may differ, as sizes are rounded to whole pixels
_ROUNDING_PX = 1.0


class Placement(Struct, frozen=True):
    """How points of an annotation become points of the upright image: turned by EXIF, or scaled, or neither.

    "unsure": the image is mirrored or upside down by EXIF, and the written size does not say whether the annotation is.
    """

    kind: Placing
    picture: UprightSize
    factors: tuple[float, float] = (1.0, 1.0)

    def place(self, points: Coordinates) -> Coordinates:
        """Return points [N, 2] on the upright image."""
        if self.kind == "turned":
            return turn_points(points, self.picture.stored, self.picture.orientation)
        return np.asarray(points * np.array(self.factors))


def find_placement(picture: UprightSize, written: tuple[float, float] | None) -> Placement | None:
    """Return how an annotation for an image of the written size lies on a picture; None if the sizes do not agree."""
    if written is None or written == picture.seen:
        kind: Placing = "fits" if picture.orientation == 1 or _tells(picture, written) else "unsure"
        return Placement(kind, picture)
    if written == picture.stored:
        return Placement("turned", picture)
    factors = (picture.width / written[0], picture.height / written[1])
    rounded = max(_ROUNDING_PX / side for side in (*written, *picture.seen))
    if abs(factors[0] / factors[1] - 1) > max(_UNIFORM, rounded):
        return None
    return Placement("scaled", picture, factors)


def _tells(picture: UprightSize, written: tuple[float, float] | None) -> bool:
    """Tell whether a written size could only be that of the upright image."""
    return written is not None and picture.stored != picture.seen


def turn_points(points: Coordinates, stored: tuple[int, int], orientation: int) -> Coordinates:
    """Return points [N, 2] of a stored image of this size where they are on the upright one (EXIF 2.3, tag 0x0112)."""
    x, y = points[:, 0], points[:, 1]
    width, height = stored
    turned = {
        1: (x, y),
        2: (width - x, y),
        3: (width - x, height - y),
        4: (x, height - y),
        5: (y, x),
        6: (height - y, x),
        7: (height - y, width - x),
        8: (y, width - x),
    }[orientation]
    return np.stack(turned, axis=1)


def turn_mask(mask: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Return a mask turned as EXIF turns an image of this orientation (5 to 8: on its side)."""
    flipped = {5: mask, 6: mask[::-1], 7: mask[::-1, ::-1], 8: mask[:, ::-1]}[orientation]
    return np.ascontiguousarray(flipped.T)
