"""From the times of a network's executed nodes to those of its entries."""

import re
from collections.abc import Mapping, Sequence

from nas.design.graph import Graph
from nas.latency.prediction.entry import Entry, entries

# A node of the graph's name, standing alone in a longer one.
_NAME = r"(?<![A-Za-z0-9])({})(?![A-Za-z0-9_])"


def by_entry(graph: Graph, nodes: Sequence[tuple[str, float]]) -> list[tuple[Entry, float]]:
    """Milliseconds of every entry of a graph, in order, from (name, milliseconds) of executed nodes.

    Runtimes fuse and rename, but keep a name of the graph in theirs, like `s0b0_project.conv_nchwc`. Nodes without one
    are layout changes: they belong to what comes next, and at the end to the last entry.
    """
    pieces = entries(graph)
    owners = _owners(graph, pieces)
    pattern = re.compile(_NAME.format("|".join(re.escape(name) for name in owners)))
    spent = [0.0] * len(pieces)
    waiting = 0.0
    for name, ms in nodes:
        found = pattern.search(name)
        if found is None:
            waiting += ms
            continue
        spent[owners[found[1]]] += ms + waiting
        waiting = 0.0
    spent[-1] += waiting
    return list(zip(pieces, spent, strict=True))


def _owners(graph: Graph, pieces: Sequence[Entry]) -> Mapping[str, int]:
    """The entry's number for every node name of the graph."""
    numbers = [number for number, piece in enumerate(pieces) for _ in piece.ops]
    return {node.name: number for node, number in zip(graph.nodes, numbers, strict=True)}
