"""`to_onnx`: an ONNX model straight from a `Plan`, batch norm folded into the convolutions."""

from typing import Any, assert_never

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from nas.design.op import Activation, Add, Conv, Linear, Op, Pool, SqueezeExcite
from nas.design.plan import Node, Plan, Shape
from nas.runtimes.runtime import Array, Ranges, Weights

# HardSwish came with opset 14; IR 8 and opset 17 are read by every onnxruntime since 1.12 and by other runtimes.
OPSET, IR_VERSION = 17, 8
OUTPUT = "logits"


def input_names(plan: Plan) -> tuple[str, ...]:
    """`image`, and `image_2` for the shortcut where a lone piece takes two maps."""
    return tuple("image" if i == 0 else f"image_{i + 1}" for i in range(len(plan.inputs)))


def input_shapes(plan: Plan, batch: int = 1) -> tuple[tuple[int, ...], ...]:
    """[N, C, S, S] an input, [N, C] where its reader is a linear layer."""
    vectors = {i for node in plan.nodes if isinstance(node.op, Linear) for i in node.inputs if i < 0}
    return tuple(
        (batch, shape.width) if -1 - i in vectors else (batch, shape.width, shape.size, shape.size)
        for i, shape in enumerate(plan.inputs)
    )


class _Graph:
    """Collects the nodes and initialisers of one model."""

    def __init__(self, plan: Plan, weights: Weights) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        self.plan, self.weights = plan, weights
        self.values: dict[int, str] = {-1 - i: name for i, name in enumerate(input_names(plan))}

    def tensor(self, name: str, array: Array) -> str:
        self.tensors.append(numpy_helper.from_array(np.asarray(array, np.float32, order="C"), name))
        return name

    def push(self, kind: str, inputs: list[str], out: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [out], name=out, **attributes))
        return out

    def activation(self, kind: Activation | None, value: str, out: str) -> str:
        match kind:
            case None:
                return value
            case "relu":
                return self.push("Relu", [value], out)
            case "relu6":
                low, high = (
                    self.tensor(f"{out}.low", np.array(0, np.float32)),
                    self.tensor(f"{out}.high", np.array(6, np.float32)),
                )
                return self.push("Clip", [value, low, high], out)
            case "hswish":
                return self.push("HardSwish", [value], out)
            case _:
                assert_never(kind)

    def conv(self, name: str, value: str, op: Conv) -> str:
        weight, bias = folded(self.weights, name, self.plan.norm_eps)
        inputs = [value, self.tensor(f"{name}.weight", weight), self.tensor(f"{name}.bias", bias)]
        sides, strides, pads = [op.kernel] * 2, [op.stride] * 2, [op.kernel // 2] * 4
        made = self.push(
            "Conv", inputs, f"{name}.conv", kernel_shape=sides, strides=strides, pads=pads, group=op.groups
        )
        return self.activation(op.activation, made, f"{name}.act")

    def pointwise(self, name: str, value: str) -> str:
        inputs = [value, *(self.tensor(f"{name}.{part}", self.weights[f"{name}.{part}"]) for part in _AFFINE)]
        return self.push("Conv", inputs, f"{name}.conv", kernel_shape=[1, 1])

    def squeeze_excite(self, name: str, value: str) -> str:
        pooled = self.push("GlobalAveragePool", [value], f"{name}.pool")
        inner = self.push("Relu", [self.pointwise(f"{name}.reduce", pooled)], f"{name}.relu")
        outer = self.pointwise(f"{name}.expand", inner)
        gate = self.push("HardSigmoid", [outer], f"{name}.gate", alpha=1 / 6, beta=0.5)
        return self.push("Mul", [value, gate], f"{name}.scaled")

    def linear(self, name: str, value: str, op: Linear) -> str:
        inputs = [value, *(self.tensor(f"{name}.{p}", self.weights[f"{name}.linear.{p}"]) for p in _AFFINE)]
        return self.activation(op.activation, self.push("Gemm", inputs, f"{name}.linear", transB=1), f"{name}.act")

    def add(self, node: Node) -> str:
        values = [self.values[i] for i in node.inputs]
        match node.op:
            case Conv() as op:
                return self.conv(node.name, values[0], op)
            case SqueezeExcite():
                return self.squeeze_excite(node.name, values[0])
            case Add():
                return self.push("Add", values, f"{node.name}.sum")
            case Pool():
                pooled = self.push("GlobalAveragePool", values, f"{node.name}.pool")
                return self.push("Flatten", [pooled], f"{node.name}.flat")
            case Linear() as op:
                return self.linear(node.name, values[0], op)
            case _:
                assert_never(node.op)


_AFFINE = ("weight", "bias")


def folded(weights: Weights, name: str, eps: float) -> tuple[Array, Array]:
    """Weight [out, in / groups, k, k] and bias [out] of a convolution with its batch norm, exact in inference."""
    scale = weights[f"{name}.norm.weight"] / np.sqrt(weights[f"{name}.norm.running_var"] + eps)
    bias = weights[f"{name}.norm.bias"] - weights[f"{name}.norm.running_mean"] * scale
    return weights[f"{name}.conv.weight"] * scale[:, None, None, None], bias


def random_weights(plan: Plan, seed: int = 0) -> dict[str, Array]:
    """Weights for timing: activations keep a scale near one through the depth, so that none is denormal."""
    rng = np.random.default_rng(seed)
    return {name: array for node in plan.nodes for name, array in _draw(node.name, node.op, rng).items()}


def _draw(name: str, op: Op, rng: np.random.Generator) -> dict[str, Array]:
    def normal(*shape: int) -> Array:
        fan_in = max(1, int(np.prod(shape[1:])))
        return rng.standard_normal(shape, np.float32) * np.float32((2 / fan_in) ** 0.5)

    def affine(part: str, out: int, *rest: int) -> dict[str, Array]:
        return {f"{name}.{part}.weight": normal(out, *rest), f"{name}.{part}.bias": np.zeros(out, np.float32)}

    match op:
        case Conv():
            ones, zeros = np.ones(op.out_width, np.float32), np.zeros(op.out_width, np.float32)
            norm = {"weight": ones, "bias": zeros, "running_mean": zeros, "running_var": ones}
            weight = normal(op.out_width, op.in_width // op.groups, op.kernel, op.kernel)
            return {f"{name}.conv.weight": weight} | {f"{name}.norm.{part}": value for part, value in norm.items()}
        case SqueezeExcite():
            return affine("reduce", op.inner, op.width, 1, 1) | affine("expand", op.width, op.inner, 1, 1)
        case Linear():
            return affine("linear", op.out_width, op.in_width)
        case Add() | Pool():
            return {}
        case _:
            assert_never(op)


def to_onnx(plan: Plan, weights: Weights | None = None, name: str = "network", batch: int = 1) -> onnx.ModelProto:
    """The model of a plan: inputs `image` [N, C, S, S] float32, output `logits`.

    `weights` are named as in the torch module's state dict; None draws random ones, for timing.
    """
    graph = _Graph(plan, random_weights(plan) if weights is None else weights)
    for number, node in enumerate(plan.nodes):
        graph.values[number] = graph.add(node)
    graph.push("Identity", [graph.values[len(plan.nodes) - 1]], OUTPUT)
    named = zip(input_names(plan), input_shapes(plan, batch), strict=True)
    inputs = [helper.make_tensor_value_info(label, TensorProto.FLOAT, shape) for label, shape in named]
    output = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, (batch, *_output_shape(plan)))
    body = helper.make_graph(graph.nodes, name, inputs, [output], graph.tensors)
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_model(body, opset_imports=opsets, ir_version=IR_VERSION, producer_name="nas")


def encode_onnx(
    plan: Plan, weights: Weights | None, ranges: Ranges | None, batch: int = 1, precision: str = "float32"
) -> bytes:
    """The file of `to_onnx`."""
    if precision != "float32":
        raise NotImplementedError(precision)
    content: bytes = to_onnx(plan, weights, batch=batch).SerializeToString()
    return content


def _output_shape(plan: Plan) -> tuple[int, ...]:
    """Without the batch."""
    match plan.nodes[-1].op:
        case Conv() as op:
            shape = Shape(op.out_width, op.out_size)
        case SqueezeExcite() | Add() as op:
            shape = Shape(op.width, op.size)
        case Pool() as op:
            return (op.width,)
        case Linear() as op:
            return (op.out_width,)
        case _:
            assert_never(plan.nodes[-1].op)
    return (shape.width, shape.size, shape.size)
