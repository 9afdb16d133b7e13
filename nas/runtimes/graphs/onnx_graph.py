"""`to_onnx`: an ONNX model straight from a `Graph`, batch norm folded into the convolutions, float32 or int8."""

from collections.abc import Mapping
from typing import assert_never

import numpy as np
import onnx
from onnx import TensorProto, helper

from nas.design.graph import Graph
from nas.design.op import (
    Activate,
    Activation,
    Add,
    Concat,
    Conv,
    GlobalPool,
    Linear,
    Op,
    Pool,
    Shuffle,
    Slice,
    SqueezeExcite,
)
from nas.design.walk import Node
from nas.runtimes.graphs.onnx_parts import Parts, conv_sides
from nas.runtimes.graphs.onnx_quantised import Quantised
from nas.runtimes.graphs.quantise import EIGHT_BITS, ByteCode, random_ranges, tensor_names
from nas.runtimes.graphs.shapes import folded, input_names, input_shapes, model_output_shape
from nas.runtimes.runtime import Array, Ranges, Weights

# HardSwish came with opset 14; IR 8 and opset 17 are read by every onnxruntime since 1.12 and by other runtimes.
OPSET, IR_VERSION = 17, 8
OUTPUT = "logits"
_AFFINE = ("weight", "bias")
_NOISE = 65_537  # a prime: no two filters are equal


class _Graph:
    """One fold over a graph. `named` are the tensors that have a range when the model is quantised."""

    def __init__(self, graph: Graph, weights: Weights) -> None:
        self.parts, self.graph, self.weights = Parts(), graph, weights
        self.ends: dict[str, ByteCode] = {}
        self.named: dict[str, str] = {name: name for name in input_names(graph)}
        self.values: dict[int, str] = {-1 - i: name for i, name in enumerate(input_names(graph))}

    def finish(self, value: str, output: str) -> None:
        self.parts.push("Identity", [value], output)

    def tensor(self, name: str, array: Array) -> str:
        return self.parts.constant(name, np.asarray(array, np.float32))

    def conv(self, name: str, value: str, op: Conv) -> str:
        made = self.parts.push("Conv", self.layer(name, value, op), f"{name}.conv", **conv_sides(op))
        return self.activated(name, made, op.activation)

    def layer(self, name: str, value: str, op: Conv | Linear) -> list[str]:
        weight, bias = folded(self.weights, name, op, self.graph.norm_eps)
        return [value, self.tensor(f"{name}.weight", weight), self.tensor(f"{name}.bias", bias)]

    def activated(self, name: str, made: str, activation: Activation | None) -> str:
        self.named[f"{name}.pre"] = made
        return self.parts.activation(activation, made, f"{name}.act")

    def pointwise(self, name: str, value: str) -> str:
        inputs = [value, *(self.tensor(f"{name}.{part}", self.weights[f"{name}.{part}"]) for part in _AFFINE)]
        return self.parts.push("Conv", inputs, f"{name}.conv", kernel_shape=[1, 1])

    def squeeze_excite(self, name: str, value: str, op: SqueezeExcite) -> str:
        pooled = self.parts.push("GlobalAveragePool", [value], f"{name}.pool")
        inner = self.parts.push("Relu", [self.pointwise(f"{name}.reduce", pooled)], f"{name}.relu")
        outer = self.pointwise(f"{name}.expand", inner)
        gate = self.parts.gate(op.gate, outer, f"{name}.gate")
        self.named |= {made: made for made in (pooled, inner, gate)} | {f"{name}.pre": outer}
        return self.parts.push("Mul", [value, gate], f"{name}.scaled")

    def linear(self, name: str, value: str, op: Linear) -> str:
        made = self.parts.push("Gemm", self.layer(name, value, op), f"{name}.linear", transB=1)
        return self.activated(name, made, op.activation)

    def add(self, node: Node) -> str:
        self.named[node.name] = made = self.made(node, [self.values[i] for i in node.inputs])
        return made

    def made(self, node: Node, values: list[str]) -> str:
        match node.op:
            case Conv() as op:
                return self.conv(node.name, values[0], op)
            case SqueezeExcite() as op:
                return self.squeeze_excite(node.name, values[0], op)
            case Add():
                return self.parts.push("Add", values, f"{node.name}.sum")
            case Activate() as op:
                return self.parts.activation(op.activation, values[0], f"{node.name}.act")
            case Pool() as op:
                return self.parts.pool(values[0], op, f"{node.name}.pool")
            case Concat():
                return self.parts.push("Concat", values, f"{node.name}.joined", axis=1)
            case Slice() as op:
                return self.parts.slice(values[0], op, f"{node.name}.part")
            case Shuffle() as op:
                grouped = self.parts.grouped(values[0], op, f"{node.name}.grouped")
                return self.parts.ungrouped(
                    self.parts.swapped(grouped, f"{node.name}.swapped"), op, f"{node.name}.mixed"
                )
            case GlobalPool():
                pooled = self.parts.push("GlobalAveragePool", values, f"{node.name}.pool")
                return self.parts.push("Flatten", [pooled], f"{node.name}.flat")
            case Linear() as op:
                return self.linear(node.name, values[0], op)
            case _:
                assert_never(node.op)


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


