"""`Walk`: the one place where shapes are computed, op by op; blocks of every family push their ops onto it."""

from msgspec import Struct

from nas.design.op import (
    Activate,
    Activation,
    Add,
    Affine,
    Concat,
    Conv,
    ConvPadding,
    Gate,
    GlobalPool,
    Linear,
    Op,
    Padding,
    Pool,
    PoolPadding,
    Shuffle,
    Slice,
    SqueezeExcite,
    least_pads,
    squeeze_width,
)
from nas.design.shapes import Shape, output_shape
from nas.design.size import Size, height_width, shorter_side
from nas.errors import InvalidArchitecture


class Node(Struct, frozen=True, gc=False):  # frozen and without cycles; tracked, hundreds of thousands slow a search
    """One op of the graph. `inputs` are node numbers; -1 is the first input of the graph, -2 the second."""

    name: str
    op: Op
    inputs: tuple[int, ...]


class GraphPart(Struct, frozen=True, cache_hash=True):
    """A run of nodes that takes one map and leaves one; node numbers count within it, -1 is what it takes.

    Networks of a search share most of their parts, so a fold over parts can remember what it found for one.
    """

    image: Shape
    nodes: tuple[Node, ...]
    left: Shape


class WalkPosition(Struct, frozen=True):
    """A map somewhere in a walk: the node that leaves it and its shape."""

    node: int
    width: int
    size: Size


class Walk:
    """Collects nodes; every method pushes one op behind the map `here` and moves on to what it leaves."""

    def __init__(self, image: Shape, padding: Padding = "symmetric") -> None:
        """At the map that the part takes; `padding` is of its strided convolutions."""
        self.image, self.padding = image, padding
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
        return GraphPart(self.image, tuple(self.nodes), Shape(self.width, self.size))

    def push(self, name: str, op: Op, *others: WalkPosition) -> None:
        """An op that takes the map here, and perhaps others.

        Raises InvalidArchitecture where nothing is left of it.
        """
        left = output_shape(op)
        if shorter_side(left.size) < 1:
            height, width = height_width(self.size)
            raise InvalidArchitecture(
                f"{name} leaves nothing of a map of {height} x {width} pixels: give a larger resolution."
            )
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
        padding = padding or self._padding(kernel, stride)
        op = Conv(self.width, out, kernel, stride, groups, self.size, activation, padding, affine)
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
        op = Pool("max", self.width, kernel, stride, self.size, padding)
        self.push(name, op)

    def average_pool(self, name: str, kernel: int, stride: int) -> None:
        """The mean of every window."""
        op = Pool("average", self.width, kernel, stride, self.size)
        self.push(name, op)

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

    def _padding(self, kernel: int, stride: int) -> Padding:
        """The network's; "symmetric" also if TensorFlow's has as many zeros above and to the left."""
        alike = all(least_pads(kernel, stride, side)[0] == kernel // 2 for side in height_width(self.size))
        return "symmetric" if alike else self.padding
