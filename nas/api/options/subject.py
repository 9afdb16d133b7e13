"""What a run works on: a space to search, or a network to shrink."""

from pathlib import Path

from msgspec import Struct

from nas.algorithms.pipeline.from_pretrained import PretrainedStart
from nas.design.architecture import Architecture
from nas.design.space import SearchSpace


class SpaceSubject(Struct, frozen=True, tag="space"):
    """A space; a `resolution` of None is still to be chosen, `chosen` says that it was chosen and not asked for."""

    space: SearchSpace
    resolution: int | None = None
    chosen: bool = False


class NetworkSubject(Struct, frozen=True, tag="network"):
    """A network and its weights, if there are any; the resolution as of a space."""

    architecture: Architecture
    weights: Path | None = None
    resolution: int | None = None
    chosen: bool = False


class StartsSubject(Struct, frozen=True, tag="starts"):
    """Pretrained networks, of which the best is the start of a search; `resolutions` rise, none are still to be chosen.

    `chosen` says that they were not asked for.
    """

    starts: tuple[PretrainedStart, ...]
    resolutions: tuple[int, ...] = ()
    chosen: bool = False

    @property
    def resolution(self) -> int | None:
        """The largest."""
        return self.resolutions[-1] if self.resolutions else None


RunSubject = SpaceSubject | NetworkSubject | StartsSubject
