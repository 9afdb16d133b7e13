"""`random_weights`: weights for timing."""

from typing import assert_never

import numpy as np

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
from nas.runtimes.runtime import Array

_NOISE = 65_537  # a prime: no two filters are equal


def random_weights(graph: Graph, seed: int = 0) -> dict[str, Array]:
    """Weights for timing: activations keep a scale near one through the depth, so that none is denormal."""
    noise = np.random.default_rng(seed).standard_normal(_NOISE, np.float32)
    return {name: array for node in graph.nodes for name, array in _draw(node.name, node.op, noise).items()}


def _draw(name: str, op: Op, noise: Array) -> dict[str, Array]:
    """Weights of an op, the same noise over and over: to draw as many numbers takes longer than to time the network."""

    def normal(*shape: int) -> Array:
        fan_in = max(1, int(np.prod(shape[1:])))
        return np.resize(noise * np.float32((2 / fan_in) ** 0.5), shape)

    def affine(part: str, out: int, *rest: int) -> dict[str, Array]:
        return {f"{name}.{part}.weight": normal(out, *rest), f"{name}.{part}.bias": np.zeros(out, np.float32)}

    match op:
        case Conv():
            weight = normal(op.out_width, op.in_width // op.groups, op.kernel, op.kernel)
            return {f"{name}.conv.weight": weight} | _draw_affine(name, "conv", op)
        case SqueezeExcite():
            return affine("reduce", op.inner, op.width, 1, 1) | affine("expand", op.width, op.inner, 1, 1)
        case Linear():
            return {f"{name}.linear.weight": normal(op.out_width, op.in_width)} | _draw_affine(name, "linear", op)
        case Add() | Activate() | Pool() | GlobalPool() | Concat() | Slice() | Shuffle():
            return {}
        case Upsample() | Sigmoid() | Multiply() | AnchorList():
            return {}
        case _:
            assert_never(op)


def _draw_affine(name: str, layer: str, op: Conv | Linear) -> dict[str, Array]:
    """What follows a layer, as if there were none."""
    ones, zeros = np.ones(op.out_width, np.float32), np.zeros(op.out_width, np.float32)
    match op.affine:
        case "norm":
            norm = {"weight": ones, "bias": zeros, "running_mean": zeros, "running_var": ones}
            return {f"{name}.norm.{part}": value for part, value in norm.items()}
        case "bias":
            return {f"{name}.{layer}.bias": zeros}
        case "none":
            return {}
        case _:
            assert_never(op.affine)
