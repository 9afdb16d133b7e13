from typing import Any

import numpy as np
import pytest
import torch

from nas.design.graph import Graph
from nas.design.op import Activation, Conv
from nas.design.shapes import Shape
from nas.errors import NasError
from nas.runtimes import open_runtime, statuses
from nas.runtimes.runtime import Runtime
from tests.runtimes.graphs import images, lively_weights, single

# Inductor's own use of older parts of torch.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")


@pytest.fixture
def compiled() -> Runtime:
    found = next(status for status in statuses() if status.name == "torch-compile")
    if not found.usable:
        pytest.skip(str(found.reason))
    return open_runtime("torch-compile")


def test_a_process_may_hold_a_table_of_networks(compiled: Runtime) -> None:
    """Torch itself gives up after 256 versions of one function, whichever network each belongs to."""
    limits: Any = torch._dynamo.config
    assert compiled.name == "torch-compile"
    assert limits.accumulated_recompile_limit > 10_000


def pointwise(width: int, activation: Activation | None = "relu") -> Graph:
    return single(Conv(4, width, 1, 1, 1, 6, activation), Shape(4, 6))


@pytest.mark.slow
def test_compiled_networks_agree_with_eager_ones_however_many_there_are(compiled: Runtime) -> None:
    """Past eight versions of one function torch gives up, unless each network has versions of its own."""
    graphs = [pointwise(width) for width in range(1, 11)]
    for graph in graphs:
        weights, inputs = lively_weights(graph), images(graph)
        model = compiled.compile(graph, weights)
        expected = open_runtime("torch").compile(graph, weights)(*inputs)
        np.testing.assert_allclose(model(*inputs), expected, rtol=1e-4, atol=1e-5)
        model.run()


@pytest.mark.slow
def test_batches_and_files(compiled: Runtime) -> None:
    graph = pointwise(3, "hswish")
    weights, inputs = lively_weights(graph), images(graph, batch=2)
    model = open_runtime("torch-compile", batch=2).compile(graph, weights)
    np.testing.assert_allclose(
        model(*inputs), open_runtime("torch", batch=2).compile(graph, weights)(*inputs), rtol=1e-4, atol=1e-5
    )
    shipped = open_runtime("onnxruntime").open(compiled.encode(graph, weights))
    one = inputs[0][:1]
    np.testing.assert_allclose(shipped(one), compiled.compile(graph, weights)(one), rtol=1e-4, atol=1e-5)
    with pytest.raises(NasError, match="torch-compile opens no model files"):
        compiled.open(b"")


def test_without_a_compiler_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._inductor import cpp_builder
    from torch._inductor.exc import InvalidCxxCompiler

    def none() -> str:
        raise InvalidCxxCompiler

    monkeypatch.setattr(cpp_builder, "get_cpp_compiler", none)
    with pytest.raises(NasError, match=r"needs a C\+\+ compiler, and none was found: apt install g\+\+"):
        open_runtime("torch-compile")
    found = next(status for status in statuses() if status.name == "torch-compile")
    assert not found.usable
    assert "C++ compiler" in str(found.reason)


def test_an_old_torch_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda model, *, fullgraph=False: model)
    with pytest.raises(NasError, match=r"needs torch 2\.13 or newer"):
        open_runtime("torch-compile")
