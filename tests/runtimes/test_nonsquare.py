"""A network whose kernels are transposed gives transposed maps of transposed images, in every runtime."""

import numpy as np
import pytest
from msgspec.structs import replace

from nas.design.architecture import Architecture
from nas.design.graph import Graph, lower
from nas.design.known import known
from nas.design.op import Padding
from nas.design.size import make_size
from nas.latency.prediction.entry import parse_key
from nas.runtimes import open_runtime
from nas.runtimes.runtime import Array
from tests.runtimes.graphs import images, lively_weights

BACKENDS = ("torch", "onnxruntime", "openvino", "litert")
FAMILIES = ("mobilenet_v3_small", "mobilenet_v4_conv_small", "shufflenet_v2", "squeezenet_1_1", "xception")
PIECES = (
    "conv 6>6 k5 s2 g1 {} relu tensorflow",
    "conv 6>6 k3 s2 g6 {} relu",
    "max 6 k3 s2 {} ceil",
    "shuffle 6 g2 {}",
    "se 6>4 {}",
)


def turned(array: Array) -> Array:
    """Rows and columns exchanged, where there are both."""
    return np.ascontiguousarray(array.swapaxes(2, 3)) if array.ndim == 4 else array


def outputs(runtime: str, graph: Graph, other: Graph) -> tuple[Array, Array]:
    """Of a graph, and of the one with all turned, turned back."""
    weights, inputs = lively_weights(graph), images(graph)
    found = open_runtime(runtime).compile(graph, weights)(*inputs)
    opposite = {name: turned(value) for name, value in weights.items()}
    return found, turned(open_runtime(runtime).compile(other, opposite)(*map(turned, inputs)))


@pytest.mark.parametrize("padding", ["symmetric", "tensorflow"])
@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("runtime", BACKENDS)
def test_networks_of_turned_images_give_the_same_logits(runtime: str, name: str, padding: Padding) -> None:
    arch = replace(known(f"{name}-0.5-65x98", classes=10), padding=padding)
    assert arch.resolution == (65, 98)
    other: Architecture = replace(arch, resolution=make_size(98, 65))
    found, expected = outputs(runtime, lower(arch), lower(other))
    assert np.abs(found).max() > 1e-3
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(found).max())


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("runtime", BACKENDS)
def test_ops_of_turned_maps_give_turned_maps(runtime: str, piece: str) -> None:
    graph, other = (parse_key(piece.format(size)).as_graph() for size in ("9x14", "14x9"))
    found, expected = outputs(runtime, graph, other)
    assert found.shape[2] != found.shape[3]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(found).max())
