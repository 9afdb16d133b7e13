"""`lower`: the one walk that computes shapes. Counts, prices, modules and graphs are folds over its `Graph`."""

from functools import lru_cache

from msgspec import Struct

from nas.design.architecture import IMAGENET_MEAN, IMAGENET_STD, Architecture, Block, Channels, Head, Stage, Stem
from nas.design.op import (
    Activation,
    Add,
    Conv,
    GlobalPool,
    Linear,
    Op,
    Padding,
    SqueezeExcite,
    least_pads,
    squeeze_width,
)


class Shape(Struct, frozen=True):
    """Channels and side of a square map; the batch belongs to the conditions, not to the network."""

    width: int
    size: int


class Node(Struct, frozen=True, gc=False):  # frozen and without cycles; tracked, hundreds of thousands slow a search
    """One op of the graph. `inputs` are node numbers; -1 is the first input of the graph, -2 the second."""

    name: str
    op: Op
    inputs: tuple[int, ...]


class Graph(Struct, frozen=True):
    """A directed acyclic graph of ops in execution order; the last node is the output.

    `mean` and `std` are those of the images that it takes, of pixels from 0 to 1.
    """

    inputs: tuple[Shape, ...]
    nodes: tuple[Node, ...]
    norm_eps: float = 1e-3
    mean: Channels = IMAGENET_MEAN
    std: Channels = IMAGENET_STD


class GraphPart(Struct, frozen=True, cache_hash=True):
    """A run of nodes that takes one map and leaves one; node numbers count within it, -1 is what it takes.

    Networks of a search share most of their parts, so a fold over parts can remember what it found for one.
    """

    image: Shape
    nodes: tuple[Node, ...]
    left: Shape


class _Walk:
    """Collects nodes and remembers the shape that the last one leaves."""

    def __init__(self, image: Shape, padding: Padding) -> None:
        self.image, self.padding = image, padding
        self.nodes: list[Node] = []
        self.width, self.size, self.last = image.width, image.size, -1

    def part(self) -> GraphPart:
        return GraphPart(self.image, tuple(self.nodes), Shape(self.width, self.size))

    def push(self, name: str, op: Op, *others: int) -> None:
        self.nodes.append(Node(name, op, (self.last, *others)))
        self.last = len(self.nodes) - 1

    def padded(self, kernel: int, stride: int) -> Padding:
        """The padding of a convolution here: "symmetric" also if TensorFlow's has as many zeros at the upper left."""
        alike = least_pads(kernel, stride, self.size)[0] == kernel // 2
        return "symmetric" if alike else self.padding

    def conv(self, name: str, out: int, kernel: int, activation: Activation | None, stride: int = 1) -> None:
        op = Conv(self.width, out, kernel, stride, 1, self.size, activation, self.padded(kernel, stride))
        self.push(name, op)
        self.width, self.size = out, op.out_size

    def depthwise(self, name: str, kernel: int, stride: int, activation: Activation) -> None:
        padding = self.padded(kernel, stride)
        op = Conv(self.width, self.width, kernel, stride, self.width, self.size, activation, padding)
        self.push(name, op)
        self.size = op.out_size

    def linear(self, name: str, out: int, activation: Activation | None) -> None:
        self.push(name, Linear(self.width, out, activation))
        self.width = out

    def block(self, name: str, block: Block, out: int, stride: int) -> None:
        shortcut = self.last
        if block.expanded is not None:
            self.conv(f"{name}_expand", block.expanded, 1, block.activation)
        self.depthwise(f"{name}_depthwise", block.kernel, stride, block.activation)
        if block.se:
            self.push(f"{name}_se", SqueezeExcite(self.width, squeeze_width(self.width), self.size))
        self.conv(f"{name}_project", out, 1, None)
        if block.residual:
            self.push(f"{name}_add", Add(out, self.size), shortcut)


@lru_cache(maxsize=512)
def lower(arch: Architecture) -> Graph:
    """The graph of an architecture: every op with its shapes, in execution order.

    Node names are `stem`, `s{stage}b{block}_{expand,depthwise,se,project,add}` (counted from 0),
    `head_conv`, `head_pool`, `head_hidden` and `head_classifier`.
    """
    nodes: list[Node] = []
    for part in parts(arch):
        start = len(nodes)
        nodes += [Node(node.name, node.op, tuple(i + start for i in node.inputs)) for node in part.nodes]
    return Graph((_image(arch.resolution),), tuple(nodes), arch.norm_eps, arch.mean, arch.std)


def parts(arch: Architecture) -> list[GraphPart]:
    """The walk itself, part by part: the stem, each stage, the head; their nodes one after another are the graph."""
    found = [_stem(arch.stem, _image(arch.resolution), arch.padding)]
    for number, stage in enumerate(arch.stages):
        found.append(_stage(number, stage, found[-1].left, arch.padding))
    return [*found, _head(arch.head, arch.classes, found[-1].left)]


def _image(resolution: int) -> Shape:
    return Shape(3, resolution)


@lru_cache(maxsize=256)
def _stem(stem: Stem, image: Shape, padding: Padding) -> GraphPart:
    walk = _Walk(image, padding)
    walk.conv("stem", stem.width, 3, stem.activation, stride=2)
    return walk.part()


# The largest shipped space has about 5000 different stages with the width before them.
@lru_cache(maxsize=8192)
def _stage(number: int, stage: Stage, image: Shape, padding: Padding) -> GraphPart:
    walk = _Walk(image, padding)
    for b, block in enumerate(stage.blocks):
        walk.block(f"s{number}b{b}", block, stage.width, stage.stride if b == 0 else 1)
    return walk.part()


@lru_cache(maxsize=1024)
def _head(head: Head, classes: int, image: Shape) -> GraphPart:
    walk = _Walk(image, "symmetric")
    walk.conv("head_conv", head.width, 1, head.activation)
    walk.push("head_pool", GlobalPool(walk.width, walk.size))
    if head.hidden is not None:
        walk.linear("head_hidden", head.hidden, head.activation)
    walk.linear("head_classifier", classes, None)
    return walk.part()
