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
    AnchorList,
    Concat,
    Conv,
    GlobalPool,
    Linear,
    Multiply,
    Pool,
    Shuffle,
    Sigmoid,
    Slice,
    SqueezeExcite,
    Upsample,
)
from nas.design.walk import Node, Output
from nas.runtimes.graphs.onnx_parts import Parts, conv_sides
from nas.runtimes.graphs.onnx_quantised import Quantised
from nas.runtimes.graphs.quantise import EIGHT_BITS, ByteCode, random_ranges, tensor_names
from nas.runtimes.graphs.random_weights import random_weights
from nas.runtimes.graphs.shapes import folded, input_names, input_shapes, output_shapes
from nas.runtimes.runtime import Array, Ranges, Weights

# HardSwish came with opset 14; IR 8 and opset 17 are read by every onnxruntime since 1.12 and by other runtimes.
OPSET, IR_VERSION = 17, 8
_AFFINE = ("weight", "bias")


class _Graph:
    """One fold over a graph. `named` are the tensors that have a range when the model is quantised."""

    def __init__(self, graph: Graph, weights: Weights, batch: int) -> None:
        self.parts, self.graph, self.weights, self.batch = Parts(), graph, weights, batch
        self.ends: dict[str, ByteCode] = {}
        self.named: dict[str, str] = {name: name for name in input_names(graph)}
        self.values: dict[int, str] = {-1 - i: name for i, name in enumerate(input_names(graph))}

    def finish(self, output: Output) -> None:
        self.parts.push("Identity", [self.values[output.node]], output.name)

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
            case Upsample() as op:
                return self.parts.upsample(values[0], op, self.batch, f"{node.name}.resized")
            case Sigmoid():
                return self.parts.push("Sigmoid", values, f"{node.name}.gate")
            case Multiply():
                return self.parts.push("Mul", values, f"{node.name}.product")
            case AnchorList() as op:
                return self.listed(node.name, values, op)
            case _:
                assert_never(node.op)

    def listed(self, name: str, values: list[str], op: AnchorList) -> str:
        rows = []
        for number, value in enumerate(values):
            last = self.parts.channels_last(value, f"{name}.{number}.last")
            rows.append(self.parts.rows(last, op, f"{name}.{number}.rows"))
        return self.parts.push("Concat", rows, f"{name}.list", axis=1)


def to_onnx(
    graph: Graph,
    weights: Weights | None = None,
    name: str = "network",
    ranges: Ranges | None = None,
    batch: int = 1,
    largest_weight: int = EIGHT_BITS,
) -> onnx.ModelProto:
    """The model of a graph: inputs `image` [N, C, H, W], outputs as the graph names them, float32.

    `weights` are named as in the torch module's state dict; None draws random ones, for timing. `ranges`, (low, high)
    of every tensor by name, make it int8, with weights of at most `largest_weight` steps; None: float32. The ends of
    a lone int8 piece are bytes, and the model's
    metadata says by end "SCALE ZERO" of them.
    """
    drawn = random_weights(graph) if weights is None else weights
    fold = _Graph(graph, drawn, batch) if ranges is None else Quantised(graph, drawn, ranges, batch, largest_weight)
    for number, node in enumerate(graph.nodes):
        fold.values[number] = fold.add(node)
    for output in graph.outputs:
        fold.finish(output)
    outputs = [_value(name, shape, fold.ends) for name, shape in output_shapes(graph, batch).items()]
    model = _model(fold.parts, graph, name, batch, outputs, fold.ends)
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
    fold, outputs = _Graph(graph, weights, 1), []
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
