"""`Walk`: the one place where shapes are computed, op by op; blocks of every family push their ops onto it."""

from collections.abc import Sequence
from typing import Literal, TypeVar

from msgspec import Struct

from nas.design.op import (
    Activate,
    Activation,
    Add,
    Affine,
    AnchorList,
    Concat,
    Conv,
    ConvPadding,
    Gate,
    GlobalPool,
    Linear,
    Multiply,
    Op,
    Padding,
    Pool,
    PoolPadding,
    Shuffle,
    Sigmoid,
    Slice,
    SqueezeExcite,
    Upsample,
    least_pads,
    squeeze_width,
)
from nas.design.shapes import Shape, output_shape
from nas.design.size import Size, height_width, shorter_side
from nas.errors import InvalidArchitecture

LOGITS = "logits"
Stride = TypeVar("Stride", bound=Size)


class Output(Struct, frozen=True):
    """What a graph gives: a name, and the number of the node that leaves it."""

    name: str
    node: int


class NoMapLeft(InvalidArchitecture):
    """The image is too small for an op."""


class Node(Struct, frozen=True, gc=False):  # frozen and without cycles; tracked, hundreds of thousands slow a search
    """One op of the graph. `inputs` are node numbers; -1 is the first input of the graph, -2 the second."""

    name: str
    op: Op
    inputs: tuple[int, ...]


class GraphPart(Struct, frozen=True, cache_hash=True):
    """A run of nodes that takes one map and leaves one; node numbers count within it, -1 is what it takes.

    A dense head also takes the maps `taps` from farther back, numbered -2, -3, …, and leaves the network's `outputs`.
    Networks of a search share most of their parts, so a fold over parts can remember what it found for one.
    """

    image: Shape
    nodes: tuple[Node, ...]
    left: Shape
    outputs: tuple[Output, ...] = ()
    taps: tuple[Shape, ...] = ()

    @property
    def inputs(self) -> tuple[Shape, ...]:
        """All maps that it takes."""
        return (self.image, *self.taps)


class WalkPosition(Struct, frozen=True):
    """A map somewhere in a walk: the node that leaves it and its shape."""

    node: int
    width: int
    size: Size


