"""`Resize`: an edit that changes the resolution alone, and the resolutions that are tried."""

from msgspec import Struct

LEAST_RESOLUTION = 32  # pixels: a network that halves its maps five times sees one place there
_STEP = 8  # pixels between resolutions that are tried


class Resize(Struct, frozen=True, tag=True):
    """Ship the network at another resolution. No weight changes, only the statistics of the norms."""

    resolution: int

    @property
    def name(self) -> str:
        """What is changed, unique in its architecture."""
        return "resolution"


def resolutions_below(resolution: int) -> tuple[int, ...]:
    """Smaller resolutions in multiples of 8 pixels, the largest first, down to 32."""
    return tuple(range((resolution - 1) // _STEP * _STEP, LEAST_RESOLUTION - 1, -_STEP))
