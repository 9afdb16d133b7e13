"""What every runtime's model of a graph has in common: names and shapes of its ends, folded convolutions."""

from typing import assert_never

import numpy as np

from nas.design import shapes as design_shapes
from nas.design.graph import Graph
from nas.design.op import AnchorList, Conv, Linear, Op
from nas.design.size import height_width
from nas.runtimes.runtime import Array, Weights


def input_names(graph: Graph) -> tuple[str, ...]:
    """`image`, and `image_2` for the shortcut where a lone piece takes two maps."""
    return tuple("image" if i == 0 else f"image_{i + 1}" for i in range(len(graph.inputs)))


def input_shapes(graph: Graph, batch: int = 1) -> tuple[tuple[int, ...], ...]:
    """[N, C, H, W] an input, [N, C] where its reader is a linear layer."""
    vectors = {i for node in graph.nodes if isinstance(node.op, Linear) for i in node.inputs if i < 0}
    return tuple(
        (batch, shape.width) if -1 - i in vectors else (batch, shape.width, *height_width(shape.size))
        for i, shape in enumerate(graph.inputs)
    )


def output_shapes(graph: Graph, batch: int = 1) -> dict[str, tuple[int, ...]]:
    """By name: [N, C, H, W], [N, C] behind a pool or a linear layer, [N, anchors, columns] of a list."""
    return {output.name: (batch, *_left_by(graph.nodes[output.node].op)) for output in graph.outputs}


def _left_by(op: Op) -> tuple[int, ...]:
    left = design_shapes.output_shape(op)
    if design_shapes.gives_vector(op):
        return (left.width,)
    if isinstance(op, AnchorList):
        return sum(op.lengths), op.columns
    return (left.width, *height_width(left.size))


def folded(weights: Weights, name: str, op: Conv | Linear, eps: float) -> tuple[Array, Array]:
    """Weight [out, ...] and bias [out] of a layer with its batch norm, exact in inference; without either, zeros."""
    layer = f"{name}.{'linear' if isinstance(op, Linear) else 'conv'}"
    weight = weights[f"{layer}.weight"]
    match op.affine:
        case "norm":
            scale = weights[f"{name}.norm.weight"] / np.sqrt(weights[f"{name}.norm.running_var"] + eps)
            bias = weights[f"{name}.norm.bias"] - weights[f"{name}.norm.running_mean"] * scale
            return weight * scale.reshape(-1, *[1] * (weight.ndim - 1)), bias
        case "bias":
            return weight, weights[f"{layer}.bias"]
        case "none":
            return weight, np.zeros(op.out_width, np.float32)
        case _:
            assert_never(op.affine)
