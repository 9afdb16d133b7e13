import numpy as np
import pytest

from nas.design.graph import Graph, lower
from nas.design.known import known
from nas.design.op import Add, Linear, SqueezeExcite, is_curved
from nas.design.shapes import Shape
from nas.design.walk import Node
from nas.device.litert_session import LitertSession, _real
from nas.latency.prediction.entry import parse_key
from nas.runtimes.graphs.tflite_graph import to_tflite
from nas.runtimes.litert_runtime import LitertRuntime
from nas.runtimes.runtime import Array
from tests.each_family import EACH_FAMILY
from tests.runtimes.graphs import ROWS, images, lively_weights, single
from tests.runtimes.tflite_graphs import by_reference, left_out, taken_whole, true_ranges


def pair(graph: Graph, batch: int = 1) -> tuple[bytes, bytes, list[Array]]:
    """Float32 and int8 files of one network with the ranges of these inputs, which follow."""
    weights, inputs = lively_weights(graph), images(graph, batch=batch)
    float32 = to_tflite(graph, weights, batch=batch)
    return float32, to_tflite(graph, weights, true_ranges(float32, *inputs), batch), inputs


@pytest.mark.parametrize("key", ROWS)
def test_xnnpack_takes_every_op_and_computes_what_litert_defines(key: str) -> None:
    graph = ROWS[key].as_graph()
    float32, int8, inputs = pair(graph)
    oracle, session = by_reference(int8, *inputs), LitertSession(int8)
    assert (left_out(session) == []) == taken_whole(graph, "int8")
    assert (left_out(LitertSession(float32)) == []) == taken_whole(graph, "float32")
    (output,) = oracle.get_output_details()
    expected = _real(oracle.get_tensor(output["index"]), output)
    found = session(*inputs)
    found = found.transpose(0, 2, 3, 1) if found.ndim == 4 else found
    # A sum in the middle between two bytes may go to either; before a curve, such a byte is up to three of the output.
    curved = any(is_curved(getattr(op, "activation", None)) for op in ROWS[key].ops)
    assert np.abs(found - expected).max() <= (4.01 if curved else 1.01) * output["quantization"][0]


@pytest.mark.parametrize("name", EACH_FAMILY)
def test_published_networks_are_close_to_float32(name: str) -> None:
    graph = lower(known(f"{name}-0.5-65x80", classes=50))
    float32, int8, inputs = pair(graph)
    expected, session = LitertSession(float32)(*inputs), LitertSession(int8)
    assert (left_out(session) == []) == taken_whole(graph, "int8")
    # Random weights amplify every rounding, trained ones do not; one wrong scale leaves no likeness at all.
    assert np.corrcoef(session(*inputs)[0], expected[0])[0, 1] > 0.9
    assert len(int8) < 0.55 * len(float32)


def test_a_linear_layer_by_hand() -> None:
    # Inputs and weights are whole numbers at scale 1; the sum is rounded to the output's steps of 100.
    weights = {"only.linear.weight": np.array([[127, -64]], np.float32), "only.linear.bias": np.array([10], np.float32)}
    ranges = {"image": (0.0, 255.0), "only": (-12700.0, 12800.0)}
    session = LitertSession(to_tflite(single(Linear(2, 1, None), Shape(2, 1)), weights, ranges))
    for a, b, expected in (
        (0, 0, 0),
        (10, 0, 1300),
        (100, 50, 9500),
        (0, 100, -6400),
        (100, 0, 12700),
        (255, 0, 12800),
    ):
        assert session(np.array([[a, b]], np.float32)).item() == expected


def test_the_gate_of_squeeze_excite_saturates_by_hand() -> None:
    weights = {
        "only.reduce.weight": np.ones((1, 2, 1, 1), np.float32),
        "only.reduce.bias": np.array([-1], np.float32),
        "only.expand.weight": np.array([-8, 8], np.float32).reshape(2, 1, 1, 1),
        "only.expand.bias": np.zeros(2, np.float32),
    }
    ranges = {"image": (0.0, 4.0), "only.pool": (0.0, 4.0), "only.relu": (0.0, 4.0), "only": (0.0, 4.0)}
    image = np.array([[[[1, 3], [1, 3]], [[1, 1], [2, 2]]]], np.float32)
    # Means 2 and 1.5, so reduce is 2.5 and expand -20 and 20: one channel is shut, the other left as it is.
    found = LitertSession(to_tflite(single(SqueezeExcite(2, 1, 2), Shape(2, 2)), weights, ranges))(image)
    assert np.abs(found[0, 0]).max() == 0
    np.testing.assert_allclose(found[0, 1], image[0, 1], atol=1.01 * 4 / 255)


def test_a_sum_saturates_at_its_range_by_hand() -> None:
    graph = Graph((Shape(1, 2), Shape(1, 2)), (Node("only", Add(1, 2), (-1, -2)),))
    ranges = {"image": (0.0, 255.0), "image_2": (-128.0, 127.0), "only": (-50.0, 205.0)}
    a, b = np.array([0, 10, 200, 255], np.float32), np.array([-128, -5, 20, 127], np.float32)
    found = LitertSession(to_tflite(graph, {}, ranges))(a.reshape(1, 1, 2, 2), b.reshape(1, 1, 2, 2))
    np.testing.assert_allclose(found.ravel(), [-50, 5, 205, 205], atol=1e-4)


@pytest.mark.parametrize("key", ["conv 3>16 k3 s2 g1 32 hswish", "se 24>8 7", "linear 7>5 relu", "add 4 4", "pool 4 4"])
def test_without_ranges_it_makes_them_up_for_timing(key: str) -> None:
    graph = parse_key(key).as_graph()
    session = LitertRuntime(batch=2, precision="int8").compile(graph)
    output = session(*images(graph, batch=2))
    assert left_out(session) == []
    assert len(output) == 2
    assert output.std() > 0


def test_float32_stays_float32_whatever_the_ranges() -> None:
    graph = parse_key("conv 3>16 k3 s2 g1 32 hswish").as_graph()
    weights, ranges = lively_weights(graph), {"image": (0.0, 1.0)}
    assert LitertRuntime().encode(graph, weights, ranges) == to_tflite(graph, weights)
