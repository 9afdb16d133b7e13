"""`Entry`: what a table prices, one fused piece of a network, and the text key that stands for it."""

import re
from collections import Counter
from functools import lru_cache
from typing import TypeVar, assert_never, get_args

from msgspec import Struct

from nas.design.graph import Graph
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
    Pool,
    PoolPadding,
    Shuffle,
    Slice,
    SqueezeExcite,
)
from nas.design.shapes import Shape, input_shapes_of
from nas.design.size import Size, describe_size, make_size, shorter_side
from nas.design.walk import Node
from nas.errors import InvalidTable

T = TypeVar("T", bound=str)
_ACT = rf"(linear|{'|'.join(get_args(Activation))})"
_SIZE = r"(\d+(?:x\d+)?)"
_CONV = re.compile(
    rf"conv (\d+)>(\d+) k(\d+) s(\d+) g(\d+) {_SIZE} {_ACT}( tensorflow| none)?( \+bias| \+nothing)?( \+add)?"
)
_LINEAR = re.compile(rf"linear (\d+)>(\d+) {_ACT}( \+norm)?")
_SE = re.compile(rf"se (\d+)>(\d+) {_SIZE}( sigmoid)?")
_PLAIN = re.compile(rf"(pool|add) (\d+) {_SIZE}")
_POOL = re.compile(rf"(max|average) (\d+) k(\d+) s(\d+) {_SIZE}( none| ceil)?")
_ACTIVATE = re.compile(rf"act (\d+) {_SIZE} {_ACT}")
_CONCAT = re.compile(rf"concat (\d+(?:\+\d+)+) {_SIZE}")
_SLICE = re.compile(rf"slice (\d+)>(\d+) at(\d+) {_SIZE}")
_SHUFFLE = re.compile(rf"shuffle (\d+) g(\d+) {_SIZE}")
# What a layer ends with is spelt where it is not a norm.
_AFFINE: dict[Affine, str] = {"norm": "", "bias": " +bias", "none": " +nothing"}


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
    size = "" if isinstance(op, Linear) else describe_size(op.size)
    match op:
        case Conv():
            act = op.activation or "linear"
            end = ("" if op.padding == "symmetric" else f" {op.padding}") + _AFFINE[op.affine]
            return f"conv {op.in_width}>{op.out_width} k{op.kernel} s{op.stride} g{op.groups} {size} {act}{end}"
        case SqueezeExcite():
            return f"se {op.width}>{op.inner} {size}" + ("" if op.gate == "hsigmoid" else f" {op.gate}")
        case Add():
            return f"add {op.width} {size}"
        case GlobalPool():
            return f"pool {op.width} {size}"
        case Linear():
            end = " +norm" if op.affine == "norm" else ""
            return f"linear {op.in_width}>{op.out_width} {op.activation or 'linear'}{end}"
        case Activate():
            return f"act {op.width} {size} {op.activation}"
        case Pool():
            end = "" if op.padding == "symmetric" else f" {op.padding}"
            return f"{op.kind} {op.width} k{op.kernel} s{op.stride} {size}{end}"
        case Concat():
            return f"concat {'+'.join(map(str, op.widths))} {size}"
        case Slice():
            return f"slice {op.in_width}>{op.width} at{op.first} {size}"
        case Shuffle():
            return f"shuffle {op.width} g{op.groups} {size}"
        case _:
            assert_never(op)


@lru_cache(maxsize=1 << 16)
def parse_key(key: str) -> Entry:
    """The entry of a key (its name is the key itself); raises InvalidTable where the text is no key.

    >>> parse_key("se 72>24 28").ops
    (SqueezeExcite(width=72, inner=24, size=28, gate='hsigmoid'),)
    """
    ops = _parse(key)
    if not ops or not all(map(_is_possible, ops)) or _key(ops) != key:
        raise InvalidTable(
            f"{key!r} is no key of a table entry; keys read like 'conv 16>64 k1 s1 g1 112 relu' or 'se 72>24 28'."
        )
    return Entry(key, ops)


