"""One table: each op with each activation and padding (rows), against torch in each runtime and precision (columns).

Compiled torch is no column: it compiles the modules that are compared with here, at seconds each.
"""

from itertools import combinations
from typing import get_args

import numpy as np
import pytest

from nas.design.graph import Graph
from nas.design.op import Activation, ConvPadding, Op, PoolPadding
from nas.latency.prediction.entry import Entry
from nas.runtimes import open_runtime
from nas.runtimes.graphs.quantise import code_of, observe, shared_ranges
from nas.runtimes.runtime import Array
from tests.runtimes.graphs import REPRESENTATIVES, ROWS, images, lively_weights, reference, variants

BATCH = 2
RUNTIMES = ("onnxruntime", "openvino", "litert")
# Largest difference of an output, as a share of the largest output of torch.
FLOAT32 = 1e-4
# Inputs, weights and outputs are rounded to 1/255 of their ranges, OpenVINO's weights to 1/127.
INT8 = 0.03
# In steps of the byte that an output is rounded to, from ONNX Runtime's: sums are exact, only their rounding differs.
STEPS = {"openvino": 1.01, "litert": 1.01}

rows = pytest.mark.parametrize("piece", [pytest.param(piece, id=key) for key, piece in ROWS.items()])


@pytest.mark.parametrize("kind", get_args(Op))
def test_every_op_has_a_representative(kind: type[Op]) -> None:
    assert any(type(op) is kind for op in REPRESENTATIVES), f"{kind.__name__} has none in tests/runtimes/graphs.py"


def test_the_rows_have_every_activation_and_padding() -> None:
    ops = [op for piece in ROWS.values() for op in piece.ops]
    assert {op.activation for op in ops if hasattr(op, "activation")} == {None, *get_args(Activation)}
    assert {op.padding for op in ops if hasattr(op, "padding")} == {*get_args(ConvPadding), *get_args(PoolPadding)}


@pytest.mark.parametrize("op", REPRESENTATIVES, ids=lambda op: Entry("a", (op,)).key)
def test_variants_of_an_op_compute_different_outputs(op: Op) -> None:
    """Or a runtime that takes one for another would go unseen."""
    found = [by_torch(graph, lively_images(graph)) for graph in (Entry("a", (one,)).as_graph() for one in variants(op))]
    alike = [pair for pair in combinations(found, 2) if pair[0].shape == pair[1].shape]
    for one, other in alike:
        assert np.abs(one - other).max() > 20 * FLOAT32 * np.abs(one).max()


@rows
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_float32_op_gives_torchs_outputs(runtime: str, piece: Entry) -> None:
    graph = piece.as_graph()
    inputs = lively_images(graph)
    expected = by_torch(graph, inputs)
    model = open_runtime(runtime, batch=BATCH).compile(graph, lively_weights(graph))
    model.run()
    np.testing.assert_allclose(model(*inputs), expected, rtol=0, atol=FLOAT32 * np.abs(expected).max())


@rows
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_int8_op_is_close_to_torch_and_a_step_from_onnxruntime(runtime: str, piece: Entry) -> None:
    graph = piece.as_graph()
    inputs, weights = lively_images(graph), lively_weights(graph)
    ranges = observe(graph, weights, [[array[k : k + 1] for array in inputs] for k in range(BATCH)])
    expected = by_torch(graph, inputs)
    model = open_runtime(runtime, batch=BATCH, precision="int8").compile(graph, weights, ranges)
    model.run()
    found = model(*inputs)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=INT8 * np.abs(expected).max())
    if runtime in STEPS:
        exact = reference(runtime, graph, weights, ranges, BATCH)(*inputs)
        assert steps_apart(found, exact, shared_ranges(graph, ranges)[graph.nodes[-1].name]) <= STEPS[runtime]


def by_torch(graph: Graph, inputs: list[Array]) -> Array:
    return open_runtime("torch", batch=BATCH).compile(graph, lively_weights(graph))(*inputs)


def lively_images(graph: Graph) -> list[Array]:
    """Inputs so large that ReLU6 clips."""
    factor = 1.5 if lively_weights(graph) else 4
    return [factor * image for image in images(graph, batch=BATCH)]


def steps_apart(found: Array, expected: Array, ends: tuple[float, float]) -> float:
    """The largest difference in steps of a byte. Logits may be left unrounded, and then go beyond their range."""
    one, other = (np.clip(values, *ends) for values in (found, expected))
    return float(np.abs(one - other).max() / code_of(*ends).scale)
