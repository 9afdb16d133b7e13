"""What runs models writes nothing into a user's home folder, here and on a board."""

import json
import os
import subprocess
import sys
import zlib
from hashlib import sha256
from pathlib import Path

import pytest

from nas.bench.boards.parcel import parcel
from nas.design.graph import lower
from nas.design.known import known
from nas.device.models import MODEL_RUNTIMES
from nas.runtimes import open_runtime

NETWORK = "mobilenet_v3_small-0.35-32"
RUN = (
    "import sys; from nas.runtimes import open_runtime; from nas.design.known import known;"
    "from nas.design.graph import lower;"
    f"open_runtime(sys.argv[1]).compile(lower(known({NETWORK!r}, classes=5))).run()"
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home folder."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def run_at_home(home: Path, *words: str, text: str = "") -> str:
    """What Python prints with only this home folder: a CI variable, say, would keep telemetry quiet by itself."""
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, *words]
    return subprocess.run(command, env=environment, input=text, capture_output=True, text=True, check=True).stdout


def files_of(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("runtime", [*MODEL_RUNTIMES, "torch"])
def test_open_runtime_leaves_an_empty_home_empty(home: Path, runtime: str) -> None:
    run_at_home(home, "-c", RUN, runtime)
    assert files_of(home) == []


def test_the_command_leaves_only_our_own_files(home: Path) -> None:
    said = run_at_home(home, "-c", "from nas.cli import main; main()", "runtimes", "--json")
    assert [status["usable"] for status in json.loads(said) if status["name"] == "onnxruntime"] == [True]
    assert [name for name in files_of(home) if not name.startswith(".cache/nas/")] == []


@pytest.mark.parametrize("runtime", MODEL_RUNTIMES)
def test_a_runner_leaves_an_empty_home_empty(home: Path, tmp_path: Path, runtime: str) -> None:
    folder = tmp_path / "s-0123456789abcdef"
    folder.mkdir()
    (folder / "runner.zip").write_bytes(parcel())
    model = open_runtime(runtime).encode(lower(known(NETWORK, classes=5)))
    digest = sha256(model).hexdigest()
    (folder / digest).write_bytes(zlib.compress(model))
    hello = {"do": "hello", "runtime": runtime, "threads": 1, "precision": "float32", "own_thread": True, "gap_ms": 0.0}
    requests = [hello, {"do": "load", "models": [(digest, len(model), 1)]}, {"do": "visits", "order": []}]
    lines = run_at_home(home, str(folder / "runner.zip"), text="".join(json.dumps(one) + "\n" for one in requests))
    assert '"type": "rough"' in lines
    assert '"type": "error"' not in lines
    assert files_of(home) == []
