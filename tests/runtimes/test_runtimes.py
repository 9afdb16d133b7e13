"""Every runtime gives the same outputs for the same weights."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from nas.cli.commands.runtimes import runtimes
from nas.design.graph import Graph, lower
from nas.design.known import KNOWN_NAMES as NETWORKS
from nas.design.known import known
from nas.errors import NasError
from nas.latency.prediction.entry import parse_key
from nas.nets.network import build
from nas.runtimes import PRECISIONS, RUNTIME_NAMES, Status, open_runtime, statuses
from nas.runtimes.graphs.onnx_graph import to_onnx
from nas.runtimes.graphs.quantise import observe
from nas.runtimes.graphs.random_weights import random_weights
from nas.runtimes.onnx_runtime import OnnxRuntime
from nas.runtimes.runtime import Array, Ranges
from tests.runtimes.graphs import images, lively_weights, reference

# Largest difference of an output, as a share of the largest output of torch.
SHARE = {"onnxruntime": 1e-4, "openvino": 1e-4, "litert": 1e-4}
# A whole int8 network: norm of the difference from ONNX Runtime's outputs over their norm. A byte that is rounded the
# other way at the start reaches every output, and LiteRT rounds the logits too.
APART = {"openvino": 0.15, "litert": 0.2}
# And over the norm of float32's outputs: random weights are unkinder than trained ones.
FROM_FLOAT = 0.25


def samples(graph: Graph, count: int = 4) -> list[list[Array]]:
    return [images(graph, seed) for seed in range(count)]


def ranges_of(graph: Graph, weights: dict[str, Array]) -> Ranges:
    return observe(graph, weights, samples(graph))


def test_the_networks_of_the_comparison_say_something() -> None:
    graph = lower(known("mobilenet_v3_small-0.5-64", classes=10))
    module, weights = build(graph).eval(), lively_weights(graph)
    module.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()}, strict=False)
    (image,) = images(graph)
    with torch.inference_mode():
        expected = module(torch.from_numpy(image)).numpy()
    np.testing.assert_array_equal(open_runtime("torch").compile(graph, weights)(image), expected)
    assert np.abs(expected).max() > 1e-3


@pytest.mark.parametrize(("batch", "size"), [(1, "64x97"), (2, "64")])
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("runtime", SHARE)
def test_float32_networks_agree_with_torch(runtime: str, name: str, batch: int, size: str) -> None:
    graph = lower(known(f"{name}-0.5-{size}", classes=10))
    weights, inputs = lively_weights(graph), images(graph, batch=batch)
    expected = open_runtime("torch", batch=batch).compile(graph, weights)(*inputs)
    model = open_runtime(runtime, batch=batch).compile(graph, weights)
    found = model(*inputs)
    assert found.shape == (batch, 10)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=SHARE[runtime] * np.abs(expected).max())
    model.run()


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("name", ["mobilenet_v3_small-1-64", "mobilenet_v2-0.5-64", "mobilenet_v3_small-1-64x96"])
@pytest.mark.parametrize("runtime", APART)
def test_int8_networks_agree_with_each_other_and_with_float32(runtime: str, name: str, batch: int) -> None:
    graph = lower(known(name, classes=100))
    weights, inputs = random_weights(graph), images(graph, batch=batch)
    ranges = ranges_of(graph, weights)
    exact = OnnxRuntime(batch=batch).compile(graph, weights)(*inputs)
    expected = reference(runtime, graph, weights, ranges, batch)(*inputs)
    model = open_runtime(runtime, batch=batch, precision="int8").compile(graph, weights, ranges)
    model.run()
    assert apart(model(*inputs), expected) < APART[runtime]
    assert apart(expected, exact) < FROM_FLOAT


def apart(found: Array, expected: Array) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", ["onnxruntime", "openvino", "litert"])
def test_conditions_are_what_was_asked_for(name: str, precision: str, threads: int) -> None:
    runtime = open_runtime(name, threads, 2, precision)
    assert (runtime.name, runtime.threads, runtime.batch, runtime.precision) == (name, threads, 2, precision)
    assert runtime.version[0].isdigit()
    graph = parse_key("conv 24>24 k5 s2 g24 14 hswish").as_graph()
    alone = open_runtime(name, 1, 2, precision).compile(graph)
    np.testing.assert_allclose(
        runtime.compile(graph)(*images(graph, batch=2)), alone(*images(graph, batch=2)), rtol=1e-4, atol=1e-4
    )


def test_torch_takes_its_threads() -> None:
    open_runtime("torch", threads=2)
    assert torch.get_num_threads() == 2
    open_runtime("torch")
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("tflite",), "'tflite' is no runtime: the runtimes are onnxruntime, openvino, litert, torch, torch-compile"),
        (("onnxruntime", 0), "threads 0 is too small"),
        (("onnxruntime", 1, -1), "batch -1 is too small"),
        (("onnxruntime", 1, 1, "bf16"), "'bf16' is no precision: the precisions are float32, int8"),
        (("torch", 1, 1, "int8"), "torch runs float32 only; for int8 use --runtime onnxruntime, openvino or litert"),
        (("torch-compile", 1, 1, "int8"), "torch-compile runs float32 only"),
    ],
)
def test_what_cannot_be_opened_is_refused_with_what_can(words: tuple[str, int, int, str], message: str) -> None:
    with pytest.raises(NasError, match=message):
        open_runtime(*words)


def test_a_runtime_that_is_not_installed_comes_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(NasError, match=r"openvino cannot be used here .*: pip install openvino"):
        open_runtime("openvino")
    found = {status.name: status for status in statuses()}
    assert tuple(found) == RUNTIME_NAMES
    missing, present = found["openvino"], found["onnxruntime"]
    assert not missing.usable
    assert missing.version is None
    assert missing.install == "pip install openvino"
    assert "openvino" in str(missing.reason)
    version = open_runtime("onnxruntime").version
    assert present == Status("onnxruntime", PRECISIONS, True, version, None, "pip install onnxruntime")
    assert found["torch"].precisions == ("float32",)


def test_the_command_lists_them_all() -> None:
    app = typer.Typer()
    app.command()(runtimes)
    document = json.loads(CliRunner().invoke(app, ["--json"], catch_exceptions=False).stdout)
    assert [row["name"] for row in document] == list(RUNTIME_NAMES)
    assert set(document[0]) == {"name", "precisions", "usable", "version", "reason", "install"}
    lines = CliRunner().invoke(app, [], catch_exceptions=False).stdout.splitlines()
    assert lines[0].split()[:3] == ["runtime", "precisions", "usable"]
    assert lines[1].split() == ["onnxruntime", "float32,", "int8", "yes", document[0]["version"]]


def test_a_shipped_file_runs_like_the_plan_it_was_written_from(tmp_path: Path) -> None:
    graph = lower(known("mobilenet_v3_small-0.35-64", classes=5))
    for name in ("onnxruntime", "openvino"):
        runtime = open_runtime(name)
        (tmp_path / f"model{runtime.suffix}").write_bytes(runtime.encode(graph))
        loaded = runtime.load(tmp_path / "model.onnx")
        np.testing.assert_array_equal(loaded(*images(graph)), runtime.compile(graph)(*images(graph)))
        loaded.run()


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x08garbage" * 50])
def test_a_file_that_is_no_model_is_refused_with_its_path(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(NasError, match=r"model\.onnx is no model"):
        open_runtime(name).load(tmp_path / "model.onnx")


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_a_missing_model_is_refused_with_its_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(NasError, match=r"none\.onnx cannot be read"):
        open_runtime(name).load(tmp_path / "none.onnx")


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_an_op_that_a_runtime_does_not_know_is_named(name: str) -> None:
    model = to_onnx(lower(known("mobilenet_v2-0.35-64")))
    next(node for node in model.graph.node if node.op_type == "Add").op_type = "Nonsense"
    with pytest.raises(NasError, match=r"rejects the model: .*Nonsense"):
        open_runtime(name).open(model.SerializeToString())


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_open_sizes_are_refused(name: str) -> None:
    model = to_onnx(lower(known("mobilenet_v2-0.35-64")))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "n"
    with pytest.raises(NasError, match="its input image has no fixed sizes"):
        open_runtime(name).open(model.SerializeToString())


def test_torch_opens_no_files(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"whatever")
    with pytest.raises(NasError, match="torch opens no model files"):
        open_runtime("torch").load(tmp_path / "model.onnx")


def test_torch_refuses_weights_of_another_network() -> None:
    graph = lower(known("mobilenet_v3_small-0.5-64"))
    weights = random_weights(graph)
    weights.pop("stem.conv.weight")
    with pytest.raises(RuntimeError, match=r"stem\.conv\.weight"):
        open_runtime("torch").compile(graph, weights)
