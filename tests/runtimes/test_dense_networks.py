"""Detectors and segmenters in every runtime, float32 and int8, at an input that is no square."""

import numpy as np
import pytest
from msgspec.structs import replace

from nas.design.architecture import Architecture
from nas.design.dense.union import LrAspp
from nas.design.graph import Graph, lower
from nas.design.known import known
from nas.runtimes import open_runtime
from nas.runtimes.graphs.quantise import observe
from nas.runtimes.graphs.shapes import output_shapes
from nas.runtimes.runtime import Array
from tests.runtimes.graphs import images, lively_weights

SMALL = "mobilenet_v3_small-0.35-96x160"
PLAIN = "mobilenet_v3_small_minimal-0.35-96x160"
NETWORKS: dict[str, Architecture] = {
    "ssdlite": known(f"ssdlite_{PLAIN}", 5),
    "lraspp": known(f"lraspp_{SMALL}", 5),
    "windows": replace(known(f"lraspp_{PLAIN}", 5), dense=LrAspp(32, 32, window=(2, 3), step=(1, 2), full_size=False)),
    "raspp": known(f"raspp_{PLAIN}", 5),
}
RUNTIMES = ("onnxruntime", "openvino", "litert")
names = pytest.mark.parametrize("name", NETWORKS)


def by_torch(graph: Graph, weights: dict[str, Array], inputs: list[Array]) -> tuple[Array, ...]:
    return open_runtime("torch").compile(graph, weights).outputs(*inputs)


@names
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_float32_outputs_are_torchs(runtime: str, name: str) -> None:
    graph = lower(NETWORKS[name])
    weights, inputs = lively_weights(graph), images(graph)
    expected = by_torch(graph, weights, inputs)
    model = open_runtime(runtime).compile(graph, weights)
    model.run()
    found = model.outputs(*inputs)
    assert [array.shape for array in found] == list(output_shapes(graph).values())
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=5e-4 * np.abs(other).max())
        assert np.abs(other).max() > 1e-3


@names
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_int8_outputs_are_close_and_float32(runtime: str, name: str) -> None:
    graph = lower(NETWORKS[name])
    weights, inputs = lively_weights(graph), images(graph)
    expected = by_torch(graph, weights, inputs)
    model = open_runtime(runtime, precision="int8").compile(graph, weights, observe(graph, weights, [inputs]))
    model.run()
    for one, other in zip(model.outputs(*inputs), expected, strict=True):
        assert one.dtype == np.float32
        assert one.shape == other.shape
        assert float(np.corrcoef(one.ravel(), other.ravel())[0, 1]) > 0.97


def test_a_model_of_several_outputs_has_no_single_one() -> None:
    graph = lower(NETWORKS["ssdlite"])
    with pytest.raises(ValueError, match="unpack"):
        open_runtime("onnxruntime").compile(graph, lively_weights(graph))(*images(graph))
