import math

import numpy as np
import onnx
import pytest

from nas.design.graph import Graph, lower
from nas.design.known import KNOWN_NAMES, known
from nas.design.op import Activation, Add, Conv, GlobalPool, Linear, SqueezeExcite
from nas.design.shapes import Shape
from nas.design.walk import LOGITS, Node
from nas.runtimes import open_runtime
from nas.runtimes.graphs.onnx_graph import to_onnx
from nas.runtimes.graphs.shapes import folded, input_names
from nas.runtimes.runtime import Array
from tests.each_family import EACH_FAMILY
from tests.runtimes.graphs import images, single


@pytest.mark.parametrize("name", EACH_FAMILY)
def test_the_graph_is_valid_and_says_its_shapes(name: str) -> None:
    graph = lower(known(f"{name}-0.5-64x96", classes=7))
    model = to_onnx(graph, name=name)
    onnx.checker.check_model(model, full_check=True)
    (image,), (output,) = model.graph.input, model.graph.output
    assert (image.name, output.name, model.graph.name) == ("image", LOGITS, name)
    assert [d.dim_value for d in image.type.tensor_type.shape.dim] == [1, 3, 64, 96]
    assert [d.dim_value for d in output.type.tensor_type.shape.dim] == [1, 7]


@pytest.mark.parametrize("name", KNOWN_NAMES)
def test_batch_norm_is_folded_away(name: str) -> None:
    kinds = {node.op_type for node in to_onnx(lower(known(f"{name}-0.5-64"))).graph.node}
    assert "BatchNormalization" not in kinds
    assert ("HardSwish" in kinds) == (name in ("mobilenet_v3_large", "mobilenet_v3_small"))


def outputs(graph: Graph, weights: dict[str, Array], *arrays: Array) -> Array:
    return open_runtime("onnxruntime").compile(graph, weights)(*arrays)


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (None, [-4, -1, 2, 9]),
        ("relu", [0, 0, 2, 9]),
        ("relu6", [0, 0, 2, 6]),
        ("hswish", [0, -1 / 3, 2 * 5 / 6, 9]),
        ("silu", [-4 / (1 + math.e**4), -1 / (1 + math.e), 2 / (1 + math.e**-2), 9 / (1 + math.e**-9)]),
    ],
)
def test_a_linear_layer_and_activations_by_hand(activation: Activation | None, expected: list[float]) -> None:
    weights = {"only.linear.weight": np.eye(4, dtype=np.float32), "only.linear.bias": np.ones(4, np.float32)}
    vector = np.array([[-5, -2, 1, 8]], np.float32)
    found = outputs(single(Linear(4, 4, activation), Shape(4, 1)), weights, vector)
    # A sigmoid in float32 is a fraction of polynomials, off by some 1e-7.
    np.testing.assert_allclose(found, [expected], rtol=1e-6, atol=5e-7)


def test_a_convolution_with_its_norm_by_hand() -> None:
    weights = {
        "only.conv.weight": np.full((1, 1, 1, 1), 2, np.float32),
        "only.norm.weight": np.array([3], np.float32),
        "only.norm.bias": np.array([1], np.float32),
        "only.norm.running_mean": np.array([4], np.float32),
        "only.norm.running_var": np.array([9], np.float32),
    }
    weight, bias = folded(weights, "only", Conv(1, 1, 1, 1, 1, 1, None), 0.0)
    assert (weight.item(), bias.item()) == (2.0, -3.0)
    found = outputs(single(Conv(1, 1, 1, 1, 1, 1, None), Shape(1, 1)), weights, np.full((1, 1, 1, 1), 5, np.float32))
    assert found.item() == 3 * (2 * 5 - 4) / 3 + 1


def test_squeeze_excite_by_hand() -> None:
    weights = {
        "only.reduce.weight": np.ones((1, 2, 1, 1), np.float32),
        "only.reduce.bias": np.array([-1], np.float32),
        "only.expand.weight": np.ones((2, 1, 1, 1), np.float32),
        "only.expand.bias": np.array([-3, 0], np.float32),
    }
    image = np.array([[[[1, 3], [1, 3]], [[0, 0], [0, 0]]]], np.float32)
    # Means 2 and 0; reduce max(0, 2 + 0 - 1) = 1; expand -2 and 1; hard sigmoid 1/6 and 2/3.
    found = outputs(single(SqueezeExcite(2, 1, 2), Shape(2, 2)), weights, image)
    np.testing.assert_allclose(found, image * np.array([1 / 6, 2 / 3], np.float32)[None, :, None, None], rtol=1e-6)


def test_pool_and_sum_by_hand() -> None:
    image = np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2)
    np.testing.assert_allclose(outputs(single(GlobalPool(2, 2), Shape(2, 2)), {}, image), [[1.5, 5.5]])
    twice = Graph((Shape(2, 2), Shape(2, 2)), (Node("only", Add(2, 2), (-1, -2)),))
    np.testing.assert_allclose(outputs(twice, {}, image, 10 * image), 11 * image)
    assert input_names(twice) == ("image", "image_2")


def test_random_weights_keep_activations_in_range_through_a_deep_network() -> None:
    graph = lower(known("mobilenet_v2-0.35-96"))
    found = open_runtime("onnxruntime").compile(graph)(*images(graph))
    assert 1e-4 < np.abs(found).max() < 1e4
