"""What every runtime's model of a graph has in common: names and shapes of its ends, folded convolutions."""

from typing import assert_never

import numpy as np

from nas.design.graph import Graph
from nas.design.op import Add, Conv, GlobalPool, Linear, SqueezeExcite
from nas.runtimes.runtime import Array, Weights


def input_names(graph: Graph) -> tuple[str, ...]:
    """`image`, and `image_2` for the shortcut where a lone piece takes two maps."""
    return tuple("image" if i == 0 else f"image_{i + 1}" for i in range(len(graph.inputs)))


def input_shapes(graph: Graph, batch: int = 1) -> tuple[tuple[int, ...], ...]:
    """[N, C, S, S] an input, [N, C] where its reader is a linear layer."""
    vectors = {i for node in graph.nodes if isinstance(node.op, Linear) for i in node.inputs if i < 0}
    return tuple(
        (batch, shape.width) if -1 - i in vectors else (batch, shape.width, shape.size, shape.size)
        for i, shape in enumerate(graph.inputs)
    )


def output_shape(graph: Graph, batch: int = 1) -> tuple[int, ...]:
    """[N, C, S, S], or [N, C] behind a pool or a linear layer."""
    match graph.nodes[-1].op:
        case Conv() as op:
            return (batch, op.out_width, op.out_size, op.out_size)
        case SqueezeExcite() | Add() as op:
            return (batch, op.width, op.size, op.size)
        case GlobalPool() as op:
            return (batch, op.width)
        case Linear() as op:
            return (batch, op.out_width)
        case _:
            assert_never(graph.nodes[-1].op)


def folded(weights: Weights, name: str, eps: float) -> tuple[Array, Array]:
    """Weight [out, in / groups, k, k] and bias [out] of a convolution with its batch norm, exact in inference."""
    scale = weights[f"{name}.norm.weight"] / np.sqrt(weights[f"{name}.norm.running_var"] + eps)
    bias = weights[f"{name}.norm.bias"] - weights[f"{name}.norm.running_mean"] * scale
    return weights[f"{name}.conv.weight"] * scale[:, None, None, None], bias