def to_onnx(
    graph: Graph,
    weights: Weights | None = None,
    name: str = "network",
    ranges: Ranges | None = None,
    batch: int = 1,
    largest_weight: int = EIGHT_BITS,
) -> onnx.ModelProto:
    """The model of a graph: inputs `image` [N, C, H, W], output `logits`, float32.

    `weights` are named as in the torch module's state dict; None draws random ones, for timing. `ranges`, (low, high)
    of every tensor by name, make it int8, with weights of at most `largest_weight` steps; None: float32. The ends of
    a lone int8 piece are bytes, and the model's
    metadata says by end "SCALE ZERO" of them.
    """
    drawn = random_weights(graph) if weights is None else weights
    fold = _Graph(graph, drawn) if ranges is None else Quantised(graph, drawn, ranges, largest_weight)
    for number, node in enumerate(graph.nodes):
        fold.values[number] = fold.add(node)
    fold.finish(fold.values[len(graph.nodes) - 1], OUTPUT)
    model = _model(
        fold.parts, graph, name, batch, [_value(OUTPUT, model_output_shape(graph, batch), fold.ends)], fold.ends
    )
    helper.set_model_props(model, {end: f"{code.scale} {code.zero}" for end, code in fold.ends.items()})
    return model


def _model(
    parts: Parts, graph: Graph, name: str, batch: int, outputs: list[onnx.ValueInfoProto], ends: Mapping[str, ByteCode]
) -> onnx.ModelProto:
    named = zip(input_names(graph), input_shapes(graph, batch), strict=True)
    inputs = [_value(label, shape, ends) for label, shape in named]
    # Made in place: the helpers copy all weights twice more.
    opsets = [helper.make_opsetid("", OPSET)]
    model = onnx.ModelProto(ir_version=IR_VERSION, producer_name="nas", opset_import=opsets)
    model.graph.name = name
    model.graph.node.extend(parts.nodes)
    model.graph.input.extend(inputs)
    model.graph.output.extend(outputs)
    model.graph.initializer.extend(parts.constants)
    return model


def _value(name: str, shape: tuple[int, ...], ends: Mapping[str, ByteCode]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.UINT8 if name in ends else TensorProto.FLOAT, shape)


def to_observed(graph: Graph, weights: Weights) -> bytes:
    """The float32 model at batch 1 whose outputs are the low and high ends of each of `tensor_names`, in turn."""
    fold, outputs = _Graph(graph, weights), []
    for number, node in enumerate(graph.nodes):
        fold.values[number] = fold.add(node)
    for name in tensor_names(graph):
        for kind in ("ReduceMin", "ReduceMax"):
            end = fold.parts.push(kind, [fold.named[name]], f"{name}.{kind}", keepdims=0)
            outputs.append(_value(end, (), {}))
    content: bytes = _model(fold.parts, graph, "ranges", 1, outputs, {}).SerializeToString()
    return content


def add_properties(content: bytes, texts: Mapping[str, str]) -> bytes:
    """An ONNX file with these texts in its metadata."""
    model = onnx.load_from_string(content)
    helper.set_model_props(model, {one.key: one.value for one in model.metadata_props} | dict(texts))
    written: bytes = model.SerializeToString()
    return written


def encode_onnx(
    graph: Graph,
    weights: Weights | None,
    ranges: Ranges | None,
    batch: int = 1,
    precision: str = "float32",
    largest_weight: int = EIGHT_BITS,
) -> bytes:
    """The file of `to_onnx`; int8 without ranges is for timing."""
    told = None if precision == "float32" else random_ranges(graph) if ranges is None else ranges
    content: bytes = to_onnx(
        graph, weights, ranges=told, batch=batch, largest_weight=largest_weight
    ).SerializeToString()
    return content
