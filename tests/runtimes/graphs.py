"""Graphs, weights and inputs that runtimes are compared on."""

from types import NoneType
from typing import Literal, get_args, get_origin, get_type_hints

import numpy as np
from msgspec.structs import replace

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
    Op,
    Pool,
    Shuffle,
    Sigmoid,
    Slice,
    SqueezeExcite,
    Upsample,
)
from nas.design.shapes import Shape
from nas.design.walk import Node
from nas.latency.prediction.entry import Entry, parse_key
from nas.runtimes import open_runtime
from nas.runtimes.graphs.random_weights import random_weights
from nas.runtimes.graphs.shapes import input_shapes
from nas.runtimes.runtime import Array, Model, Ranges

# Of every op at least one, whose activations and paddings all differ in what they compute.
REPRESENTATIVES: tuple[Op, ...] = (
    Conv(3, 16, 3, 2, 1, 14, None),
    Conv(16, 24, 1, 1, 1, 7, None),
    Conv(24, 24, 5, 2, 24, 14, None),
    SqueezeExcite(24, 8, 7),
    Add(24, 7),
    Activate(24, 7, "relu"),
    Pool("max", 24, 3, 2, 14),
    GlobalPool(24, 7),
    Concat((16, 8), 7),
    Slice(24, 8, 12, 7),
    Shuffle(24, 3, 7),
    Linear(24, 16, None),
    Upsample(24, 7, 14),
    Sigmoid(24, 7),
    Multiply(24, 7, 1),
    AnchorList(4, (24, 12), (5, 3)),
)
# What is easily got wrong: a fused sum, one channel, one pixel, a kernel larger than its map, groups of several.
EDGES = (
    "conv 16>24 k1 s1 g1 7 linear +add",
    "conv 16>16 k3 s1 g1 8 relu +add",
    "conv 24>24 k7 s2 g24 2 relu",
    "conv 24>24 k5 s1 g24 1 relu6",
    "conv 24>24 k5 s2 g24 15 relu",
    "conv 8>16 k3 s2 g8 8 linear",
    "conv 8>12 k3 s1 g4 6 relu",
    "conv 12>24 k1 s1 g3 6 relu",
    "conv 3>16 k7 s2 g1 15 relu none +bias",
    "max 24 k3 s2 15",
    "max 24 k3 s2 14 ceil",
    "conv 16>16 k5 s2 g1 8x15 relu",
    "conv 16>16 k5 s2 g1 8x15 relu tensorflow",
    "conv 24>24 k3 s2 g24 15x14 relu tensorflow",
    "conv 24>24 k3 s2 g24 14x6 relu tensorflow",
    "conv 8>8 k3 s1 g1 5x9 relu +add",
    "max 24 k3 s2 14x15 ceil",
    "max 24 k3 s2 15x14",
    "average 24 k3 s2 15x6",
    "concat 8+8 5x7",
    "slice 24>12 at0 7x4",
    "shuffle 24 g3 7x4",
    "se 24>8 5x9",
    "act 24 5x9 hswish",
    "pool 24 5x9",
    "average 24 k3 s2 15",
    "conv 24>24 k3 s1 g24 d2 9 relu",
    "conv 24>24 k5 s1 g24 d2 8x5 hswish tensorflow",
    "conv 8>8 k3 s1 g1 d3 7x10 relu +add",
    "conv 8>8 k3 s1 g1 d2 9 relu none",
    "average 24 k7 s7 7 none",
    "average 24 k5x9 s5x9 5x9 none",
    "average 24 k2x3 s1x2 7x8 none",
    "max 24 k2x3 s1x2 7x8 none",
    "upsample 24 5x9>7x13",
    "upsample 24 7x13>3x4",
    "upsample 24 1>5x9",
    "multiply 24 5x9 by 5x9",
    "multiply 24 5x9 by 1",
    "anchors 91 273@2x3+546@1x2",
    "anchors 3 3@1",
    "concat 8+8+4 5",
    "slice 24>12 at0 7",
    "shuffle 24 g2 7",
    "conv 1>6 k3 s1 g1 5 linear",
    "conv 6>1 k1 s2 g1 5 linear",
    "se 3>1 1",
    "pool 5 1",
    "linear 7>1 relu6",
)


def variants(op: Op) -> list[Op]:
    """The op, and with each other value of each of its fields of listed words (activation, padding, …).

    A padding that changes nothing is left out.
    """
    listed = {name: words for name, hint in get_type_hints(type(op)).items() if (words := listed_words(hint))}
    others = [replace(op, **{name: word}) for name, words in listed.items() for word in words]
    made = list(dict.fromkeys([op, *others]))
    return [one for one in made if not (isinstance(one, Conv) and pads_as_usual(one))]


def pads_as_usual(op: Conv) -> bool:
    """Whether a padding that is not the default one puts the same zeros."""
    usual = replace(op, padding="symmetric")
    return op.padding != usual.padding and (op.pads, op.out_size) == (usual.pads, usual.out_size)


def listed_words(hint: object) -> tuple[object, ...]:
    """The values of a Literal or of an optional one; none of any other type."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    found = tuple(word for part in get_args(hint) for word in listed_words(part))
    return (None, *found) if found and NoneType in get_args(hint) else found


# Members of the union in its order: one without a representative has no rows, and a test of its own that says so.
ROWS: dict[str, Entry] = {
    piece.key: piece
    for piece in (
        *(
            Entry("a", (one,))
            for kind in get_args(Op)
            for op in REPRESENTATIVES
            if type(op) is kind
            for one in variants(op)
        ),
        *map(parse_key, EDGES),
    )
}


def lively_weights(graph: Graph, seed: int = 0) -> dict[str, Array]:
    """Random weights whose batch norms all do something."""
    rng = np.random.default_rng(seed)
    weights = random_weights(graph, seed)
    for name, value in weights.items():
        if ".norm." in name or name.endswith(".bias"):
            weights[name] = rng.uniform(0.5, 1.5, value.shape).astype(np.float32)
    return weights


def images(graph: Graph, seed: int = 0, batch: int = 1) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape, np.float32) for shape in input_shapes(graph, batch)]


def single(op: Op, shape: Shape, *more: Shape) -> Graph:
    """One op alone, named `only`."""
    shapes = (shape, *more)
    return Graph(shapes, (Node("only", op, tuple(-1 - i for i in range(len(shapes)))),), norm_eps=0.0)


def reference(runtime: str, graph: Graph, weights: dict[str, Array], ranges: Ranges, batch: int) -> Model:
    """ONNX Runtime, which adds exactly: on a runtime's own file if that is an ONNX file, for its weights may differ."""
    exact, other = (open_runtime(name, batch=batch, precision="int8") for name in ("onnxruntime", runtime))
    content = (other if other.suffix == ".onnx" else exact).encode(graph, weights, ranges)
    return exact.open(content)
