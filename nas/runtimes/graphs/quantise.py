"""Int8: what every runtime's quantised model of a graph is made of.

Weights are int8 around zero with one scale an output channel (for OpenVINO in 7 bits, see `SEVEN_BITS`), biases int32
with the scale of input times weight,
activations unsigned 8 bit with one (scale, zero point) a tensor, zero exact. See Jacob et al. 2018, section 2.

A node's output is named as the node. Before a curved activation lies `NAME.pre`; inside a squeeze-excite lie
`NAME.pool`, `NAME.relu` (behind the first layer), `NAME.pre` (before the hard sigmoid) and `NAME.gate`, which is always
(0, 1).
"""

from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nas.design.graph import Graph
from nas.design.op import (
    Activate,
    AnchorList,
    Concat,
    Conv,
    Linear,
    Op,
    Pool,
    Shuffle,
    Slice,
    SqueezeExcite,
    Upsample,
    is_curved,
)
from nas.design.walk import Node
from nas.device.onnxruntime_session import silent_onnxruntime
from nas.errors import NasError
from nas.runtimes.graphs.shapes import input_names
from nas.runtimes.runtime import Array, Ranges, Weights

GATE = (0.0, 1.0)
EIGHT_BITS, SEVEN_BITS = 127, 63
"""The largest weight in steps. x86 processors without VNNI add the products of two bytes in 16 bits and clip what is
larger, silently: 2 * 255 * 127 is, 2 * 255 * 63 is not. ONNX Runtime can be told to add exactly, OpenVINO cannot.
"""
# Below, a tensor is dead, and float32 itself gets coarse.
_LEAST = 1e-30


class ByteCode(Struct, frozen=True):
    """The real number of byte b is scale * (b - zero), b and zero in 0 ... 255."""

    scale: float
    zero: int


def code_of(low: float, high: float) -> ByteCode:
    """The code of a range, widened to hold zero, which is then a byte of its own.

    >>> code_of(0, 255)
    ByteCode(scale=1.0, zero=0)
    """
    low, high = min(low, 0.0), max(high, 0.0)
    # As float32, as models store it: the zero point is then right for the scale that is used.
    scale = float(np.float32((high - low) / 255))
    if scale < _LEAST:
        return ByteCode(1.0, 0)
    return ByteCode(scale, round(-low / scale))


def int8_weight(weight: Array, most: int = EIGHT_BITS) -> tuple[NDArray[np.int8], Array]:
    """A weight [out, ...] in int8, the largest of each channel being `most`, and its scales [out]."""
    largest = np.abs(weight).reshape(len(weight), -1).max(axis=1)
    scales = np.where(largest > 0, largest, 1).astype(np.float32) / np.float32(most)
    return np.rint(weight / scales.reshape(-1, *[1] * (weight.ndim - 1))).astype(np.int8), scales


def int32_bias(bias: Array, scales: Array) -> NDArray[np.int32]:
    """A bias [out] counted in steps of these scales [out]."""
    return np.rint(bias.astype(np.float64) / scales).clip(-(2**31) + 1, 2**31 - 1).astype(np.int32)


def tensor_names(graph: Graph) -> tuple[str, ...]:
    """Every tensor that has a range, inputs first, in execution order."""
    return (*input_names(graph), *(name for node in graph.nodes for name in _names(node)))


def _names(node: Node) -> tuple[str, ...]:
    match node.op:
        case SqueezeExcite():
            return (*(f"{node.name}.{part}" for part in ("pool", "relu", "pre", "gate")), node.name)
        case (Conv() | Linear()) as op if is_curved(op.activation):
            return (f"{node.name}.pre", node.name)
        case _:
            return (node.name,)


def calibrate_ranges(graph: Graph, weights: Weights, images: Iterable[Array]) -> dict[str, tuple[float, float]]:
    """The ranges of every tensor of the float32 network over real images [N, C, S, S]; see `observe`."""
    return observe(graph, weights, ([batch[i : i + 1]] for batch in images for i in range(len(batch))))


def observe(graph: Graph, weights: Weights, samples: Iterable[Sequence[Array]]) -> dict[str, tuple[float, float]]:
    """The ranges of every tensor over samples, each the inputs of the graph at batch 1.

    The ends are the lowest and the highest value reached: on trained weights the logits' error was a quarter of what
    the mean of each sample's ends gave. Raises NasError without samples or where a value is not finite.
    """
    from nas.runtimes.graphs.onnx_graph import to_observed

    session = silent_onnxruntime().InferenceSession(to_observed(graph, weights), providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    reached = [session.run(None, dict(zip(names, arrays, strict=True))) for arrays in samples]
    if not reached:
        raise NasError("int8 needs images to read the ranges of activations from, and none were given.")
    ends = np.array(reached, np.float64)  # [samples, low and high of each tensor]
    lows, highs = ends[:, 0::2].min(axis=0).tolist(), ends[:, 1::2].max(axis=0).tolist()
    found = dict(zip(tensor_names(graph), zip(lows, highs, strict=True), strict=True))
    for name, (low, high) in found.items():
        if not np.isfinite(high - low):
            raise NasError(f"int8: {name} reaches {low} to {high} on the images; the weights are not usable.")
    return found | {name: GATE for name in found if name.endswith(".gate")}


def shared_ranges(graph: Graph, ranges: Ranges) -> Ranges:
    """The ranges with one for all maps whose bytes an op only moves or compares: runtimes do not round these anew."""
    names = {-1 - i: name for i, name in enumerate(input_names(graph))} | {
        number: node.name for number, node in enumerate(graph.nodes)
    }
    found = dict(ranges)
    groups: dict[str, set[str]] = {}
    for number, node in enumerate(graph.nodes):
        if moves_bytes(node.op):
            members = {name for value in (number, *node.inputs) for name in groups.get(names[value], {names[value]})}
            groups |= dict.fromkeys(members, members)
    for name, members in groups.items():
        lows, highs = zip(*(ranges[member] for member in members), strict=True)
        found[name] = (min(lows), max(highs))
    return found


def moves_bytes(op: Op) -> bool:
    """Whether an op leaves bytes in the code of those that it takes."""
    if isinstance(op, Pool):
        return not op.covers or op.kind == "max"  # the mean of a whole map has a range of its own
    return isinstance(op, Concat | Slice | Shuffle | Upsample | AnchorList)


def random_ranges(graph: Graph) -> Ranges:
    """Ranges for timing, which does not depend on them: a few standard deviations, from zero where none is below."""
    rectified = rectified_nodes(graph)
    rectified |= {f"{node.name}.relu" for node in graph.nodes if isinstance(node.op, SqueezeExcite)}
    gates = {f"{node.name}.gate" for node in graph.nodes if isinstance(node.op, SqueezeExcite)}
    return {
        name: GATE if name in gates else (0.0, 6.0) if name in rectified else (-4.0, 4.0)
        for name in tensor_names(graph)
    }


def rectified_nodes(graph: Graph) -> set[str]:
    """The names of nodes that leave nothing below zero: activations, and what only moves or pools their values."""
    found: set[str] = set()
    for node in graph.nodes:
        moved = isinstance(node.op, Pool | Concat | Slice | Shuffle | Upsample | AnchorList) and all(
            number >= 0 and graph.nodes[number].name in found for number in node.inputs
        )
        if moved or rectifies(node.op):
            found.add(node.name)
    return found


def rectifies(op: Op) -> bool:
    """Whether an op ends in an activation that leaves nothing below zero."""
    activation = op.activation if isinstance(op, Conv | Linear | Activate) else None
    return activation is not None and not is_curved(activation)
