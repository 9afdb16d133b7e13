"""`LrAspp` and `RAspp`: Howard et al. 2019 (arXiv 1905.02244), section 6.4; R-ASPP as in Sandler et al. 2018."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from msgspec import structs

from nas.design.blocks.family import Width
from nas.design.dense.head import DenseHead, TaskName, find_first_block
from nas.design.op import Activation
from nas.design.size import Size, bounded_size, height_width, make_size, smaller_sides
from nas.design.walk import LOGITS, Node, Output, Walk

_FINE = 8  # stride of the features that LR-ASPP adds
_MOST = 512  # pixels of a window
if TYPE_CHECKING:
    Window = Size
else:
    Window = bounded_size(1, _MOST)


class Aspp(DenseHead, frozen=True):
    """What both have: `inner` channels a branch, an output stride, and logits [classes, height, width].

    `full_size` brings the logits to the size of the image; without it they are as fine as the head's own map.
    """

    inner: Width = 128
    output_stride: Literal[16, 32] = 16
    activation: Activation = "relu"
    full_size: bool = True

    task: ClassVar[TaskName] = "segmentation"

    @property
    def stride(self) -> int:
        """As said."""
        return self.output_stride

    def refused(self, stride: int) -> str:
        """It needs a map of stride 16."""
        if stride >= 2 * _FINE:
            return ""
        return f"a segmenter needs maps of stride {_FINE} and 16, and this backbone ends at stride {stride}"

    @property
    def widths(self) -> dict[str, int]:
        """That of a branch."""
        return {"inner": self.inner}

    @property
    def choices(self) -> dict[str, Any]:
        """Branches and stride."""
        return {"inner": self.inner, "output_stride": self.output_stride}

    def with_width(self, part: str, width: int) -> Self:
        """Of all branches."""
        return structs.replace(self, inner=width)

    def _finish(self, walk: Walk, size: Size) -> tuple[Output, ...]:
        if self.full_size:
            walk.upsample("head_logits", size)
        return (Output(LOGITS, walk.here.node),)


class LrAspp(Aspp, frozen=True):
    """The last map is gated by means over windows of it, made as fine as stride 8, and added to the features there.

    `window` and `step` are those of the means, (49, 49) and (16, 20) in the paper; None is the whole map, as in
    torchvision. A window larger than the map is the map.
    """

    window: Window | None = None
    step: Window | None = None

    def __post_init__(self) -> None:
        """Raise ValueError where only one of window and step is given; a square is written as one side."""
        if self.window is None and self.step is None:
            return
        if self.window is None or self.step is None:
            raise ValueError("window and step are given together, or neither is")
        for name, size in (("window", self.window), ("step", self.step)):
            structs.force_setattr(self, name, make_size(*height_width(size)))

    def taps(self, nodes: Sequence[Node]) -> tuple[int, ...]:
        """The fine features."""
        return (find_first_block(nodes, _FINE),)

    def lower(self, walk: Walk, size: Size, classes: int) -> tuple[Output, ...]:
        """Ops `features`, `pool`, `gate`, `sigmoid`, `scaled`, `up`, `high`, `low`, `sum` and `logits`."""
        fine, last = walk.at(-2), walk.here
        walk.conv("head_features", self.inner, 1, self.activation)
        features = walk.here
        walk.here = last
        self._gate(walk, features.size)
        gate, walk.here = walk.here, features
        walk.multiply("head_scaled", gate)
        walk.upsample("head_up", fine.size)
        walk.conv("head_high", classes, 1, None, affine="bias")
        high, walk.here = walk.here, fine
        walk.conv("head_low", classes, 1, None, affine="bias")
        walk.add("head_sum", high)
        return self._finish(walk, size)

    def _gate(self, walk: Walk, size: Size) -> None:
        """As fine as the features, or one pixel."""
        window = smaller_sides(self.window or walk.size, walk.size)
        walk.average_pool("head_pool", window, self.step or window, "none")
        walk.conv("head_gate", self.inner, 1, None, affine="none")
        walk.sigmoid("head_sigmoid")
        if walk.size != 1:
            walk.upsample("head_gate_up", size)


class RAspp(Aspp, frozen=True):
    """The last map and its mean, each through a layer, joined and projected."""

    inner: Width = 256

    def lower(self, walk: Walk, size: Size, classes: int) -> tuple[Output, ...]:
        """Ops `features`, `pool`, `mean`, `mean_up`, `joined`, `project`, `classifier` and `logits`."""
        last = walk.here
        walk.conv("head_features", self.inner, 1, self.activation)
        features, walk.here = walk.here, last
        walk.average_pool("head_pool", walk.size, walk.size, "none")
        walk.conv("head_mean", self.inner, 1, self.activation)
        walk.upsample("head_mean_up", features.size)
        walk.concat("head_joined", features, walk.here)
        walk.conv("head_project", self.inner, 1, self.activation)
        walk.conv("head_classifier", classes, 1, None, affine="bias")
        return self._finish(walk, size)
