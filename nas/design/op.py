"""The closed union of operations a network lowers to. A size is the side of a square map in pixels."""

from typing import Literal, TypeGuard, get_args

from msgspec import Struct

# What a clip of the sums cannot express: an op of its own in int8, and ReLU is simpler. "silu" is x * sigmoid(x).
Curved = Literal["hswish", "silu"]
Activation = Literal["relu", "relu6", Curved]
Padding = Literal["symmetric", "tensorflow"]


class Conv(Struct, frozen=True, tag=True):
    """Convolution, its batch norm and its activation (None: linear).

    Padding "symmetric" adds kernel // 2 zeros on each side. "tensorflow" adds as few as the output needs and puts the
    odd one at the lower right (TensorFlow's "SAME").
    """

    in_width: int
    out_width: int
    kernel: int
    stride: int
    groups: int
    size: int
    activation: Activation | None
    padding: Padding = "symmetric"

    @property
    def pads(self) -> tuple[int, int]:
        """How many zeros are before the first and behind the last pixel of a row, and of a column.

        >>> Conv(3, 16, 3, 2, 1, 224, None, "tensorflow").pads
        (0, 1)
        """
        if self.padding == "symmetric":
            return self.kernel // 2, self.kernel // 2
        return least_pads(self.kernel, self.stride, self.size)

    @property
    def out_size(self) -> int:
        """Side of the output map: ceil(size / stride)."""
        return -(-self.size // self.stride)

    @property
    def depthwise(self) -> bool:
        """One filter a channel: the output channels are the input channels."""
        return self.groups == self.in_width == self.out_width


class SqueezeExcite(Struct, frozen=True, tag=True):
    """Global pool, 1x1 to `inner` (ReLU), 1x1 back (hard sigmoid), multiply. Both 1x1 have biases."""

    width: int
    inner: int
    size: int


class Add(Struct, frozen=True, tag=True):
    """The residual sum of two maps of the same shape."""

    width: int
    size: int


class GlobalPool(Struct, frozen=True, tag=True):
    """Global average pool."""

    width: int
    size: int


class Linear(Struct, frozen=True, tag=True):
    """Fully connected layer with bias on a vector."""

    in_width: int
    out_width: int
    activation: Activation | None


Op = Conv | SqueezeExcite | Add | GlobalPool | Linear


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
