"""`lower`: the one walk that computes shapes. Counts, prices, modules and graphs are folds over its `Plan`."""

from functools import lru_cache

from msgspec import Struct

from nas.design.architecture import Architecture, Block
from nas.design.op import Activation, Add, Conv, Linear, Op, Pool, SqueezeExcite, squeeze_width


class Shape(Struct, frozen=True):
    """Channels and side of a square map; the batch belongs to the conditions, not to the network."""

    width: int
    size: int


class Node(Struct, frozen=True):
    """One op of the graph. `inputs` are node numbers; -1 is the first input of the plan, -2 the second."""

    name: str
    op: Op
    inputs: tuple[int, ...]


class Plan(Struct, frozen=True):
    """A directed acyclic graph of ops in execution order; the last node is the output."""

    inputs: tuple[Shape, ...]
    nodes: tuple[Node, ...]
    norm_eps: float = 1e-3


class _Walk:
    """Collects nodes and remembers the shape that the last one leaves."""

    def __init__(self, image: Shape) -> None:
        self.nodes: list[Node] = []
        self.width, self.size, self.last = image.width, image.size, -1

    def push(self, name: str, op: Op, *others: int) -> None:
        self.nodes.append(Node(name, op, (self.last, *others)))
        self.last = len(self.nodes) - 1

    def conv(self, name: str, out: int, kernel: int, activation: Activation | None, stride: int = 1) -> None:
        op = Conv(self.width, out, kernel, stride, 1, self.size, activation)
        self.push(name, op)
        self.width, self.size = out, op.out_size

    def depthwise(self, name: str, kernel: int, stride: int, activation: Activation) -> None:
        op = Conv(self.width, self.width, kernel, stride, self.width, self.size, activation)
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


@lru_cache(maxsize=4096)
def lower(arch: Architecture) -> Plan:
    """The plan of an architecture: every op with its shapes, in execution order.

    Node names are `stem`, `s{stage}b{block}_{expand,depthwise,se,project,add}` (counted from 0),
    `head_conv`, `head_pool`, `head_hidden` and `head_classifier`.
    """
    image = Shape(3, arch.resolution)
    walk = _Walk(image)
    walk.conv("stem", arch.stem.width, 3, arch.stem.activation, stride=2)
    for s, stage in enumerate(arch.stages):
        for b, block in enumerate(stage.blocks):
            walk.block(f"s{s}b{b}", block, stage.width, stage.stride if b == 0 else 1)
    walk.conv("head_conv", arch.head.width, 1, arch.head.activation)
    walk.push("head_pool", Pool(walk.width, walk.size))
    if arch.head.hidden is not None:
        walk.linear("head_hidden", arch.head.hidden, arch.head.activation)
    walk.linear("head_classifier", arch.classes, None)
    return Plan((image,), tuple(walk.nodes), arch.norm_eps)
