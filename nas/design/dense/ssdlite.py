"""`SsdLite`: Sandler et al. 2018 (arXiv 1801.04381), section 6.2, and Howard et al. 2019 (arXiv 1905.02244), 6.3."""

from collections.abc import Sequence
from statistics import geometric_mean
from typing import Annotated, Any, ClassVar, Self

from msgspec import Meta
from msgspec.structs import replace

from nas.design.blocks.family import Width
from nas.design.dense.head import DenseHead, TaskName, find_before
from nas.design.op import Activation, divisible
from nas.design.size import Size
from nas.design.walk import Node, Output, Walk, WalkPosition

_STRIDE = 32
_LEAST_EXTRA = 16  # channels of an extra map that is scaled
_CORNERS = 4  # numbers that say where a box is
_Ratio = Annotated[float, Meta(ge=1, le=10)]
_Scale = Annotated[float, Meta(gt=0, le=1)]


class SsdLite(DenseHead, frozen=True):
    """Predictions on C4 (stride 16, see `find_before`), on C5, the backbone's last map, and on `extras`, each half.

    Every pixel of a map has anchors (see `anchors`): two squares, and a flat and a tall box a ratio. Their
    scale, as a share of the image, grows evenly from the first map to the last. `reduced_first` gives the first map
    three anchors only, as TensorFlow's networks have it. `classes` of the architecture count the background, the
    first of them. Outputs are `scores` [anchors, classes], logits, and `boxes` [anchors, 4] (see `decode_boxes`).
    """

    extras: Annotated[tuple[Width, ...], Meta(max_length=8)] = (512, 256, 256, 128)
    ratios: Annotated[tuple[_Ratio, ...], Meta(max_length=6)] = (2.0, 3.0)
    least_scale: _Scale = 0.2
    greatest_scale: _Scale = 0.95
    activation: Activation = "relu6"
    reduced_first: bool = False

    task: ClassVar[TaskName] = "detection"

    def __post_init__(self) -> None:
        """Raise ValueError for scales that do not grow and for anchors that cannot be reduced."""
        if self.least_scale > self.greatest_scale:
            raise ValueError(f"least_scale = {self.least_scale:g}, more than greatest_scale = {self.greatest_scale:g}")
        if self.reduced_first and not self.ratios:
            raise ValueError("reduced_first needs a ratio: the first map's anchors are a square and the first ratio's")

    @property
    def stride(self) -> int:
        """Nothing is dilated."""
        return _STRIDE

    def refused(self, stride: int) -> str:
        """It needs maps of stride 16 and 32."""
        if stride >= _STRIDE:
            return ""
        return f"SSDLite needs maps of stride 16 and {_STRIDE}, and this backbone ends at stride {stride}"

    @property
    def anchors(self) -> tuple[int, ...]:
        """How many a pixel of each map has."""
        usual = 2 + 2 * len(self.ratios)
        return (3 if self.reduced_first else usual, *(usual,) * (1 + len(self.extras)))

    def taps(self, nodes: Sequence[Node]) -> tuple[int, ...]:
        """C4."""
        return (find_before(nodes, _STRIDE),)

    @property
    def widths(self) -> dict[str, int]:
        """Of every extra map; the layer that comes before it in the head has half of that."""
        return {f"extra{number}": width for number, width in enumerate(self.extras)}

    def with_width(self, part: str, width: int) -> Self:
        """Of one extra map."""
        number = int(part.removeprefix("extra"))
        return replace(self, extras=(*self.extras[:number], width, *self.extras[number + 1 :]))

    @property
    def choices(self) -> dict[str, Any]:
        """The mean multiplier of its extra maps."""
        usual = SsdLite().extras
        return {"width": geometric_mean([a / b for a, b in zip(self.extras, usual, strict=False)] or [1.0])}

    def scaled(self, multiplier: float) -> Self:
        """Of all extra maps, in multiples of 8."""
        return replace(self, extras=tuple(max(_LEAST_EXTRA, divisible(extra * multiplier)) for extra in self.extras))

    def lower(self, walk: Walk, size: Size, classes: int) -> tuple[Output, ...]:
        """Ops `extra{n}_{part}`, `scores{n}_{part}`, `boxes{n}_{part}`, `scores` and `boxes`."""
        maps = [walk.at(-2), walk.here]
        for number, width in enumerate(self.extras):
            self._shrink(walk, f"head_extra{number}", width)
            maps.append(walk.here)
        return tuple(self._predict(walk, maps, name, columns) for name, columns in _outputs(classes))

    def _shrink(self, walk: Walk, name: str, width: int) -> None:
        walk.conv(f"{name}_reduce", max(2, width // 2), 1, self.activation)
        walk.depthwise(f"{name}_depthwise", 3, 2, self.activation)
        walk.conv(f"{name}_project", width, 1, self.activation)

    def _predict(self, walk: Walk, maps: list[WalkPosition], name: str, columns: int) -> Output:
        found = []
        for number, (map_, anchors) in enumerate(zip(maps, self.anchors, strict=True)):
            walk.here = map_
            walk.depthwise(f"head_{name}{number}_depthwise", 3, 1, self.activation)
            walk.conv(f"head_{name}{number}_project", anchors * columns, 1, None, affine="bias")
            found.append(walk.here)
        walk.list_anchors(f"head_{name}", columns, found)
        return Output(name, walk.here.node)


def _outputs(classes: int) -> tuple[tuple[str, int], ...]:
    return ("scores", classes), ("boxes", _CORNERS)
