"""`Entry`: what a table prices, one fused piece of a network, and the text key that stands for it."""

from collections import Counter
from functools import lru_cache

from msgspec import Struct

from nas.design.graph import Graph
from nas.design.op import Add, Conv, Op
from nas.design.shapes import Shape, input_shapes_of
from nas.design.walk import Node
from nas.errors import InvalidTable
from nas.latency.prediction.op_key import is_possible, parse_ops, spell_op


class Entry(Struct, frozen=True):
    """Ops that a runtime executes as one: a convolution with the residual sum behind it, or any other op alone.

    `name` is the first op's node and has no part in the key: equal keys cost equal time.
    """

    name: str
    ops: tuple[Op, ...]

    @property
    def key(self) -> str:
        """Canonical text of all that matters for time, like `conv 64>24 k1 s1 g1 56 linear +add`."""
        return _key(self.ops)

    def as_graph(self, norm_eps: float = 1e-3) -> Graph:
        """A graph of just these ops; a residual sum takes its shortcut as the second input."""
        shapes = _inputs(self.ops)
        nodes = [Node("a", self.ops[0], tuple(-1 - i for i in range(1 if len(self.ops) > 1 else len(shapes))))]
        if len(self.ops) > 1:
            nodes.append(Node("b", self.ops[1], (0, -2)))
        return Graph(shapes, tuple(nodes), norm_eps)


def entries(graph: Graph) -> tuple[Entry, ...]:
    """The pieces of a graph in execution order; each op belongs to exactly one.

    A sum is fused only into a convolution right before it that it takes first and nobody else reads, as
    inference runtimes do.
    """
    readers = Counter(number for node in graph.nodes for number in node.inputs)
    pieces: list[Entry] = []
    for number, node in enumerate(graph.nodes):
        if number and readers[number - 1] == 1 and _fuses(graph.nodes[number - 1], node, number):
            conv = pieces.pop()
            pieces.append(Entry(conv.name, (*conv.ops, node.op)))
        else:
            pieces.append(Entry(node.name, (node.op,)))
    return tuple(pieces)


def _fuses(before: Node, node: Node, number: int) -> bool:
    return isinstance(node.op, Add) and isinstance(before.op, Conv) and node.inputs[0] == number - 1


@lru_cache(maxsize=1 << 16)
def _key(ops: tuple[Op, ...]) -> str:
    return spell_op(ops[0]) + (" +add" if len(ops) > 1 else "")


@lru_cache(maxsize=1 << 16)
def parse_key(key: str) -> Entry:
    """The entry of a key (its name is the key itself); raises InvalidTable where the text is no key.

    >>> parse_key("se 72>24 28").ops
    (SqueezeExcite(width=72, inner=24, size=28, gate='hsigmoid'),)
    """
    ops = parse_ops(key)
    if not ops or not all(map(is_possible, ops)) or _key(ops) != key:
        raise InvalidTable(
            f"{key!r} is no key of a table entry; keys read like 'conv 16>64 k1 s1 g1 112 relu' or 'se 72>24 28'."
        )
    return Entry(key, ops)


def _inputs(ops: tuple[Op, ...]) -> tuple[Shape, ...]:
    """What the ops take from outside."""
    first = input_shapes_of(ops[0])
    return (*first, Shape(ops[1].width, ops[1].size)) if len(ops) > 1 and isinstance(ops[1], Add) else first
