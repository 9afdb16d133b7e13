from pathlib import Path

import numpy as np
import pytest

from nas.design.known import known
from nas.design.plan import lower
from nas.errors import NasError
from nas.runtimes import open_runtime
from nas.runtimes.onnx_graph import to_onnx
from nas.runtimes.onnx_runtime import OnnxRuntime


@pytest.mark.parametrize("name", ["onnxruntime", "torch"])
def test_every_named_runtime_opens_and_says_what_it_is(name: str) -> None:
    runtime = open_runtime(name)
    assert (runtime.name, runtime.threads) == (name, 1)
    assert runtime.version[0].isdigit()


def test_an_unknown_runtime_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        NasError, match="'tflite' is no runtime: the runtimes are onnxruntime, openvino, litert, torch, torch-compile"
    ):
        open_runtime("tflite")


def test_a_shipped_file_runs_like_the_plan_it_was_written_from(tmp_path: Path) -> None:
    plan = lower(known("mobilenet_v3_small-0.35-64", classes=5))
    (tmp_path / "model.onnx").write_bytes(to_onnx(plan).SerializeToString())
    image = np.random.default_rng(0).standard_normal((1, 3, 64, 64), np.float32)
    runtime = OnnxRuntime()
    loaded = runtime.load(tmp_path / "model.onnx")
    np.testing.assert_array_equal(loaded(image), runtime.compile(plan)(image))
    loaded.run()


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x08garbage" * 50])
def test_a_file_that_is_no_model_is_refused_with_its_path(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(NasError, match=r"model\.onnx is no model"):
        OnnxRuntime().load(tmp_path / "model.onnx")


def test_a_missing_model_is_refused_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(NasError, match=r"none\.onnx cannot be read"):
        OnnxRuntime().load(tmp_path / "none.onnx")
