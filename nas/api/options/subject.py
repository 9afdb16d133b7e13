"""What a run works on: a space to search, or a network to shrink."""

from pathlib import Path
from typing import assert_never

from msgspec import Struct

from nas.algorithms.pipeline.from_pretrained import PretrainedStart
from nas.design.architecture import Architecture
from nas.design.size import Size
from nas.design.space import SearchSpace


class SpaceSubject(Struct, frozen=True, tag="space"):
    """A space; a `resolution` of None is still to be chosen, `chosen` says that it was chosen and not asked for."""

    space: SearchSpace
    resolution: Size | None = None
    chosen: bool = False


class NetworkSubject(Struct, frozen=True, tag="network"):
    """A network and its weights, if there are any; the resolution as of a space."""

    architecture: Architecture
    weights: Path | None = None
    resolution: Size | None = None
    chosen: bool = False


class StartsSubject(Struct, frozen=True, tag="starts"):
    """Pretrained networks, of which the best is the start of a search; `resolutions` rise, none are still to be chosen.

    `chosen` says that they were not asked for.
    """

    starts: tuple[PretrainedStart, ...]
    resolutions: tuple[Size, ...] = ()
    chosen: bool = False

    @property
    def resolution(self) -> Size | None:
        """The largest."""
        return self.resolutions[-1] if self.resolutions else None


def asked_sizes(subject: "RunSubject") -> tuple[Size, ...]:
    """The resolutions that were asked for; none if they are still to be chosen."""
    if isinstance(subject, StartsSubject):
        return subject.resolutions
    if subject.resolution is None:
        return ()
    return subject.space.sides(subject.resolution) if isinstance(subject, SpaceSubject) else (subject.resolution,)


def own_size(subject: "RunSubject") -> Size:
    """The input of the network that a run begins with, whose aspect it keeps; any square if it begins with none."""
    match subject:
        case NetworkSubject():
            return subject.architecture.resolution
        case StartsSubject():
            return subject.starts[0].architecture.resolution
        case SpaceSubject():
            return 1
        case _:
            assert_never(subject)


RunSubject = SpaceSubject | NetworkSubject | StartsSubject
