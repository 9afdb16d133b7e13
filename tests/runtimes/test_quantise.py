"""The int8 arithmetic against numpy, and what runtimes make of the graph."""

from pathlib import Path
from typing import get_args

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from nas.design.graph import Graph, lower
from nas.design.known import known
from nas.design.op import Activation, Add, Conv, GlobalPool, Linear, SqueezeExcite, is_curved
from nas.design.shapes import Shape
from nas.design.walk import LOGITS
from nas.errors import NasError
from nas.runtimes.graphs.onnx_graph import to_onnx
from nas.runtimes.graphs.quantise import (
    GATE,
    ByteCode,
    calibrate_ranges,
    code_of,
    int8_weight,
    int32_bias,
    observe,
    random_ranges,
    tensor_names,
)
from nas.runtimes.graphs.random_weights import random_weights
from nas.runtimes.graphs.shapes import folded
from nas.runtimes.onnx_runtime import OnnxRuntime
from nas.runtimes.runtime import Array, Ranges
from tests.each_family import EACH_FAMILY
from tests.runtimes.graphs import images, lively_weights, single

FINITE = st.floats(-1e4, 1e4, width=32)
INT8 = OnnxRuntime(precision="int8")


@given(FINITE, FINITE)
def test_a_code_covers_its_range_and_zero_is_a_byte(a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    code = code_of(low, high)
    assert 0 <= code.zero <= 255
    assert code.scale > 0
    lowest, highest = -code.zero * code.scale, (255 - code.zero) * code.scale
    # The zero point is whole, so that an end may lie half a step off.
    assert lowest <= min(low, 0) + 0.51 * code.scale
    assert highest >= max(high, 0) - 0.51 * code.scale


def test_codes_by_hand() -> None:
    assert code_of(0, 255) == ByteCode(1.0, 0)
    assert code_of(-255, 0) == ByteCode(1.0, 255)
    assert code_of(-127.5, 127.5) == ByteCode(1.0, 128)
    assert code_of(3, 5) == code_of(0, 5)
    assert code_of(0, 0) == ByteCode(1.0, 0)


@given(st.integers(0, 99))
def test_weights_are_rounded_by_channel(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weight = (rng.standard_normal((5, 3, 2, 2)) * 10 ** rng.uniform(-3, 3, (5, 1, 1, 1))).astype(np.float32)
    integers, scales = int8_weight(weight)
    assert np.abs(integers).reshape(5, -1).max(axis=1).tolist() == [127] * 5
    error = np.abs(integers * scales[:, None, None, None] - weight)
    assert (error <= 0.501 * scales[:, None, None, None]).all()


def test_a_channel_of_zeros_and_a_huge_bias_stay_integers() -> None:
    integers, scales = int8_weight(np.zeros((2, 3), np.float32))
    assert not integers.any()
    assert (scales > 0).all()
    bias = int32_bias(np.array([1e30, -1e30], np.float32), np.array([1e-6, 1e-6], np.float32))
    assert bias.tolist() == [2**31 - 1, -(2**31) + 1]


def rounded(values: Array, code: ByteCode) -> NDArray[np.int64]:
    return np.asarray(np.clip(np.rint(values / np.float32(code.scale)) + code.zero, 0, 255), np.int64)


def real(integers: NDArray[np.int64], code: ByteCode) -> Array:
    return ((integers - code.zero) * np.float32(code.scale)).astype(np.float32)


def codes(ranges: Ranges) -> dict[str, ByteCode]:
    return {name: code_of(low, high) for name, (low, high) in ranges.items()}


def summed(value: NDArray[np.int64], code: ByteCode, weight: Array, bias: Array) -> Array:
    """Vectors [N, in] through a layer [out, in], in integers up to the last product."""
    integers, scales = int8_weight(weight)
    steps = scales * np.float32(code.scale)
    sums = (value - code.zero) @ integers.T.astype(np.int64) + int32_bias(bias, steps)
    return (sums * steps).astype(np.float32)


def bent(values: Array, activation: Activation | None) -> Array:
    match activation:
        case "relu":
            return np.maximum(values, 0)
        case "relu6":
            return np.clip(values, 0, 6)
        case "hswish":
            return (values * np.clip(values + 3, 0, 6) / 6).astype(np.float32)
        case "silu":
            return np.asarray(values / (1 + np.exp(-values)), np.float32)
        case None:
            return values


def assert_same_bytes(found: Array, expected: NDArray[np.int64], code: ByteCode) -> None:
    """Equal but for values in the middle between two bytes, which float arithmetic may put on either side."""
    difference = np.abs(np.rint(found / np.float32(code.scale)) + code.zero - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() <= 0.01


@pytest.mark.parametrize("activation", [None, *get_args(Activation)])
def test_a_pointwise_convolution_is_exact(activation: Activation | None) -> None:
    op = Conv(8, 16, 1, 1, 1, 5, activation)
    graph = single(op, Shape(8, 5))
    weights, (image,) = lively_weights(graph), images(graph)
    ranges = observe(graph, weights, [[image]])
    known_codes = codes(ranges)
    weight, bias = folded(weights, "only", op, graph.norm_eps)
    pixels = rounded(image, known_codes["image"]).transpose(0, 2, 3, 1).reshape(-1, 8)
    made = summed(pixels, known_codes["image"], weight[:, :, 0, 0], bias)
    if is_curved(activation):
        made = real(rounded(made, known_codes["only.pre"]), known_codes["only.pre"])
    expected = rounded(bent(made, activation), known_codes["only"]).reshape(1, 5, 5, 16).transpose(0, 3, 1, 2)
    assert_same_bytes(INT8.compile(graph, weights, ranges)(image), expected, known_codes["only"])


@pytest.mark.parametrize("stride", [1, 2])
def test_a_depthwise_convolution_pads_with_real_zero(stride: int) -> None:
    op = Conv(6, 6, 3, stride, 6, 7, "relu")
    graph = single(op, Shape(6, 7))
    weights = lively_weights(graph)
    image = images(graph)[0] + 2  # zero is far from the middle
    ranges = observe(graph, weights, [[image]])
    known_codes = codes(ranges)
    weight, bias = folded(weights, "only", op, graph.norm_eps)
    padded = np.pad(
        rounded(image, known_codes["image"]),
        ((0, 0), (0, 0), (1, 1), (1, 1)),
        constant_values=known_codes["image"].zero,
    )
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))[:, :, ::stride, ::stride]
    made = [
        summed(windows[:, c].reshape(-1, 9), known_codes["image"], weight[c].reshape(1, 9), bias[c : c + 1])
        for c in range(6)
    ]
    maps = np.stack([values.reshape(windows.shape[2:4]) for values in made])[None]
    expected = rounded(np.maximum(maps, 0), known_codes["only"])
    assert_same_bytes(INT8.compile(graph, weights, ranges)(image), expected, known_codes["only"])


def test_squeeze_excite_is_exact_and_its_gate_saturates() -> None:
    graph = single(SqueezeExcite(6, 4, 5), Shape(6, 5))
    weights, image = lively_weights(graph), images(graph)[0] * 4
    weights["only.expand.bias"] = np.array([-20, 20, 0, 0, 0, 0], np.float32)
    ranges = observe(graph, weights, [[image]])
    known_codes = codes(ranges)
    assert ranges["only.gate"] == GATE
    pixels = real(rounded(image, known_codes["image"]), known_codes["image"])
    pooled = rounded(pixels.mean(axis=(2, 3)), known_codes["only.pool"])
    reduce, expand = (weights[f"only.{part}.weight"][:, :, 0, 0] for part in ("reduce", "expand"))
    inner = summed(pooled, known_codes["only.pool"], reduce, weights["only.reduce.bias"])
    squeezed = rounded(np.maximum(inner, 0), known_codes["only.relu"])
    sixth = np.float32(1 / 6)
    bias = weights["only.expand.bias"] * sixth + np.float32(0.5)
    line = summed(squeezed, known_codes["only.relu"], expand * sixth, bias)
    gate = rounded(line, known_codes["only.gate"])
    assert (gate.min(), gate.max()) == (0, 255)
    made = pixels * real(gate, known_codes["only.gate"])[:, :, None, None]
    assert_same_bytes(
        INT8.compile(graph, weights, ranges)(image), rounded(made, known_codes["only"]), known_codes["only"]
    )


def test_sums_and_pools_are_exact() -> None:
    graph = single(Add(4, 6), Shape(4, 6), Shape(4, 6))
    a, b = images(graph)
    ranges = observe(graph, {}, [[a, 3 * b]])
    known_codes = codes(ranges)
    first, second = (rounded(x, known_codes[n]) for x, n in ((a, "image"), (3 * b, "image_2")))
    made = real(first, known_codes["image"]) + real(second, known_codes["image_2"])
    assert_same_bytes(
        INT8.compile(graph, {}, ranges)(a, 3 * b), rounded(made, known_codes["only"]), known_codes["only"]
    )
    pool = single(GlobalPool(4, 6), Shape(4, 6))
    ranges = observe(pool, {}, [[a]])
    known_codes = codes(ranges)
    mean = real(rounded(a, known_codes["image"]), known_codes["image"]).mean(axis=(2, 3))
    assert_same_bytes(INT8.compile(pool, {}, ranges)(a), rounded(mean, known_codes["only"]), known_codes["only"])


def test_logits_are_the_exact_sums() -> None:
    graph = single(Linear(32, 10, None), Shape(32, 1))
    weights, (vector,) = lively_weights(graph), images(graph)
    ranges = observe(graph, weights, [[vector]])
    code = code_of(*ranges["image"])
    expected = summed(rounded(vector, code), code, weights["only.linear.weight"], weights["only.linear.bias"])
    np.testing.assert_allclose(INT8.compile(graph, weights, ranges)(vector), expected, rtol=1e-5, atol=1e-5)


def test_calibration_finds_the_ends_over_all_images() -> None:
    graph = single(Linear(2, 2, "hswish"), Shape(2, 1))
    weights = {"only.linear.weight": np.eye(2, dtype=np.float32), "only.linear.bias": np.ones(2, np.float32)}
    batch = np.array([[1, -5], [7, 0], [2, 3]], np.float32)
    found = calibrate_ranges(graph, weights, [batch[:2], batch[2:]])
    assert list(found) == list(tensor_names(graph)) == ["image", "only.pre", "only"]
    assert found["image"] == (-5, 7)
    assert found["only.pre"] == (-4, 8)
    assert found["only"] == pytest.approx((0, 8))


def test_every_tensor_of_a_network_has_a_range() -> None:
    graph = lower(known("mobilenet_v3_small-0.35-64", classes=5))
    found = calibrate_ranges(graph, random_weights(graph), images(graph))
    assert tuple(found) == tensor_names(graph) == tuple(random_ranges(graph))
    assert {found[name] for name in found if name.endswith(".gate")} == {GATE}
    assert all(low >= 0 for name, (low, _) in found.items() if name.endswith(".relu"))
    assert all(low < high for low, high in random_ranges(graph).values())


def test_calibration_without_images_or_with_broken_weights_is_refused() -> None:
    graph = lower(known("mobilenet_v3_small-0.35-64", classes=5))
    weights = random_weights(graph)
    with pytest.raises(NasError, match="int8 needs images"):
        calibrate_ranges(graph, weights, [])
    weights["head_classifier.linear.bias"] = np.full(5, np.nan, np.float32)
    with pytest.raises(NasError, match="head_classifier reaches nan to nan"):
        calibrate_ranges(graph, weights, images(graph))


# Concatenations, pools of windows, activations alone: what lies between their layers may be float32.
MOVING = ("shufflenet", "squeezenet", "xception")


def optimised_kinds(graph: Graph, folder: Path) -> list[str]:
    """The ops that ONNX Runtime makes of a graph in int8."""
    model = to_onnx(graph, ranges=random_ranges(graph))
    onnx.checker.check_model(model, full_check=True)
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.log_severity_level = 3
    ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [node.op_type for node in onnx.load(folder / "optimised.onnx").graph.node]


@pytest.mark.parametrize("name", [name for name in EACH_FAMILY if name.startswith(MOVING)])
def test_layers_of_networks_that_move_channels_run_in_int8_kernels(name: str, tmp_path: Path) -> None:
    graph = lower(known(f"{name}-0.5-64", classes=7))
    kinds = optimised_kinds(graph, tmp_path)
    convolutions = sum(isinstance(node.op, Conv) for node in graph.nodes)
    assert kinds.count("QLinearConv") == convolutions
    assert {"Conv", "FusedConv", "Gemm"} & set(kinds) == set()


@pytest.mark.parametrize("name", [name for name in EACH_FAMILY if not name.startswith(MOVING)])
def test_the_graph_is_valid_and_runs_in_int8_kernels(name: str, tmp_path: Path) -> None:
    graph = lower(known(f"{name}-0.5-64", classes=7))
    kinds = optimised_kinds(graph, tmp_path)
    layers = [node.op for node in graph.nodes]
    gates = sum(isinstance(op, SqueezeExcite) for op in layers)
    curves = sum(getattr(op, "activation", None) == "hswish" for op in layers)
    assert kinds.count("QLinearConv") == sum(isinstance(op, Conv) for op in layers) + 2 * gates
    assert kinds.count("QGemm") == sum(isinstance(op, Linear) for op in layers)
    assert kinds.count("QLinearAdd") == sum(isinstance(op, Add) for op in layers)
    assert kinds.count("QLinearMul") == gates
    assert kinds.count("QLinearGlobalAveragePool") == gates + 1
    # There is no int8 hard swish: each is float between a reading and a rounding.
    assert kinds.count("DequantizeLinear") == curves
    assert kinds.count("QuantizeLinear") == curves + 1
    assert {"Conv", "FusedConv", "Gemm", "Add", "Relu", "Clip", "GlobalAveragePool"} & set(kinds) == set()


def test_images_and_logits_are_floats_and_the_maps_of_lone_pieces_bytes() -> None:
    network = lower(known("mobilenet_v3_small-0.35-64"))
    assert ends(network) == ([onnx.TensorProto.FLOAT], onnx.TensorProto.FLOAT)
    inner = single(Add(4, 6), Shape(4, 6), Shape(4, 6))
    assert ends(inner) == ([onnx.TensorProto.UINT8] * 2, onnx.TensorProto.UINT8)
    assert ends(single(Conv(3, 8, 3, 2, 1, 8, "relu"), Shape(3, 8))) == (
        [onnx.TensorProto.FLOAT],
        onnx.TensorProto.UINT8,
    )
    said = {entry.key: entry.value for entry in to_onnx(inner, ranges=random_ranges(inner)).metadata_props}
    code = code_of(-4, 4)
    assert said == dict.fromkeys(("image", "image_2", LOGITS), f"{code.scale} {code.zero}")


def ends(graph: Graph) -> tuple[list[int], int]:
    graph = to_onnx(graph, ranges=random_ranges(graph)).graph
    return [value.type.tensor_type.elem_type for value in graph.input], graph.output[0].type.tensor_type.elem_type
