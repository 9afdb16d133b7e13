"""TensorFlow's padding in every backend, against its definition: zeros put there by hand, a convolution without any."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from torch.nn import functional as F

from nas.design.architecture import Architecture
from nas.design.graph import lower
from nas.design.known import known
from nas.design.op import Conv
from nas.design.shapes import Shape
from nas.design.size import Size, height_width
from nas.latency.prediction.entry import entries
from nas.nets.modules import ConvNorm
from nas.nets.network import build
from nas.runtimes import open_runtime
from nas.runtimes.graphs.quantise import observe
from nas.runtimes.graphs.shapes import folded
from nas.runtimes.runtime import Array, Weights
from tests.design.strategies import sizes
from tests.runtimes.graphs import images, lively_weights, single

BACKENDS = ("torch", "onnxruntime", "openvino", "litert")


def by_definition(op: Conv, weights: Weights, image: Array) -> Array:
    """TensorFlow's guide to "SAME": out = ceil(in / stride), as few zeros as that needs, the odd one behind."""
    needed = [max((-(-side // op.stride) - 1) * op.stride + op.kernel - side, 0) for side in height_width(op.size)]
    (above, below), (left, right) = ((zeros // 2, zeros - zeros // 2) for zeros in needed)
    weight, bias = (torch.from_numpy(array) for array in folded(weights, "only", op, 0.0))
    padded = F.pad(torch.from_numpy(image), (left, right, above, below))
    found: Array = F.conv2d(padded, weight, bias, op.stride, groups=op.groups).relu().numpy()
    return found


def conv(size: Size, kernel: int, stride: int, groups: int) -> Conv:
    return Conv(6, 6, kernel, stride, groups, size, "relu", "tensorflow")


@pytest.mark.parametrize("runtime", BACKENDS)
@given(sizes(1, 12), st.sampled_from((1, 3, 5, 7)), st.sampled_from((1, 2)), st.sampled_from((1, 6)))
@settings(max_examples=40)
def test_a_convolution_pads_as_tensorflow_does(runtime: str, size: Size, kernel: int, stride: int, groups: int) -> None:
    op = conv(size, kernel, stride, groups)
    graph = single(op, Shape(6, size))
    weights, (image,) = lively_weights(graph), images(graph)
    found = open_runtime(runtime).compile(graph, weights)(image)
    np.testing.assert_allclose(found, by_definition(op, weights, image), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino", "litert"])
@pytest.mark.parametrize("groups", [1, 6])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("size", [7, 8, (7, 8)])
def test_an_int8_convolution_pads_with_the_byte_of_zero(runtime: str, size: Size, kernel: int, groups: int) -> None:
    op = conv(size, kernel, 2, groups)
    graph = single(op, Shape(6, size))
    weights = lively_weights(graph)
    image = images(graph)[0] + 0.5
    ranges = observe(graph, weights, [[image]])
    found = open_runtime(runtime, precision="int8").compile(graph, weights, ranges)(image)
    expected = by_definition(op, weights, image)
    # Sums of bytes saturate on processors without VNNI; a pixel beside the right one is off by all there is.
    assert np.abs(found - expected).max() < 0.15 * np.abs(expected).max()


@pytest.mark.parametrize("groups", [1, 6])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("size", [8, (8, 9), (9, 8)])
def test_training_convolves_and_differentiates_as_evaluation_does(size: Size, kernel: int, groups: int) -> None:
    """The quick depthwise gradient of training takes symmetric padding only."""
    graph = single(conv(size, kernel, 2, groups), Shape(6, size))
    module = build(graph).get_submodule("only")
    assert isinstance(module, ConvNorm)
    gradients: list[list[torch.Tensor]] = []
    for training in (True, False):
        module.zero_grad()
        module.norm.training = False
        module.training = training
        image = torch.from_numpy(images(graph)[0]).requires_grad_()
        module(image).square().sum().backward()
        parameters = [image, module.conv.weight]
        gradients.append([tensor.grad.clone() for tensor in parameters])  # type: ignore[union-attr]
    for one, other in zip(*gradients, strict=True):
        assert float(other.abs().max()) > 0
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_only_convolutions_whose_padding_differs_say_so() -> None:
    """Elsewhere they are the same ops, with the prices that they have without it."""
    usual = lower(known("mobilenet_v3_small-1-225"))
    padded = lower(replace_padding("mobilenet_v3_small-1-225"))
    assert [n.op for n in usual.nodes] == [n.op for n in padded.nodes]  # 225, 113, 57, 29 and 15 are odd
    even = entries(lower(replace_padding("mobilenet_v3_small")))
    assert [entry.name for entry in even if "tensorflow" in entry.key] == [
        "stem", "s0b0_depthwise", "s1b0_depthwise", "s2b0_depthwise", "s4b0_depthwise",
    ]  # fmt: skip
    assert even[0].key == "conv 3>16 k3 s2 g1 224 hswish tensorflow"


def replace_padding(name: str) -> Architecture:
    return replace(known(name), padding="tensorflow")
