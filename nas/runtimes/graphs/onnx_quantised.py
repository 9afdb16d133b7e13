"""The int8 form of a graph's ONNX model: every op between dequantised inputs and a quantised output (QDQ).

Runtimes fold a convolution with what is around it into one int8 kernel. Images and logits are float32. The maps that
a lone piece takes and gives are bytes, as they are inside a network: it would else be timed with conversions that a
network does not make.
"""

from typing import Any, assert_never

import numpy as np
from msgspec.structs import replace

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
    is_curved,
)
from nas.design.shapes import Shape, gives_vector
from nas.design.size import height_width, make_size
from nas.design.walk import Node, Output
from nas.runtimes.graphs.onnx_parts import Parts, conv_sides
from nas.runtimes.graphs.quantise import EIGHT_BITS, GATE, ByteCode, code_of, int8_weight, int32_bias, shared_ranges
from nas.runtimes.graphs.shapes import folded, input_names
from nas.runtimes.runtime import Array, Ranges, Weights

_IMAGE = 3  # channels
_PIECE = 2  # ops that a table's entry has at most


class Quantised:
    """One fold over a graph. A value is the name of a dequantised tensor; `ends` are the codes of ends in bytes."""

    def __init__(
        self, graph: Graph, weights: Weights, ranges: Ranges, batch: int = 1, largest_weight: int = EIGHT_BITS
    ) -> None:
        """Only the inputs are there yet; the largest weight is in steps."""
        self.batch, self.largest_weight = batch, largest_weight
        self.parts, self.graph, self.weights, self.ranges = Parts(), graph, weights, shared_ranges(graph, ranges)
        self.codes: dict[str, ByteCode] = {}
        self.ends: dict[str, ByteCode] = {}
        named = zip(input_names(graph), graph.inputs, strict=True)
        self.values = {-1 - i: self._entered(name, shape) for i, (name, shape) in enumerate(named)}

    def finish(self, output: Output) -> None:
        """A value becomes an output: float32 where it is no rounded one or a network's map or list, else its bytes."""
        value = self.values[output.node]
        if value in self.codes and self._ends_in_bytes(output):
            self.ends[output.name] = self.codes[value]
            value = self.parts.nodes.pop().input[0]
        self.parts.push("Identity", [value], output.name)

    def _ends_in_bytes(self, output: Output) -> bool:
        piece = len(self.graph.nodes) <= _PIECE
        return piece or gives_vector(self.graph.nodes[output.node].op)

    def _entered(self, name: str, shape: Shape) -> str:
        if shape.width == _IMAGE:
            return self._value(name, name)
        self.ends[name] = code = code_of(*self.ranges[name])
        return self._read(name, name, code)

    def _value(self, name: str, made: str) -> str:
        """`made` as bytes in the range of the tensor `name`, and back."""
        low, high = self.ranges[name]
        return self._rounded(name, made, code_of(low, high))

    def _rounded(self, name: str, made: str, code: ByteCode) -> str:
        rounded = self.parts.push("QuantizeLinear", [made, f"{name}.scale", f"{name}.zero"], f"{name}.bytes")
        return self._read(name, rounded, code)

    def _read(self, name: str, rounded: str, code: ByteCode) -> str:
        scale = self.parts.constant(f"{name}.scale", np.array(code.scale, np.float32))
        zero = self.parts.constant(f"{name}.zero", np.array(code.zero, np.uint8))
        value = self.parts.push("DequantizeLinear", [rounded, scale, zero], f"{name}.value")
        self.codes[value] = code
        return value

    def _constants(self, name: str, value: str, weight: Array, bias: Array) -> list[str]:
        """Weight and bias of a layer that reads `value`, dequantised."""
        integers, scales = int8_weight(weight, self.largest_weight)
        steps = (scales * np.float32(self.codes[value].scale)).astype(np.float32)
        sums = int32_bias(bias, steps)
        return [self._fixed(f"{name}.weight", integers, scales), self._fixed(f"{name}.bias", sums, steps)]

    def _fixed(self, name: str, integers: Any, scales: Array) -> str:
        zero = self.parts.constant(f"{name}.zero", np.zeros(len(scales), integers.dtype))
        inputs = [self.parts.constant(f"{name}.integers", integers), self.parts.constant(f"{name}.scale", scales), zero]
        return self.parts.push("DequantizeLinear", inputs, name, axis=0)

    def _activated(self, name: str, made: str, activation: Activation | None) -> str:
        if is_curved(activation):
            made = self._value(f"{name}.pre", made)
        return self._value(name, self.parts.activation(activation, made, f"{name}.act"))

    def _conv(self, name: str, value: str, op: Conv) -> str:
        inputs = [value, *self._constants(name, value, *folded(self.weights, name, op, self.graph.norm_eps))]
        return self._activated(name, self.parts.push("Conv", inputs, f"{name}.conv", **conv_sides(op)), op.activation)

    def _pointwise(self, name: str, value: str, factor: float = 1.0, shift: float = 0.0) -> str:
        weight, bias = (self.weights[f"{name}.{part}"] * np.float32(factor) for part in ("weight", "bias"))
        inputs = [value, *self._constants(name, value, weight, bias + np.float32(shift))]
        return self.parts.push("Conv", inputs, f"{name}.conv", kernel_shape=[1, 1])

    def _squeeze_excite(self, name: str, value: str, op: SqueezeExcite) -> str:
        pooled = self._value(f"{name}.pool", self.parts.push("GlobalAveragePool", [value], f"{name}.mean"))
        inner = self.parts.push("Relu", [self._pointwise(f"{name}.reduce", pooled)], f"{name}.act")
        gate = self._gate(name, self._value(f"{name}.relu", inner), op)
        return self._value(name, self.parts.push("Mul", [value, gate], f"{name}.product"))

    def _gate(self, name: str, value: str, op: SqueezeExcite) -> str:
        if op.gate == "sigmoid":
            line = self._value(f"{name}.pre", self._pointwise(f"{name}.expand", value))
            return self._rounded(f"{name}.gate", self.parts.gate(op.gate, line, f"{name}.sigmoid"), code_of(*GATE))
        # A hard sigmoid is a line cut off at 0 and 1: the line goes into the layer, the byte's range cuts.
        line = self._pointwise(f"{name}.expand", value, factor=1 / 6, shift=1 / 2)
        return self._rounded(f"{name}.gate", line, code_of(*GATE))

    def _linear(self, name: str, value: str, op: Linear, last: bool) -> str:
        constants = self._constants(name, value, *folded(self.weights, name, op, self.graph.norm_eps))
        made = self.parts.push("Gemm", [value, *constants], f"{name}.gemm", transB=1)
        # Logits stay as they come out of the sums: rounding them would cost accuracy and time.
        return made if last and op.activation is None else self._activated(name, made, op.activation)

    def _windows(self, name: str, value: str, op: Pool) -> str:
        if op.kind == "average" and np.any(op.pads):
            # Padded by itself: OpenVINO pads the bytes of a mean with byte 0, which is not the real zero.
            padded = self._value_like(f"{name}.padded", name, self.parts.pad(value, op.pads, f"{name}.pad"))
            (height, width), (rows, columns) = height_width(op.size), op.pads
            op = replace(op, size=make_size(height + sum(rows), width + sum(columns)), padding="none")
            return self._value(name, self.parts.pool(padded, op, f"{name}.pool"))
        return self._value(name, self.parts.pool(value, op, f"{name}.pool"))

    def _shuffle(self, name: str, value: str, op: Shuffle) -> str:
        # Every op stands between bytes, so that runtimes move the bytes.
        grouped = self._value_like(f"{name}.groups", name, self.parts.grouped(value, op, f"{name}.grouped"))
        swapped = self._value_like(f"{name}.turns", name, self.parts.swapped(grouped, f"{name}.swapped"))
        return self._value(name, self.parts.ungrouped(swapped, op, f"{name}.mixed"))

    def _listed(self, name: str, values: list[str], op: AnchorList) -> str:
        # Every op stands between bytes, so that runtimes move the bytes.
        rows = []
        for number, value in enumerate(values):
            start = f"{name}.{number}"
            last = self._value_like(f"{start}.turned", name, self.parts.channels_last(value, f"{start}.last"))
            rows.append(self._value_like(f"{start}.listed", name, self.parts.rows(last, op, f"{start}.rows")))
        return self._value(name, self.parts.push("Concat", rows, f"{name}.list", axis=1))

    def _value_like(self, name: str, other: str, made: str) -> str:
        return self._rounded(name, made, code_of(*self.ranges[other]))

    def _pool(self, name: str, value: str) -> str:
        mean = self.parts.push("GlobalAveragePool", [value], f"{name}.mean")
        code = code_of(*self.ranges[name])
        # Every op stands between bytes, so that runtimes flatten the bytes.
        flat = self.parts.push("Flatten", [self._rounded(f"{name}.map", mean, code)], f"{name}.flat")
        return self._rounded(name, flat, code)

    def add(self, node: Node) -> str:
        """The value of a node."""
        values = [self.values[i] for i in node.inputs]
        match node.op:
            case Conv() as op:
                return self._conv(node.name, values[0], op)
            case SqueezeExcite() as op:
                return self._squeeze_excite(node.name, values[0], op)
            case Add():
                return self._value(node.name, self.parts.push("Add", values, f"{node.name}.sum"))
            case Activate() as op:
                return self._value(node.name, self.parts.activation(op.activation, values[0], f"{node.name}.act"))
            case Pool() as op:
                return self._windows(node.name, values[0], op)
            case Concat():
                return self._value(node.name, self.parts.push("Concat", values, f"{node.name}.joined", axis=1))
            case Slice() as op:
                return self._value(node.name, self.parts.slice(values[0], op, f"{node.name}.part"))
            case Shuffle() as op:
                return self._shuffle(node.name, values[0], op)
            case GlobalPool():
                return self._pool(node.name, values[0])
            case Linear() as op:
                return self._linear(node.name, values[0], op, node is self.graph.nodes[-1])
            case Upsample() as op:
                return self._value(node.name, self.parts.upsample(values[0], op, self.batch, f"{node.name}.resized"))
            case Sigmoid():
                return self._value(node.name, self.parts.push("Sigmoid", values, f"{node.name}.open"))
            case Multiply():
                return self._value(node.name, self.parts.push("Mul", values, f"{node.name}.product"))
            case AnchorList() as op:
                return self._listed(node.name, values, op)
            case _:
                assert_never(node.op)
