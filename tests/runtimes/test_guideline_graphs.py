"""The networks of guidelines compute in ONNX Runtime what they compute in torch."""

import numpy as np
import pytest

from nas.bench.guidelines import distinct_weights
from nas.design.graph import Graph
from nas.design.guidelines.catalogue import make_guidelines
from nas.runtimes import open_runtime
from nas.runtimes.graphs.shapes import input_shapes

# Each kind of graph once; variants of V3-Large take parts that tests of known networks compare.
CHOSEN = {
    "equal-widths": (1,),
    "groups": (3,),
    "fragmentation": (1, 4),
    "element-wise": (0, 3),
    "last-stage": (1,),
    "width-grid": (1,),
}
GRAPHS = [
    pytest.param(guideline.variants[number].graph, id=f"{guideline.name}-{number}")
    for guideline in make_guidelines(list(CHOSEN))
    for number in CHOSEN[guideline.name]
]


@pytest.mark.parametrize("graph", GRAPHS)
def test_a_network_of_a_guideline_gives_torchs_outputs_in_onnx_runtime(graph: Graph) -> None:
    weights = distinct_weights(graph)
    image = np.random.default_rng(0).standard_normal(input_shapes(graph, 1)[0], np.float32)
    expected, found = (open_runtime(name).compile(graph, weights)(image) for name in ("torch", "onnxruntime"))
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
