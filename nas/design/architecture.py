"""`Architecture`: a network as a frozen, hashable value. Input widths are not stored, so none can be wrong."""

import hashlib
import math
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from nas.design.blocks.family import MIN_WIDTH as MIN_WIDTH
from nas.design.blocks.family import Kernel as Kernel
from nas.design.blocks.family import Width as Width
from nas.design.blocks.inverted_residual import InvertedResidual as InvertedResidual
from nas.design.blocks.union import Block as Block
from nas.design.dense.head import DenseHead, TaskName
from nas.design.dense.union import Dense as Dense
from nas.design.op import Activation, Affine, ConvPadding, Padding
from nas.design.size import Size, bounded_size, height_width, make_size

LEAST_SIDE, MOST_SIDE = 8, 2048  # of an input, in pixels
if TYPE_CHECKING:
    Resolution = Size
else:
    Resolution = bounded_size(LEAST_SIDE, MOST_SIDE)
Classes = Annotated[int, Meta(ge=2, le=100_000)]
Epsilon = Annotated[float, Meta(gt=0, le=0.1)]
# Of red, green and blue, for pixels from 0 (black) to 1.
_Mean = Annotated[float, Meta(ge=-10, le=10)]
_Std = Annotated[float, Meta(ge=1e-3, le=100)]
Channels = tuple[float, float, float]
IMAGENET_MEAN: Channels = (0.485, 0.456, 0.406)
IMAGENET_STD: Channels = (0.229, 0.224, 0.225)


class Stage(Struct, frozen=True, forbid_unknown_fields=True):
    """Blocks that share one output width; the first has the stride."""

    width: Width
    stride: Annotated[int, Meta(ge=1, le=2)]
    blocks: Annotated[tuple[Block, ...], Meta(min_length=1, max_length=32)]

    def __post_init__(self) -> None:
        """Raise ValueError where a block cannot stand in the stage, whatever comes before it."""
        for number, block in enumerate(self.blocks[1:], start=1):
            if reason := block.refused(self.width, self.width, 1):
                raise ValueError(f"blocks[{number}]: {reason}")

    @property
    def tied(self) -> bool:
        """Whether its channels are those of what comes before it."""
        return self.blocks[0].ties(self.stride)

    @property
    def numbered(self) -> tuple[tuple[Block, int], ...]:
        """Every block with its own stride."""
        return tuple((block, 1 if number else self.stride) for number, block in enumerate(self.blocks))


class Stem(Struct, frozen=True, forbid_unknown_fields=True):
    """The first convolution, stride 2; `pool` puts a 3x3 maximum of stride 2 behind it.

    `padding` "none" makes the map smaller by the kernel; None is the network's own padding.
    """

    width: Width
    activation: Activation
    kernel: Kernel = 3
    padding: ConvPadding | None = None
    affine: Affine = "norm"
    pool: bool = False

    @property
    def stride(self) -> int:
        """What its map is smaller by than the image."""
        return 4 if self.pool else 2


class Head(Struct, frozen=True, forbid_unknown_fields=True):
    """Last 1x1 convolution (width None: there is none), pool, an optional hidden layer, classifier.

    `hidden_affine` is a bias, or a norm as in MobileNetV4. `convolutional`: the classifier is a 1x1 convolution with
    the activation, before the pool, as in SqueezeNet.
    """

    width: Width | None
    hidden: Width | None
    activation: Activation
    hidden_affine: Affine = "bias"
    convolutional: bool = False

    @property
    def has_layer(self) -> bool:
        """Whether a layer of it has the activation."""
        return self.width is not None or self.hidden is not None or self.convolutional


class Architecture(Struct, frozen=True, forbid_unknown_fields=True, tag_field="format", tag="nas-architecture-1"):
    """A whole network; `resolution` is the size of its RGB input in pixels: a square's side, or (height, width).

    Its input is (pixel - mean) / std, channel by channel, of pixels from 0 to 1. These two, `norm_eps` and `padding`
    come with pretrained weights: other values make another network of the same weights. `padding` is of the strided
    convolutions (see `Conv`). `dense` stands in the place of the pool and of what is behind it.
    """

    resolution: Resolution
    stem: Stem
    stages: Annotated[tuple[Stage, ...], Meta(min_length=1, max_length=16)]
    head: Head
    classes: Classes
    norm_eps: Epsilon = 1e-3
    mean: tuple[_Mean, _Mean, _Mean] = IMAGENET_MEAN
    std: tuple[_Std, _Std, _Std] = IMAGENET_STD
    padding: Padding = "symmetric"
    dense: Dense | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Raise ValueError where a part does not fit what comes before it; a square is written as one side."""
        structs.force_setattr(self, "resolution", make_size(*height_width(self.resolution)))
        width = self.stem.width
        for number, stage in enumerate(self.stages):
            if reason := stage.blocks[0].refused(width, stage.width, stage.stride):
                raise ValueError(f"stages[{number}].blocks[0]: {reason}")
            width = stage.width
        if isinstance(self.dense, DenseHead) and (reason := self._refused(self.dense)):
            raise ValueError(f"dense: {reason}")

    def _refused(self, dense: DenseHead) -> str:
        """Why a dense head cannot stand here; empty where it can."""
        if self.head.hidden is not None or self.head.convolutional:
            return "it stands in the place of the classifier, so head.hidden is null and head.convolutional false"
        return dense.refused(self.stem.stride * math.prod(stage.stride for stage in self.stages))

    @property
    def task(self) -> TaskName:
        """What the network is for."""
        return self.dense.task if isinstance(self.dense, DenseHead) else "classification"

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
    document["stem"], document["head"] = _said(arch.stem), _said(arch.head)
    for stage, own in zip(document["stages"], arch.stages, strict=True):
        stage["blocks"] = [_said(block) for block in own.blocks]
    if isinstance(arch.dense, DenseHead):
        document["dense"] = _said(arch.dense)
    return hashlib.sha256(msgspec.json.encode(document)).hexdigest()[:12]


def _said(part: Stem | Head | Block | DenseHead) -> dict[str, Any]:
    """A part without the fields that have their default, by value: after a pickle a default is another object."""
    document: dict[str, Any] = msgspec.to_builtins(part)
    for name, default in _defaults(type(part)).items():
        if document[name] == default:
            del document[name]
    return {name: value for name, value in document.items() if (name, value) != ("family", FIRST_FAMILY)}


# Reading a struct's types takes longer than all else of a digest.
@cache
def _defaults(kind: type[Struct]) -> dict[str, Any]:
    """The default of every field."""
    return {field.name: field.default for field in structs.fields(kind)}


FIRST_FAMILY = "inverted_residual"
_ADDED = {
    field.name: field.default for field in structs.fields(Architecture) if field.name in ("mean", "std", "padding")
}
