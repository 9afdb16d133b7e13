"""What a search space leaves open of a dense head, each list of options from the cheapest to the most expensive."""

import math
from typing import Annotated, Literal

from msgspec import Meta, Struct, structs

from nas.design.blocks.family import Width
from nas.design.dense.union import Dense, LrAspp, RAspp, SsdLite
from nas.design.space_options import Choose

_Multiplier = Annotated[float, Meta(ge=0.05, le=10)]
_Some = Meta(min_length=1, max_length=16)
# Decisions that change ops before the head, in stages of stride 32.
DEEP_DECISIONS = ("dense.reduced", "dense.output_stride")


class DenseChoice(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """Options of any head; `reduced`: whether the tail of the backbone has half of its channels (see `reduce_tail`)."""

    reduced: Annotated[tuple[bool, ...], Meta(min_length=1, max_length=2)] = (True, False)

    def __post_init__(self) -> None:
        """Put the reduced tail, the cheaper one, first."""
        structs.force_setattr(self, "reduced", tuple(sorted(set(self.reduced), reverse=True)))

    @property
    def head(self) -> Dense:
        """The published head of the kind."""
        raise NotImplementedError

    def draw(self, ask: Choose) -> Dense:
        """The head of some decisions; asked is what only the head is about."""
        raise NotImplementedError

    def size(self) -> int:
        """How many different sets of choices there are."""
        several = (getattr(self, field.name) for field in structs.fields(self))
        return math.prod(len(options) for options in several)


class SsdLiteChoice(DenseChoice, frozen=True, tag="ssdlite"):
    """`width` multiplies the channels of all extra maps."""

    width: Annotated[tuple[_Multiplier, ...], _Some] = (0.5, 0.75, 1.0)

    @property
    def head(self) -> SsdLite:
        """As published."""
        return SsdLite()

    def draw(self, ask: Choose) -> SsdLite:
        """Asks `dense.width`."""
        return self.head.scaled(ask("dense.width", self.width))


class AsppChoice(DenseChoice, frozen=True):
    """Channels of a branch, and the stride of the last map."""

    inner: Annotated[tuple[Width, ...], _Some] = (128, 256)
    output_stride: Annotated[tuple[Literal[16, 32], ...], Meta(min_length=1, max_length=2)] = (32, 16)

    def __post_init__(self) -> None:
        """Put stride 32, the cheaper one, first."""
        super().__post_init__()
        structs.force_setattr(self, "output_stride", tuple(sorted(set(self.output_stride), reverse=True)))

    @property
    def head(self) -> LrAspp | RAspp:
        """As published."""
        raise NotImplementedError

    def draw(self, ask: Choose) -> LrAspp | RAspp:
        """Asks `dense.inner` and `dense.output_stride`."""
        inner, stride = ask("dense.inner", self.inner), ask("dense.output_stride", self.output_stride)
        return structs.replace(self.head, inner=inner, output_stride=stride)


class LrAsppChoice(AsppChoice, frozen=True, tag="lraspp"):
    """The published head has 128 channels."""

    inner: Annotated[tuple[Width, ...], _Some] = (64, 128, 256)

    @property
    def head(self) -> LrAspp:
        """As published."""
        return LrAspp()


class RAsppChoice(AsppChoice, frozen=True, tag="raspp"):
    """The published head has 256 channels."""

    @property
    def head(self) -> RAspp:
        """As published."""
        return RAspp()


DenseChoices = SsdLiteChoice | LrAsppChoice | RAsppChoice
USUAL_CHOICES: dict[str, DenseChoices] = {
    "ssdlite": SsdLiteChoice(),
    "lraspp": LrAsppChoice(),
    "raspp": RAsppChoice(),
}
