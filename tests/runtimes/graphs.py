"""Graphs, weights and inputs that runtimes are compared on."""

from typing import get_args

import numpy as np

from nas.design.graph import Graph, lower
from nas.design.known import known
from nas.design.op import Activation, Op
from nas.design.walk import Node, Shape
from nas.latency.prediction.entry import entries, parse_key
from nas.runtimes.graphs.onnx_graph import random_weights
from nas.runtimes.graphs.shapes import input_shapes
from nas.runtimes.runtime import Array

_PIECES = {e.key: e for n in ("mobilenet_v3_small-0.5-64", "mobilenet_v2-0.35-64") for e in entries(lower(known(n)))}
# Every kind of entry several times, and few enough to be quick.
PIECES = [piece for number, piece in enumerate(_PIECES.values()) if number % 3 == 0 or len(piece.ops) > 1]
# And each activation behind each kind of layer.
_LAYERS = ("conv 3>16 k3 s2 g1 32", "conv 16>24 k1 s1 g1 7", "conv 24>24 k5 s2 g24 14", "linear 24>16")
PIECES += [parse_key(f"{layer} {activation}") for activation in get_args(Activation) for layer in _LAYERS]


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