class Walk:
    """Collects nodes; every method pushes one op behind the map `here` and moves on to what it leaves."""

    def __init__(
        self, image: Shape, padding: Padding = "symmetric", dilation: int = 1, taps: tuple[Shape, ...] = ()
    ) -> None:
        """At the map that the part takes; `padding` is of its strided convolutions, `taps` are as in `GraphPart`.

        Dilated, maps keep their size: every stride is 1 and kernels read pixels this far apart.
        """
        self.image, self.padding, self.dilation, self.taps = image, padding, dilation, taps
        self.nodes: list[Node] = []
        self.here = WalkPosition(-1, image.width, image.size)

    @property
    def width(self) -> int:
        """Channels of the map here."""
        return self.here.width

    @property
    def size(self) -> Size:
        """Size of the map here."""
        return self.here.size

    def part(self) -> GraphPart:
        """What was walked."""
        return GraphPart(self.image, tuple(self.nodes), Shape(self.width, self.size), taps=self.taps)

    def at(self, number: int) -> WalkPosition:
        """The map that a node leaves; -1 is the map that the part takes, -2 the first of its taps."""
        left = output_shape(self.nodes[number].op) if number >= 0 else (self.image, *self.taps)[-1 - number]
        return WalkPosition(number, left.width, left.size)

    def extend(self, part: GraphPart, taps: Sequence[int] = ()) -> None:
        """A part behind the map here; `taps` are the nodes that leave the further maps that it takes."""
        start, taken = len(self.nodes), (self.here.node, *taps)
        for node in part.nodes:
            inputs = tuple(number + start if number >= 0 else taken[-1 - number] for number in node.inputs)
            self.nodes.append(Node(node.name, node.op, inputs))
        self.here = WalkPosition(len(self.nodes) - 1, part.left.width, part.left.size)

    def push(self, name: str, op: Op, *others: WalkPosition) -> None:
        """An op that takes the map here, and perhaps others.

        Raises NoMapLeft where nothing is left of it.
        """
        left = output_shape(op)
        if shorter_side(left.size) < 1:
            height, width = height_width(self.size)
            raise NoMapLeft(f"{name} leaves nothing of a map of {height} x {width} pixels: give a larger resolution.")
        self.nodes.append(Node(name, op, (self.here.node, *(other.node for other in others))))
        self.here = WalkPosition(len(self.nodes) - 1, left.width, left.size)

    def conv(
        self,
        name: str,
        out: int,
        kernel: int,
        activation: Activation | None,
        stride: int = 1,
        groups: int = 1,
        padding: ConvPadding | None = None,
        affine: Affine = "norm",
    ) -> None:
        """A convolution; without a padding of its own it has the network's."""
        stride, dilation = self._stride(stride), self.dilation if kernel > 1 else 1
        padding = padding or self._padding(kernel, stride)
        op = Conv(self.width, out, kernel, stride, groups, self.size, activation, padding, affine, dilation)
        self.push(name, op)

    def depthwise(
        self, name: str, kernel: int, stride: int, activation: Activation | None, affine: Affine = "norm"
    ) -> None:
        """One filter a channel."""
        self.conv(name, self.width, kernel, activation, stride, self.width, affine=affine)

    def squeeze_excite(self, name: str, inner: int | None = None, gate: Gate = "hsigmoid") -> None:
        """Squeeze-excite; its inner width is a quarter of the map's unless it is given."""
        op = SqueezeExcite(self.width, inner or squeeze_width(self.width), self.size, gate)
        self.push(name, op)

    def add(self, name: str, shortcut: WalkPosition) -> None:
        """The sum with another map."""
        self.push(name, Add(self.width, self.size), shortcut)

    def activate(self, name: str, activation: Activation) -> None:
        """An activation of its own."""
        self.push(name, Activate(self.width, self.size, activation))

    def max_pool(self, name: str, kernel: int, stride: int, padding: PoolPadding = "symmetric") -> None:
        """The largest of every window."""
        op = Pool("max", self.width, kernel, self._stride(stride), self.size, padding)
        self.push(name, op)

    def average_pool(self, name: str, kernel: Size, stride: Size, padding: PoolPadding = "symmetric") -> None:
        """The mean of every window."""
        op = Pool("average", self.width, kernel, self._stride(stride), self.size, padding)
        self.push(name, op)

    def upsample(self, name: str, size: Size) -> None:
        """The map brought to a size."""
        self.push(name, Upsample(self.width, self.size, size))

    def sigmoid(self, name: str) -> None:
        """The sigmoid of every value."""
        self.push(name, Sigmoid(self.width, self.size))

    def multiply(self, name: str, gate: WalkPosition) -> None:
        """The product with a gate of the same size or of one pixel."""
        self.push(name, Multiply(self.width, self.size, gate.size), gate)

    def list_anchors(self, name: str, columns: int, maps: Sequence[WalkPosition]) -> None:
        """What maps say of anchors; where the walk is does not matter."""
        self.here, *others = maps
        op = AnchorList(columns, tuple(one.width for one in maps), tuple(one.size for one in maps))
        self.push(name, op, *others)

    def concat(self, name: str, first: WalkPosition, *others: WalkPosition) -> None:
        """The maps behind one another; where the walk is does not matter."""
        op = Concat(tuple(one.width for one in (first, *others)), first.size)
        self.here = first
        self.push(name, op, *others)

    def slice(self, name: str, first: int, width: int) -> None:
        """Some channels."""
        self.push(name, Slice(self.width, first, width, self.size))

    def shuffle(self, name: str, groups: int) -> None:
        """Channels of the groups in turn."""
        self.push(name, Shuffle(self.width, groups, self.size))

    def global_pool(self, name: str) -> None:
        """The mean of each channel, a vector."""
        self.push(name, GlobalPool(self.width, self.size))

    def linear(self, name: str, out: int, activation: Activation | None, affine: Affine = "bias") -> None:
        """A fully connected layer on a vector."""
        self.push(name, Linear(self.width, out, activation, affine))

    def _stride(self, stride: Stride) -> Stride | Literal[1]:
        return stride if self.dilation == 1 else 1

    def _padding(self, kernel: int, stride: int) -> Padding:
        """The network's; "symmetric" also if TensorFlow's has as many zeros above and to the left."""
        alike = all(least_pads(kernel, stride, side)[0] == kernel // 2 for side in height_width(self.size))
        return "symmetric" if alike else self.padding
