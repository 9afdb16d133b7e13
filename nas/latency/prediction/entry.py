"""`Entry`: what a table prices, one fused piece of a network, and the text key that stands for it."""

import re
from collections import Counter
from functools import lru_cache
from typing import assert_never, get_args

from msgspec import Struct

from nas.design.graph import Graph, Node, Shape
from nas.design.op import Activation, Add, Conv, GlobalPool, Linear, Op, Padding, SqueezeExcite
from nas.errors import InvalidTable

_ACT = rf"(linear|{'|'.join(get_args(Activation))})"
_CONV = re.compile(rf"conv (\d+)>(\d+) k(\d+) s(\d+) g(\d+) (\d+) {_ACT}( tensorflow)?( \+add)?")
_LINEAR = re.compile(rf"linear (\d+)>(\d+) {_ACT}")
_SE = re.compile(r"se (\d+)>(\d+) (\d+)")
_PLAIN = re.compile(r"(pool|add) (\d+) (\d+)")


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
    return _spell(ops[0]) + (" +add" if len(ops) > 1 else "")


def _spell(op: Op) -> str:
    match op:
        case Conv():
            act = op.activation or "linear"
            padding = "" if op.padding == "symmetric" else f" {op.padding}"
            return f"conv {op.in_width}>{op.out_width} k{op.kernel} s{op.stride} g{op.groups} {op.size} {act}{padding}"
        case SqueezeExcite():
            return f"se {op.width}>{op.inner} {op.size}"
        case Add():
            return f"add {op.width} {op.size}"
        case GlobalPool():
            return f"pool {op.width} {op.size}"
        case Linear():
            return f"linear {op.in_width}>{op.out_width} {op.activation or 'linear'}"
        case _:
            assert_never(op)


@lru_cache(maxsize=1 << 16)
def parse_key(key: str) -> Entry:
    """The entry of a key (its name is the key itself); raises InvalidTable where the text is no key.

    >>> parse_key("se 72>24 28").ops
    (SqueezeExcite(width=72, inner=24, size=28),)
    """
    ops = _parse(key)
    if not ops or any(number < 1 for op in ops for number in _numbers(op)) or _key(ops) != key:
        raise InvalidTable(
            f"{key!r} is no key of a table entry; keys read like 'conv 16>64 k1 s1 g1 112 relu' or 'se 72>24 28'."
        )
    return Entry(key, ops)


def _parse(key: str) -> tuple[Op, ...]:
    if found := _CONV.fullmatch(key):
        into, out, kernel, stride, groups, size = map(int, found.groups()[:6])
        padding: Padding = "tensorflow" if found[8] else "symmetric"
        conv = Conv(into, out, kernel, stride, groups, size, _activation(found[7]), padding)
        return (conv, Add(out, conv.out_size)) if found[9] and stride else (conv,)
    if found := _LINEAR.fullmatch(key):
        return (Linear(int(found[1]), int(found[2]), _activation(found[3])),)
    if found := _SE.fullmatch(key):
        return (SqueezeExcite(int(found[1]), int(found[2]), int(found[3])),)
    if found := _PLAIN.fullmatch(key):
        kind = GlobalPool if found[1] == "pool" else Add
        return (kind(int(found[2]), int(found[3])),)
    return ()


def _numbers(op: Op) -> list[int]:
    """All counts of an op; a convolution whose groups do not divide its widths counts as a zero."""
    if isinstance(op, Conv) and op.groups and (op.in_width % op.groups or op.out_width % op.groups):
        return [0]
    return [value for value in (getattr(op, name) for name in op.__struct_fields__) if isinstance(value, int)]


def _activation(text: str) -> Activation | None:
    return next((name for name in get_args(Activation) if name == text), None)


def _inputs(ops: tuple[Op, ...]) -> tuple[Shape, ...]:
    """What the ops take from outside. A linear layer takes a vector, written as a map of side 1."""
    match ops[0]:
        case Conv() as op:
            first: tuple[Shape, ...] = (Shape(op.in_width, op.size),)
        case SqueezeExcite() | GlobalPool() as op:
            first = (Shape(op.width, op.size),)
        case Add() as op:
            first = (Shape(op.width, op.size),) * 2
        case Linear() as op:
            first = (Shape(op.in_width, 1),)
        case _:
            assert_never(ops[0])
    if len(ops) > 1 and isinstance(ops[1], Add):
        return (*first, Shape(ops[1].width, ops[1].size))
    return first
