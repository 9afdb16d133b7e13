"""The closed union of operations a network lowers to. A size is that of the map that an op takes (see `Size`)."""

from typing import Literal, TypeGuard, assert_never, get_args

from msgspec import Struct

from nas.design.map_op import AnchorList as AnchorList
from nas.design.map_op import Multiply as Multiply
from nas.design.map_op import Sigmoid as Sigmoid
from nas.design.map_op import Upsample as Upsample
from nas.design.pool_op import GlobalPool as GlobalPool
from nas.design.pool_op import Pool as Pool
from nas.design.pool_op import PoolPadding as PoolPadding
from nas.design.size import Pads, Size, height_width, map_sides

# What a clip of the sums cannot express: an op of its own in int8, and ReLU is simpler. "silu" is x * sigmoid(x).
Curved = Literal["hswish", "silu"]
Activation = Literal["relu", "relu6", Curved]
# Of strided convolutions; "none" is of a stem or a pool.
Padding = Literal["symmetric", "tensorflow"]
ConvPadding = Literal["symmetric", "tensorflow", "none"]
# What follows the products of a layer: a batch norm, a bias, or nothing.
Affine = Literal["norm", "bias", "none"]
Gate = Literal["hsigmoid", "sigmoid"]


class Conv(Struct, frozen=True, tag=True):
    """Convolution, its batch norm (or a bias, or neither) and its activation (None: linear).

    A kernel of `dilation` d reads every d-th pixel. Padding "symmetric" adds zeros for half of its reach on each side.
    "tensorflow" adds as few as the output needs and puts the odd one at the lower right (TensorFlow's "SAME"). "none"
    adds none, and the map shrinks (TensorFlow's "VALID").
    """

    in_width: int
    out_width: int
    kernel: int
    stride: int
    groups: int
    size: Size
    activation: Activation | None
    padding: ConvPadding = "symmetric"
    affine: Affine = "norm"
    dilation: int = 1

    @property
    def reach(self) -> int:
        """From the first to the last pixel that a kernel reads: its side, where it is not dilated.

        >>> Conv(8, 8, 5, 1, 8, 33, None, dilation=2).reach
        9
        """
        return (self.kernel - 1) * self.dilation + 1

    @property
    def pads(self) -> Pads:
        """How many zeros are added (above, below) the map and to its (left, right).

        >>> Conv(3, 16, 3, 2, 1, (224, 225), None, "tensorflow").pads
        ((0, 1), (1, 1))
        """
        height, width = height_width(self.size)
        return self._pads(height), self._pads(width)

    def _pads(self, side: int) -> tuple[int, int]:
        """Before the first and behind the last pixel of a side."""
        match self.padding:
            case "symmetric":
                return self.reach // 2, self.reach // 2
            case "tensorflow":
                return least_pads(self.reach, self.stride, side)
            case "none":
                return 0, 0
            case _:
                assert_never(self.padding)

    @property
    def out_size(self) -> Size:
        """Size of the output map: ceil(side / stride), without padding as many as windows fit."""
        return map_sides(self._left, self.size)

    def _left(self, side: int) -> int:
        if self.padding == "none":
            return (side - self.reach) // self.stride + 1
        return -(-side // self.stride)

    @property
    def depthwise(self) -> bool:
        """One filter a channel: the output channels are the input channels."""
        return self.groups == self.in_width == self.out_width


class SqueezeExcite(Struct, frozen=True, tag=True):
    """Global pool, 1x1 to `inner` (ReLU), 1x1 back (a hard or a true sigmoid), multiply. Both 1x1 have biases."""

    width: int
    inner: int
    size: Size
    gate: Gate = "hsigmoid"


class Add(Struct, frozen=True, tag=True):
    """The residual sum of two maps of the same shape."""

    width: int
    size: Size


class Activate(Struct, frozen=True, tag=True):
    """An activation that is not behind a layer: behind a sum, or before a convolution."""

    width: int
    size: Size
    activation: Activation


class Concat(Struct, frozen=True, tag=True):
    """Maps of these widths as one, their channels behind each other."""

    widths: tuple[int, ...]
    size: Size

    @property
    def width(self) -> int:
        """That of the whole."""
        return sum(self.widths)


class Slice(Struct, frozen=True, tag=True):
    """`width` channels of a map of `in_width`, from number `first` on."""

    in_width: int
    first: int
    width: int
    size: Size


class Shuffle(Struct, frozen=True, tag=True):
    """Channels of `groups` in turn: the first of every group, the second of every group, … (ShuffleNet, figure 1)."""

    width: int
    groups: int
    size: Size


class Linear(Struct, frozen=True, tag=True):
    """Fully connected layer on a vector, with a bias, or with a batch norm in its place."""

    in_width: int
    out_width: int
    activation: Activation | None
    affine: Affine = "bias"


MapOp = Upsample | Sigmoid | Multiply | AnchorList
Op = Conv | SqueezeExcite | Add | Activate | Pool | GlobalPool | Concat | Slice | Shuffle | Linear | MapOp


def has_norm(op: Op) -> TypeGuard[Conv | Linear]:
    """Whether an op is a layer with a batch norm."""
    return isinstance(op, Conv | Linear) and op.affine == "norm"


def is_curved(activation: Activation | None) -> TypeGuard[Curved]:
    """Whether an activation does more than clip values.

    >>> is_curved("silu"), is_curved("relu6"), is_curved(None)
    (True, False, False)
    """
    return activation in get_args(Curved)


def least_pads(kernel: int, stride: int, size: int) -> tuple[int, int]:
    """The zeros before and behind `size` pixels that ceil(size / stride) outputs need, the odd one behind.

    >>> least_pads(3, 2, 224), least_pads(3, 2, 225), least_pads(5, 1, 7)
    ((0, 1), (1, 1), (2, 2))
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def divisible(value: float, by: int = 8) -> int:
    """The nearest multiple of `by`, never less than `by` nor than 90 % of `value` (MobileNet's rule).

    >>> divisible(18), divisible(12), divisible(3)
    (24, 16, 8)
    """
    rounded = max(by, int(value + by / 2) // by * by)
    return rounded + by if rounded < 0.9 * value else rounded


def squeeze_width(hidden: int) -> int:
    """Inner width of squeeze-excite: a quarter of the hidden width (MobileNetV3 section 5.3).

    >>> squeeze_width(72), squeeze_width(960)
    (24, 240)
    """
    return divisible(hidden // 4)
