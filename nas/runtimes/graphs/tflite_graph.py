"""`to_tflite`: a TFLite model straight from a `Graph`, batch norm folded, every op one that XNNPACK takes.

Float32 without ranges. With ranges int8, the ends too: that is what applications feed (cameras give bytes), and so a
lone piece costs what it costs inside a network.
"""

from typing import Any, assert_never, get_args

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from msgspec import Struct
from numpy.typing import NDArray

from nas.design.graph import Graph
from nas.design.op import (
    Activate,
    Activation,
    Add,
    AnchorList,
    Concat,
    Conv,
    Curved,
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
from nas.design.size import height_width
from nas.design.walk import Node
from nas.runtimes.graphs.quantise import GATE, code_of, int8_weight, int32_bias, rectified_nodes, shared_ranges
from nas.runtimes.graphs.random_weights import random_weights
from nas.runtimes.graphs.shapes import folded, input_names, input_shapes
from nas.runtimes.graphs.tflite_maps import TfliteMaps, least_of
from nas.runtimes.graphs.tflite_schema import Tensor
from nas.runtimes.runtime import Array, Ranges, Weights

# What a layer's op does to its sums; a curved activation is an op of its own.
_FUSED: dict[Activation | None, int] = {
    None: schema.ActivationFunctionType.NONE,
    "relu": schema.ActivationFunctionType.RELU,
    "relu6": schema.ActivationFunctionType.RELU6,
    **dict.fromkeys(get_args(Curved), schema.ActivationFunctionType.NONE),
}
# The gate of squeeze-excite, a hard sigmoid, lies in [0, 1]: int8 saturates where it bends.
_GATE = code_of(*GATE)


class _Layer(Struct, frozen=True):
    """What multiplies and sums: weight [out, ...] and bias [out] as torch has them, the op's kind and options."""

    kind: str
    weight: Array
    bias: Array
    options: Any

    def laid_out(self, weight: NDArray[Any]) -> NDArray[Any]:
        """[out, in, k, k] as [out, k, k, in], depthwise as [1, k, k, out]; [out, in] as it is."""
        match self.kind:
            case "CONV_2D":
                return weight.transpose(0, 2, 3, 1)
            case "DEPTHWISE_CONV_2D":
                return weight.transpose(1, 2, 3, 0)
            case _:
                return weight


def to_tflite(graph: Graph, weights: Weights | None = None, ranges: Ranges | None = None, batch: int = 1) -> bytes:
    """The file of a graph: inputs `image` [N, H, W, C] ([N, C] for a vector), outputs
    as the graph names them.

    `weights` are named as in the torch module's state dict; None draws random ones, for timing. `ranges`, (low, high)
    of every tensor by name, make it int8; None: float32.
    """
    shared = None if ranges is None else shared_ranges(graph, ranges)
    fold = _Graph(graph, random_weights(graph) if weights is None else weights, shared, batch)
    for number, node in enumerate(graph.nodes):
        fold.values[number] = fold.add(node)
    inputs = {name: fold.values[-1 - i] for i, name in enumerate(input_names(graph))}
    return fold.draft.content(inputs, {output.name: fold.values[output.node] for output in graph.outputs})


class _Graph(TfliteMaps):
    """One fold over a graph."""

    def __init__(self, graph: Graph, weights: Weights, ranges: Ranges | None, batch: int) -> None:
        super().__init__(ranges, batch, rectified_nodes(graph))
        self.eps, self.weights = graph.norm_eps, weights
        named = zip(input_names(graph), input_shapes(graph, batch), strict=True)
        self.values = {-1 - i: self.value(name, _channels_last(shape)) for i, (name, shape) in enumerate(named)}

    def add(self, node: Node) -> Tensor:
        first, *rest = (self.values[i] for i in node.inputs)
        match node.op:
            case Conv() as op:
                return self.conv(node.name, first, op)
            case SqueezeExcite() as op:
                return self.squeeze_excite(node.name, first, op)
            case Add():
                return self.sum(first.index, rest[0].index, self.value(node.name, first.shape))
            case Activate() as op:
                return self.active(first, self.value(node.name, first.shape), op.activation)
            case Pool() as op:
                return self.pool(node.name, first, op)
            case Concat() as op:
                output = self.value(node.name, (self.batch, *height_width(op.size), op.width))
                indices = [first.index, *(other.index for other in rest)]
                return self.draft.push("CONCATENATION", indices, output, schema.ConcatenationOptionsT(axis=3))
            case Slice() as op:
                return self.slice(node.name, first, op)
            case Shuffle() as op:
                return self.shuffle(node.name, first, op)
            case GlobalPool() as op:
                return self.mean(first, self.value(node.name, (self.batch, op.width)))
            case Linear() as op:
                return self.linear(node.name, first, op)
            case Upsample() as op:
                return self.upsample(node.name, first, op)
            case Sigmoid():
                return self.logistic(first, self.value(node.name, first.shape))
            case Multiply():
                return self.product(first.index, rest[0].index, self.value(node.name, first.shape))
            case AnchorList() as op:
                return self.listed(node.name, [first, *rest], op)
            case _:
                assert_never(node.op)

    def conv(self, name: str, value: Tensor, op: Conv) -> Tensor:
        padded = value if op.padding == "none" or _pads_alike(op) else self.pad(name, value, op.pads)
        layer = _convolution(op, *folded(self.weights, name, op, self.eps))
        shape = (self.batch, *height_width(op.out_size), op.out_width)
        return self.activated(name, padded, layer, shape, op.activation)

    def linear(self, name: str, value: Tensor, op: Linear) -> Tensor:
        weight, bias = folded(self.weights, name, op, self.eps)
        layer = _Layer("FULLY_CONNECTED", weight, bias, schema.FullyConnectedOptionsT(_FUSED[op.activation]))
        return self.activated(name, value, layer, (self.batch, op.out_width), op.activation)

    def activated(
        self, name: str, value: Tensor, layer: _Layer, shape: tuple[int, ...], activation: Activation | None
    ) -> Tensor:
        """A layer and its activation, which is part of the layer's op unless it is curved."""
        if not is_curved(activation):
            return self.affine(value, layer, self.value(name, shape))
        before = self.affine(value, layer, self.value(f"{name}.pre", shape))
        return self.active(before, self.value(name, shape), activation)

    def active(self, value: Tensor, output: Tensor, activation: Activation) -> Tensor:
        """An activation by itself."""
        if not is_curved(activation):
            return self.draft.push("RELU6" if activation == "relu6" else "RELU", [value.index], output)
        if value.code is None:
            return self.curve(activation, value, output)
        # XNNPACK has no int8 hard swish; with LiteRT's own, V3-Large takes four times as long (5.7 ms, not 1.4). A sum
        # that saturates and a product, both int8, are no quicker than this and less exact. SiLU goes the same way, so
        # that it rounds where ONNX Runtime does.
        real, bent = (self.draft.value(f"{output.name}.{part}", value.shape) for part in ("real", "bent"))
        self.draft.push("DEQUANTIZE", [value.index], real, schema.DequantizeOptionsT())
        self.curve(activation, real, bent)
        return self.draft.push("QUANTIZE", [bent.index], output, schema.QuantizeOptionsT())

    def curve(self, activation: Curved, value: Tensor, output: Tensor) -> Tensor:
        """A curved activation of a float32 tensor."""
        match activation:
            case "hswish":
                return self.draft.push("HARD_SWISH", [value.index], output, schema.HardSwishOptionsT())
            case "silu":
                sigmoid = self.draft.value(f"{output.name}.sigmoid", value.shape)
                self.draft.push("LOGISTIC", [value.index], sigmoid)
                return self.product(value.index, sigmoid.index, output)
            case _:
                assert_never(activation)

    def affine(self, value: Tensor, layer: _Layer, output: Tensor) -> Tensor:
        """A layer with its constants."""
        constant, name = self.draft.constant, output.name
        if value.code is None:
            weight = constant(f"{name}.weight", layer.laid_out(layer.weight))
            bias = constant(f"{name}.bias", layer.bias)
        else:
            integers, scales = int8_weight(layer.weight)
            axis, steps = 3 if layer.kind == "DEPTHWISE_CONV_2D" else 0, scales * np.float32(value.code.scale)
            weight = constant(f"{name}.weight", layer.laid_out(integers), scales, axis)
            bias = constant(f"{name}.bias", int32_bias(layer.bias, steps), steps)
        return self.draft.push(layer.kind, [value.index, weight, bias], output, layer.options)

    def squeeze_excite(self, name: str, value: Tensor, op: SqueezeExcite) -> Tensor:
        inner, outer = (self.batch, 1, 1, op.inner), (self.batch, 1, 1, op.width)
        pooled = self.mean(value, self.value(f"{name}.pool", outer))
        relu = self.pointwise(f"{name}.reduce", pooled, self.value(f"{name}.relu", inner), "relu")
        gate = self.gate(name, relu, outer) if op.gate == "hsigmoid" else self.sigmoid(name, relu, outer)
        return self.product(value.index, gate.index, self.value(name, value.shape))

    def gate(self, name: str, value: Tensor, shape: tuple[int, ...]) -> Tensor:
        """The hard sigmoid relu6(x + 3) / 6 of the second layer: TFLite has no op of that name."""
        if self.ranges is not None:
            gate = self.draft.value(f"{name}.gate", shape, _GATE)
            return self.pointwise(f"{name}.expand", value, gate, None, factor=1 / 6, shift=1 / 2)
        six = self.pointwise(f"{name}.expand", value, self.value(f"{name}.pre", shape), "relu6", shift=3)
        sixth = self.draft.constant(f"{name}.sixth", np.array([1 / 6], np.float32))
        return self.product(six.index, sixth, self.value(f"{name}.gate", shape))

    def sigmoid(self, name: str, value: Tensor, shape: tuple[int, ...]) -> Tensor:
        """The true sigmoid of the second layer."""
        line = self.pointwise(f"{name}.expand", value, self.value(f"{name}.pre", shape), None)
        code = None if line.code is None else _GATE
        return self.logistic(line, self.draft.value(f"{name}.gate", shape, code))

    def pointwise(
        self,
        name: str,
        value: Tensor,
        output: Tensor,
        activation: Activation | None,
        factor: float = 1.0,
        shift: float = 0.0,
    ) -> Tensor:
        """factor * (a 1x1 convolution) + shift."""
        weight, bias = (self.weights[f"{name}.{part}"] * np.float32(factor) for part in ("weight", "bias"))
        options = schema.Conv2DOptionsT(schema.Padding.SAME, 1, 1, _FUSED[activation])
        return self.affine(value, _Layer("CONV_2D", weight, bias + np.float32(shift), options), output)


def _channels_last(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0], *shape[2:], shape[1])


def _convolution(op: Conv, weight: Array, bias: Array) -> _Layer:
    """Of a weight [out, in / groups, k, k]."""
    padding = schema.Padding.SAME if op.padding != "none" and _pads_alike(op) else schema.Padding.VALID
    fused = _FUSED[op.activation]
    if 1 < op.groups == op.in_width:
        options = schema.DepthwiseConv2DOptionsT(
            padding, op.stride, op.stride, op.out_width // op.in_width, fused, op.dilation, op.dilation
        )
        return _Layer("DEPTHWISE_CONV_2D", weight, bias, options)
    return _Layer(
        "CONV_2D", weight, bias, schema.Conv2DOptionsT(padding, op.stride, op.stride, fused, op.dilation, op.dilation)
    )


def _pads_alike(op: Conv) -> bool:
    """Whether TFLite's SAME pads as many at the top left; at the bottom right what is not used does not matter."""
    return all(least[0] == own[0] for least, own in zip(least_of(op), op.pads, strict=True))