def _parse(key: str) -> tuple[Op, ...]:
    if found := _CONV.fullmatch(key):
        into, out, kernel, stride, groups = map(int, found.groups()[:5])
        padding: ConvPadding = _named(found[8], get_args(ConvPadding), "symmetric")
        affine = next(name for name, text in _AFFINE.items() if text == (found[9] or ""))
        conv = Conv(into, out, kernel, stride, groups, _size(found[6]), _activation(found[7]), padding, affine)
        return (conv, Add(out, conv.out_size)) if found[10] and stride else (conv,)
    if found := _LINEAR.fullmatch(key):
        return (Linear(int(found[1]), int(found[2]), _activation(found[3]), "norm" if found[4] else "bias"),)
    if found := _SE.fullmatch(key):
        gate: Gate = _named(found[4], get_args(Gate), "hsigmoid")
        return (SqueezeExcite(int(found[1]), int(found[2]), _size(found[3]), gate),)
    if found := _PLAIN.fullmatch(key):
        kind = GlobalPool if found[1] == "pool" else Add
        return (kind(int(found[2]), _size(found[3])),)
    return _parse_moving(key)


def _parse_moving(key: str) -> tuple[Op, ...]:
    """Ops without weights that came after the first ones."""
    if found := _POOL.fullmatch(key):
        width, kernel, stride = map(int, found.groups()[1:4])
        padding: PoolPadding = _named(found[6], get_args(PoolPadding), "symmetric")
        pool = Pool("max" if found[1] == "max" else "average", width, kernel, stride, _size(found[5]), padding)
        return (pool,) if stride else ()
    if (found := _ACTIVATE.fullmatch(key)) and (activation := _activation(found[3])):
        return (Activate(int(found[1]), _size(found[2]), activation),)
    if found := _CONCAT.fullmatch(key):
        return (Concat(tuple(map(int, found[1].split("+"))), _size(found[2])),)
    if found := _SLICE.fullmatch(key):
        into, width, first = map(int, found.groups()[:3])
        return (Slice(into, first, width, _size(found[4])),)
    if found := _SHUFFLE.fullmatch(key):
        return (Shuffle(int(found[1]), int(found[2]), _size(found[3])),)
    return ()


def _size(text: str) -> Size:
    """Of a part of a key; another spelling of a square is none of a key's, which is compared in the end."""
    height, _, width = text.partition("x")
    return make_size(int(height), int(width or height))


def _named(text: str | None, names: tuple[T, ...], usual: T) -> T:
    return next((name for name in names if text == f" {name}"), usual)


def _is_possible(op: Op) -> bool:
    """Whether all counts of an op are positive, its groups divide its widths, and something is left of its map."""
    counts = [getattr(op, name) for name in op.__struct_fields__ if name != "first"]
    if any(value < 1 for value in counts if isinstance(value, int)):
        return False
    if not isinstance(op, Linear) and shorter_side(op.size) < 1:
        return False
    match op:
        case Conv():
            return op.in_width % op.groups == op.out_width % op.groups == 0 and shorter_side(op.out_size) > 0
        case Pool():
            return shorter_side(op.out_size) > 0
        case Slice():
            return op.first + op.width <= op.in_width
        case Shuffle():
            return op.width % op.groups == 0
        case Concat():
            return min(op.widths) > 0
        case _:
            return True


def _activation(text: str) -> Activation | None:
    return next((name for name in get_args(Activation) if name == text), None)


def _inputs(ops: tuple[Op, ...]) -> tuple[Shape, ...]:
    """What the ops take from outside."""
    first = input_shapes_of(ops[0])
    return (*first, Shape(ops[1].width, ops[1].size)) if len(ops) > 1 and isinstance(ops[1], Add) else first
