"""Parameters and multiply-adds (MACs) of ops and graphs.

One multiply-add is one MAC. Counted are convolutions and fully connected layers, as published tables do;
not counted are batch norm, bias adds, activations, pooling, resizing, gates and the residual sum. Batch 1.
"""

from typing import assert_never

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
from nas.design.size import area


def op_params(op: Op) -> int:
    """Trained parameters, batch norm's scale and shift included, its running statistics not."""
    match op:
        case Conv():
            return op.kernel**2 * (op.in_width // op.groups) * op.out_width + _affine_params(op)
        case SqueezeExcite():
            return 2 * op.width * op.inner + op.inner + op.width
        case Linear():
            return op.in_width * op.out_width + _affine_params(op)
        case Add() | Activate() | Pool() | GlobalPool() | Concat() | Slice() | Shuffle():
            return 0
        case Upsample() | Sigmoid() | Multiply() | AnchorList():
            return 0
        case _:
            assert_never(op)


def _affine_params(op: Conv | Linear) -> int:
    return {"norm": 2, "bias": 1, "none": 0}[op.affine] * op.out_width


def op_macs(op: Op) -> int:
    """Multiply-adds for one image."""
    match op:
        case Conv():
            return op.kernel**2 * (op.in_width // op.groups) * op.out_width * area(op.out_size)
        case SqueezeExcite():
            return 2 * op.width * op.inner
        case Linear():
            return op.in_width * op.out_width
        case Add() | Activate() | Pool() | GlobalPool() | Concat() | Slice() | Shuffle():
            return 0
        case Upsample() | Sigmoid() | Multiply() | AnchorList():
            return 0
        case _:
            assert_never(op)


def params(graph: Graph) -> int:
    """Trained parameters of a whole network."""
    return sum(op_params(node.op) for node in graph.nodes)


def macs(graph: Graph) -> int:
    """Multiply-adds of a whole network for one image."""
    return sum(op_macs(node.op) for node in graph.nodes)
