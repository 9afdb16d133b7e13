"""`Architecture`: a network as a frozen, hashable value. Input widths are not stored, so none can be wrong."""

import hashlib
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, structs

from nas.design.op import Activation, Padding

# Upper bounds keep a stranger's file from asking for more memory than any phone network needs. A convolution from one
# channel to one is both pointwise and depthwise, so no width is 1.
MIN_WIDTH = 2
Width = Annotated[int, Meta(ge=MIN_WIDTH, le=8192)]
Kernel = Annotated[int, Meta(ge=1, le=11)]
Size = Annotated[int, Meta(ge=8, le=2048)]
Classes = Annotated[int, Meta(ge=2, le=100_000)]
Epsilon = Annotated[float, Meta(gt=0, le=0.1)]
# Of red, green and blue, for pixels from 0 (black) to 1.
_Mean = Annotated[float, Meta(ge=-10, le=10)]
_Std = Annotated[float, Meta(ge=1e-3, le=100)]
Channels = tuple[float, float, float]
IMAGENET_MEAN: Channels = (0.485, 0.456, 0.406)
IMAGENET_STD: Channels = (0.229, 0.224, 0.225)


class Block(Struct, frozen=True, forbid_unknown_fields=True):
    """One inverted residual, a row of the paper's table.

    `expanded` None means there is no expansion convolution, `residual` that the input is added to the
    output. Both are said, never inferred from equal widths: inferred, a cut that lands on an equal width
    would delete a convolution or add a shortcut.
    """

    kernel: Kernel
    expanded: Width | None
    se: bool
    activation: Activation
    residual: bool

    def __post_init__(self) -> None:
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel = {self.kernel}, but a kernel is odd")


class Stage(Struct, frozen=True, forbid_unknown_fields=True):
    """Blocks that share one output width; the first has the stride."""

    width: Width
    stride: Annotated[int, Meta(ge=1, le=2)]
    blocks: Annotated[tuple[Block, ...], Meta(min_length=1, max_length=32)]

    def __post_init__(self) -> None:
        if self.stride != 1 and self.blocks[0].residual:
            raise ValueError(f"stride = {self.stride} with blocks[0].residual = true, but a shortcut needs stride 1")


class Stem(Struct, frozen=True, forbid_unknown_fields=True):
    """The first 3x3 convolution, stride 2."""

    width: Width
    activation: Activation


class Head(Struct, frozen=True, forbid_unknown_fields=True):
    """Last 1x1 convolution, pool, an optional hidden layer, classifier."""

    width: Width
    hidden: Width | None
    activation: Activation


class Architecture(Struct, frozen=True, forbid_unknown_fields=True, tag_field="format", tag="nas-architecture-1"):
    """A whole network; `resolution` is the side of its square RGB input in pixels.

    Its input is (pixel - mean) / std, channel by channel, of pixels from 0 to 1. These two, `norm_eps` and `padding`
    come with pretrained weights: other values make another network of the same weights. `padding` is of the strided
    convolutions (see `Conv`).
    """

    resolution: Size
    stem: Stem
    stages: Annotated[tuple[Stage, ...], Meta(min_length=1, max_length=16)]
    head: Head
    classes: Classes
    norm_eps: Epsilon = 1e-3
    mean: tuple[_Mean, _Mean, _Mean] = IMAGENET_MEAN
    std: tuple[_Std, _Std, _Std] = IMAGENET_STD
    padding: Padding = "symmetric"

    def __post_init__(self) -> None:
        width = self.stem.width
        for number, stage in enumerate(self.stages):
            if stage.blocks[0].residual and stage.width != width:
                raise ValueError(
                    f"stages[{number}].width = {stage.width} with blocks[0].residual = true, "
                    f"but the shortcut comes with width {width}"
                )
            width = stage.width

    @property
    def macs(self) -> int:
        """Multiply-adds for one image, as published tables count them (see `nas.design.cost`)."""
        from nas.design.cost import macs
        from nas.design.graph import lower

        return macs(lower(self))

    @property
    def params(self) -> int:
        """Trained parameters."""
        from nas.design.cost import params
        from nas.design.graph import lower

        return params(lower(self))


def digest(arch: Architecture) -> str:
    """Twelve hexadecimal digits that name the architecture by its content.

    What later versions added counts only where it is not the default, so that a network keeps its digits.
    """
    document = msgspec.to_builtins(arch)
    for name, default in _ADDED.items():
        if getattr(arch, name) == default:
            del document[name]
    return hashlib.sha256(msgspec.json.encode(document)).hexdigest()[:12]


_ADDED = {
    field.name: field.default for field in structs.fields(Architecture) if field.name in ("mean", "std", "padding")
}
