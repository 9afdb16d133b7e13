"""Which tensors must be cut together: every channel has a number, and one walk says where each number turns up.

A layer makes new numbers; depthwise filters, activations and pools keep them, a sum or a product with a gate makes two
of them one, and concatenations, slices and shuffles only move them. Channels that turn up in the same tensors are one
group.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import assert_never

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nas.design.graph import Graph
from nas.design.op import (
    Activate,
    Add,
    AnchorList,
    Concat,
    Conv,
    GlobalPool,
    Linear,
    Multiply,
    Pool,
    Shuffle,
    Sigmoid,
    Slice,
    SqueezeExcite,
    Upsample,
)

_Numbers = NDArray[np.int64]
Places = Sequence[int]
"""Where the channels of a group lie on an axis, in the group's order: a range where they lie side by side.

A channel may lie on an axis more than once, each of its group equally often: its places follow one another.
"""


class ChannelGroup(Struct, frozen=True, cache_hash=True):
    """One set of channels. All members share one index set when it is cut.

    `producers` write it (output axis of the weights, and their norm), `through` keep it (depthwise filters;
    squeeze-excite: input axis of reduce, output axis of expand), `consumers` read it (input axis). `written` are its
    places on the output axis of `producers` and `through`, `read` on the input axis of `through` and `consumers`.
    """

    width: int
    producers: tuple[str, ...]
    through: tuple[str, ...]
    consumers: tuple[str, ...]
    written: tuple[Places, ...]
    read: tuple[Places, ...]

    def written_places(self) -> dict[str, Places]:
        """By node."""
        return dict(zip((*self.producers, *self.through), self.written, strict=True))

    def read_places(self) -> dict[str, Places]:
        """By node."""
        return dict(zip((*self.through, *self.consumers), self.read, strict=True))


class _Axis(Struct, frozen=True, eq=False):
    """An axis of a node's tensors, and the numbers of its channels."""

    role: str
    name: str
    numbers: _Numbers


# A network is cut in hundreds of ways, and read once for each.
@lru_cache(maxsize=64)
def channel_groups(graph: Graph) -> tuple[ChannelGroup, ...]:
    """The channel groups of a graph, in order of their first channel; the residual sum joins its inputs.

    The group of the graph's input has no producer and the group of its output no consumer.
    """
    axes, same = _walked(graph)
    roots = [_Axis(axis.role, axis.name, same[axis.numbers]) for axis in axes]
    # Channels of one group turn up in the same axes: the sum of a mark an axis tells the sets of axes apart.
    marks = np.random.default_rng(0).integers(1, 1 << 62, len(axes), np.int64)
    marked = np.zeros(len(same), np.int64)
    for axis, mark in zip(roots, marks, strict=True):
        np.add.at(marked, axis.numbers, mark)  # a channel that turns up twice counts twice
    found: dict[int, dict[str, list[tuple[str, Places]]]] = defaultdict(lambda: defaultdict(list))
    order: dict[int, int] = {}
    width: dict[int, int] = {}
    for axis in roots:
        for group, places, first, channels in _split(axis.numbers, marked[axis.numbers]):
            found[group][axis.role].append((axis.name, places))
            order[group] = min(first, order.get(group, first))
            width[group] = channels
    return tuple(_group(width[group], found[group]) for group in sorted(found, key=lambda group: order[group]))


def _walked(graph: Graph) -> tuple[list[_Axis], _Numbers]:
    """The axes of all nodes with the numbers of their channels, and for each number the one that it is the same as."""
    total = sum(shape.width for shape in graph.inputs)
    total += sum(node.op.out_width for node in graph.nodes if isinstance(node.op, Conv | Linear))
    same, used = np.arange(total), 0
    values: dict[int, _Numbers] = {}
    axes: list[_Axis] = []
    for place, shape in enumerate(graph.inputs):
        values[-1 - place] = np.arange(used, used + shape.width)
        used += shape.width
    for number, node in enumerate(graph.nodes):
        first, *others = (values[i] for i in node.inputs)
        match node.op:
            case Conv(depthwise=True) | SqueezeExcite():
                axes += [_Axis("through", node.name, first)]
                left = first
            case (Conv() | Linear()) as op:
                left = np.arange(used, used + op.out_width)
                used += op.out_width
                axes += [_Axis("consumers", node.name, first), _Axis("producers", node.name, left)]
            case Add() | Multiply():
                same, left = _joined(same, first, others[0]), first
            case Activate() | Pool() | GlobalPool() | Upsample() | Sigmoid():
                left = first
            case AnchorList():  # an end of a network: what it leaves are columns, no channels, and nobody reads it
                left = first[: node.op.columns]
            case Concat():
                left = np.concatenate([first, *others])
            case Slice() as op:
                left = first[op.first : op.first + op.width]
            case Shuffle() as op:
                left = first.reshape(op.groups, -1).T.reshape(-1)
            case _:
                assert_never(node.op)
        values[number] = left
    return axes, same


def _joined(same: _Numbers, one: _Numbers, other: _Numbers) -> _Numbers:
    """Channels made one, place by place; of two numbers the smaller stays."""
    while not np.array_equal(a := same[one], b := same[other]):
        moved = np.arange(len(same))
        np.minimum.at(moved, np.maximum(a, b), np.minimum(a, b))
        while not np.array_equal(moved, moved[moved]):
            moved = moved[moved]
        same = moved[same]
    return same


def _split(numbers: _Numbers, groups: _Numbers) -> Iterable[tuple[int, Places, int, int]]:
    """Every group on an axis, its places in the order of the channels' numbers, the smallest number, and how many."""
    if (groups == groups[0]).all() and (numbers[1:] > numbers[:-1]).all():  # as nearly everywhere
        yield int(groups[0]), range(len(numbers)), int(numbers[0]), len(numbers)
        return
    for group in np.unique(groups):
        places = np.flatnonzero(groups == group)
        places = places[np.argsort(numbers[places], kind="stable")]
        yield int(group), _as_range(places), int(numbers[places[0]]), len(np.unique(numbers[places]))


def _as_range(places: _Numbers) -> Places:
    first, last = int(places[0]), int(places[-1])
    if last - first == len(places) - 1 and bool((np.diff(places) == 1).all()):
        return range(first, last + 1)
    return tuple(places.tolist())


def _group(width: int, members: dict[str, list[tuple[str, Places]]]) -> ChannelGroup:
    producers, through, consumers = (members[role] for role in ("producers", "through", "consumers"))
    written, read = [*producers, *through], [*through, *consumers]
    return ChannelGroup(
        width=width,
        producers=tuple(name for name, _ in producers),
        through=tuple(name for name, _ in through),
        consumers=tuple(name for name, _ in consumers),
        written=tuple(places for _, places in written),
        read=tuple(places for _, places in read),
    )
