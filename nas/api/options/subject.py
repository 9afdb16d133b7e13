"""What a run works on: a space to search, or a network to shrink."""

from pathlib import Path

from msgspec import Struct

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


RunSubject = SpaceSubject | NetworkSubject
