"""The reference network, and what a call of the runtime costs beside its ops."""

import statistics
from collections.abc import Sequence

from nas.design.graph import Graph, lower
from nas.design.known import known
from nas.design.op import Add
from nas.design.shapes import Shape
from nas.design.walk import Node

REFERENCE = "mobilenet_v3_small"
# Long and short chain of the smallest op: the difference is the op, the rest is the call.
_SHORT, _LONG = 1, 9


def reference_graph(name: str = REFERENCE) -> Graph:
    """The graph of the reference network."""
    return lower(known(name))


def call_plans() -> tuple[Graph, Graph]:
    """A short and a long chain of sums of two numbers."""
    return _chain(_SHORT), _chain(_LONG)


def call_ratio(short: Sequence[float], long: Sequence[float]) -> float:
    """A call without any op, over the reference, from the ratios of both chains."""
    one, many = statistics.median(short), statistics.median(long)
    return max(0.0, one - _SHORT * (many - one) / (_LONG - _SHORT))


def _chain(length: int) -> Graph:
    nodes = [Node(f"sum{i}", Add(1, 1), (i - 1, -2)) for i in range(length)]
    return Graph((Shape(1, 1), Shape(1, 1)), tuple(nodes))
