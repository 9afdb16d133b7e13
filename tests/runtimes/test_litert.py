from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.design.architecture import Architecture
from nas.design.graph import Graph, lower
from nas.design.known import known
from nas.design.op import Add, Conv, Linear
from nas.design.shapes import Shape
from nas.design.size import Size
from nas.design.walk import Node
from nas.device.litert_session import library, version
from nas.errors import NasError
from nas.latency.prediction.entry import parse_key
from nas.runtimes import open_runtime
from nas.runtimes.litert_runtime import LitertRuntime
from tests.design.strategies import architectures, sizes
from tests.each_family import EACH_FAMILY
from tests.runtimes.graphs import images, lively_weights, single
from tests.runtimes.tflite_graphs import left_out, taken_whole

RUNTIME = LitertRuntime()


def assert_like_torch(graph: Graph, batch: int = 1) -> None:
    """The same outputs to 1e-4 of their largest, in one piece of XNNPACK's."""
    weights, inputs = lively_weights(graph), images(graph, batch=batch)
    expected = open_runtime("torch", batch=batch).compile(graph, weights)(*inputs)
    session = LitertRuntime(batch=batch).compile(graph, weights)
    assert (left_out(session) == []) == taken_whole(graph, "float32")
    np.testing.assert_allclose(session(*inputs), expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("size", ["64", "66x97"])
@pytest.mark.parametrize("name", EACH_FAMILY)
def test_published_networks_give_torchs_outputs(name: str, size: str, batch: int) -> None:
    assert_like_torch(lower(known(f"{name}-0.5-{size}", classes=10)), batch)


@given(architectures())
@settings(max_examples=15)
def test_any_network_gives_torchs_outputs(arch: Architecture) -> None:
    assert_like_torch(lower(arch))


@given(sizes(1, 12), st.sampled_from((1, 3, 5, 7)), st.sampled_from((1, 2, 3)), st.sampled_from((1, 2, 6)))
@settings(max_examples=60)
def test_padding_is_torchs_at_every_size_and_stride(size: Size, kernel: int, stride: int, groups: int) -> None:
    assert_like_torch(single(Conv(6, 6, kernel, stride, groups, size, "relu"), Shape(6, size)))


def test_a_file_is_the_same_model_as_its_graph(tmp_path: Path) -> None:
    graph = lower(known("mobilenet_v3_small-0.35-64", classes=5))
    (tmp_path / "model.tflite").write_bytes(RUNTIME.encode(graph))
    (image,) = images(graph)
    loaded = RUNTIME.load(tmp_path / "model.tflite")
    np.testing.assert_array_equal(loaded(image), RUNTIME.compile(graph)(image))


def test_the_presets_outlast_a_run() -> None:
    session = RUNTIME.compile(parse_key("conv 8>8 k3 s1 g8 16 relu").as_graph())
    (details,) = session._inputs
    before = session._interpreter.get_tensor(details["index"])
    assert before.std() > 0.5
    session.run()
    session.run()
    np.testing.assert_array_equal(session._interpreter.get_tensor(details["index"]), before)


def threads() -> int:
    """Of this process, those that Python does not know among them."""
    return len(list(Path("/proc/self/task").iterdir()))


def test_one_thread_does_all_the_work_itself() -> None:
    graph = lower(known("mobilenet_v3_small-0.5-96"))
    content, before = RUNTIME.encode(graph), threads()
    alone = LitertRuntime(threads=1).open(content)
    assert threads() == before
    helped = LitertRuntime(threads=2).open(content)
    assert threads() == before + 1
    assert RUNTIME.in_thread
    np.testing.assert_array_equal(alone(*images(graph)), helped(*images(graph)))


def test_constants_lie_where_the_schema_wants_them() -> None:
    weight = np.float32(1234.5)
    graph = single(Linear(3, 1, None), Shape(3, 1))
    weights = {"only.linear.weight": np.full((1, 3), weight), "only.linear.bias": np.ones(1, np.float32)}
    content = RUNTIME.encode(graph, weights)
    assert content[4:8] == b"TFL3"
    assert content.index(weight.tobytes() * 3) % 16 == 0


def test_a_deployer_finds_inputs_and_output_by_name() -> None:
    twice = Graph((Shape(2, 2), Shape(2, 2)), (Node("only", Add(2, 2), (-1, -2)),))
    runner = RUNTIME.compile(twice)._interpreter.get_signature_runner()
    image = np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2)
    np.testing.assert_array_equal(runner(image=image, image_2=10 * image)["logits"], 11 * image)


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x08garbage" * 50, b"\0\0\0\0TFL3" + bytes(100)])
def test_a_file_that_is_no_model_is_refused_with_its_path(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.tflite").write_bytes(content)
    with pytest.raises(NasError, match=r"model\.tflite is no model .*LiteRT .* rejects the model"):
        RUNTIME.load(tmp_path / "model.tflite")


def test_a_missing_model_is_refused_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(NasError, match=r"none\.tflite cannot be read"):
        RUNTIME.load(tmp_path / "none.tflite")


def test_a_file_cut_off_anywhere_is_refused() -> None:
    content = RUNTIME.encode(parse_key("conv 8>8 k3 s2 g8 16 hswish").as_graph())
    for length in range(0, len(content), 37):
        with pytest.raises(NasError, match="rejects the model"):
            RUNTIME.open(content[:length])


def test_a_size_that_no_memory_holds_is_refused() -> None:
    wide = parse_key("pool 1048576 32768").as_graph()  # four petabytes
    with pytest.raises(NasError, match="rejects the model"):
        RUNTIME.compile(wide)
    large = parse_key("pool 1024 600").as_graph()  # 1.4 GB
    with pytest.raises(NasError, match=r"'image' has the sides \[1, 600, 600, 1024\]"):
        RUNTIME.compile(large)


def test_the_library_is_a_file_and_has_a_version() -> None:
    assert RUNTIME.version == version()
    assert version()[0].isdigit()
    assert library().is_file()


def test_the_terminal_stays_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    RUNTIME.compile(parse_key("add 2 2").as_graph())
    assert capfd.readouterr() == ("", "")
