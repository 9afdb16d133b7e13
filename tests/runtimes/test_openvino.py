import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from nas.design.graph import lower
from nas.design.known import known
from nas.device.openvino_session import OpenvinoSession, library
from nas.runtimes.graphs.random_weights import random_weights
from nas.runtimes.openvino_runtime import OpenvinoRuntime
from tests.runtimes.graphs import images

GRAPH = lower(known("mobilenet_v3_small-0.5-64", classes=5))


def precisions(session: OpenvinoSession, kind: str) -> set[str]:
    return {precision for _, layer, precision in session.executed() if layer == kind}


def test_floats_run_as_floats() -> None:
    """This processor may have bfloat16 units, which OpenVINO would use unasked."""
    session = OpenvinoRuntime().compile(GRAPH)
    assert {precision for _, layer, precision in session.executed() if layer != "Const"} == {"f32"}


def test_quantised_layers_run_on_bytes() -> None:
    session = OpenvinoRuntime(precision="int8").compile(GRAPH)
    assert precisions(session, "Convolution") <= {"u8", "i8"}
    assert precisions(session, "FullyConnected") <= {"u8", "i8"}
    assert precisions(session, "Convolution")
    assert {precision for _, _, precision in session.executed()}.isdisjoint({"bf16", "f16"})


def test_one_thread_is_the_calling_one() -> None:
    before = tasks()
    sessions = [OpenvinoRuntime().compile(GRAPH) for _ in range(3)]
    for session in sessions:
        session.run()
    assert tasks() <= before + 1
    process, thread = time.process_time(), time.thread_time()
    for _ in range(200):
        sessions[0].run()
    assert time.thread_time() - thread > 0.5 * (time.process_time() - process)


def test_two_threads_give_the_same_outputs() -> None:
    (image,) = images(GRAPH)
    weights = random_weights(GRAPH)
    one, two = (OpenvinoRuntime(threads).compile(GRAPH, weights)(image) for threads in (1, 2))
    np.testing.assert_allclose(two, one, rtol=1e-4, atol=1e-5)


def test_nobody_is_told() -> None:
    """Importing openvino by itself makes a telemetry client and sends an event."""
    code = (
        "import sys; from nas.device.openvino_session import version; version(); import openvino;"
        "print([name for name in sys.modules if name.startswith('openvino_telemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def tasks() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def test_the_library_is_a_file() -> None:
    assert Path(library()).is_file()
