"""Which tensors must be cut together, read off the graph: every set of axes that carries one set of channels."""

from typing import assert_never

from msgspec import Struct

from nas.design.graph import Graph
from nas.design.op import Add, Conv, GlobalPool, Linear, SqueezeExcite


class ChannelGroup(Struct, frozen=True):
    """One set of channels. All members share one index set when it is cut.

    `producers` write it (output axis of the weights, and their norm), `through` keep it (depthwise filters;
    squeeze-excite: input axis of reduce, output axis of expand), `consumers` read it (input axis).
    """

    width: int
    producers: tuple[str, ...]
    through: tuple[str, ...]
    consumers: tuple[str, ...]


def channel_groups(graph: Graph) -> tuple[ChannelGroup, ...]:
    """The channel groups of a graph, in order of their first producer; the residual sum joins its inputs.

    The group of the graph's input has no producer and the group of its output no consumer.
    """
    first = len(graph.inputs)
    spaces = _spaces(graph)
    order: dict[int, int] = {}
    for space in spaces:
        order.setdefault(space, len(order))
    producers: list[list[str]] = [[] for _ in order]
    through: list[list[str]] = [[] for _ in order]
    consumers: list[list[str]] = [[] for _ in order]
    widths = [0] * len(order)
    for number, shape in enumerate(graph.inputs):
        widths[order[spaces[first - 1 - number]]] = shape.width
    for number, node in enumerate(graph.nodes):
        out, into = order[spaces[first + number]], order[spaces[first + node.inputs[0]]]
        match node.op:
            case Conv(depthwise=True) | SqueezeExcite():
                through[out].append(node.name)
            case Conv() | Linear():
                producers[out].append(node.name)
                consumers[into].append(node.name)
                widths[out] = node.op.out_width
            case _:
                pass
    return tuple(
        ChannelGroup(width, tuple(p), tuple(t), tuple(c))
        for width, p, t, c in zip(widths, producers, through, consumers, strict=True)
    )


def _spaces(graph: Graph) -> list[int]:
    """A representative for the channels of every value: inputs first (last input first), then nodes."""
    first = len(graph.inputs)
    parent = list(range(first + len(graph.nodes)))

    def root(value: int) -> int:
        while parent[value] != value:
            value = parent[value]
        return value

    for number, node in enumerate(graph.nodes):
        match node.op:
            case Conv(depthwise=False) | Linear():
                pass
            case Conv() | SqueezeExcite() | Add() | GlobalPool():
                for source in node.inputs:
                    a, b = sorted((root(first + source), root(first + number)))
                    parent[b] = a
            case _:
                assert_never(node.op)
    return [root(value) for value in range(len(parent))]
