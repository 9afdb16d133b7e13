"""The real command on a small space and small pictures: nothing is simulated, the process is really killed.

Only the latency table and the measurements of whole networks get less time than a person's would: their least rounds.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from nas.algorithms.pipeline.journal import read_journal
from nas.algorithms.pipeline.records import Finished, Spent, Trial

PROGRAM = """
from nas.api.running import tables
from nas.bench import measure
from nas.bench.tables import build
from nas.cli import main

tables.BUDGET_S, measure.ROUNDS, build.PASSES, build.NETWORK_READINGS = 10, 3, 1, 4
main()
"""
SPACE = """
name = "small"

[stem]
width = [8]
activation = ["relu"]

[[stages]]
stride = 2
depth = [1, 2]
width = [8, 16]
kernel = [3, 5]
expansion = [2, 3]
se = [false, true]
activation = ["relu", "hswish"]

[head]
width = [32]
hidden = [32]
activation = ["hswish"]
"""


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """`nas search` of two classes of pictures: bright above, bright below. The target binds nothing."""
    rng = np.random.default_rng(0)
    labels = np.arange(160) % 2
    images = rng.integers(0, 60, (160, 16, 16)).astype(np.uint8)
    images[labels == 0, :8] += 150
    images[labels == 1, 8:] += 150
    np.savez(
        tmp_path / "data.npz", x_train=images[:120], y_train=labels[:120], x_test=images[120:], y_test=labels[120:]
    )
    (tmp_path / "small.toml").write_text(SPACE)
    options = {
        "target-latency": "50ms",
        "space": tmp_path / "small.toml",
        "data": tmp_path / "data.npz",
        "resolution": 32,
        "trials": 4,
        "epochs": 2,
        "out": tmp_path / "run",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [sys.executable, "-c", PROGRAM, "search", *words, "--allow-failed", "--json"]


def kill_after(lines: int, command: list[str], environment: dict[str, str], journal: Path) -> None:
    """Start the command and kill it once its journal has so many lines."""
    first = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while first.poll() is None and not (journal.exists() and journal.read_bytes().count(b"\n") >= lines):
        time.sleep(0.05)
    assert first.poll() is None, first.communicate()[1].decode()
    first.send_signal(signal.SIGKILL)
    first.communicate()


def test_killed_and_started_again_a_search_ends_and_repeats_nothing(command: list[str], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    environment = {**os.environ, "NAS_CACHE": str(cache)}
    journal = tmp_path / "run" / "journal.jsonl"
    kill_after(3, command, environment, journal)
    kept = {record.key for record in read_journal(journal)}
    assert kept

    second = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert second.returncode == 0, second.stderr
    result = json.loads(second.stdout)
    records = read_journal(journal)
    keys = [(type(record), record.key) for record in records]
    assert len(keys) == len(set(keys))
    assert kept <= {record.key for record in records}
    assert len([trial for trial in records if isinstance(trial, Trial) and trial.score]) >= 4
    assert len([record for record in records if isinstance(record, Finished)]) == 4
    assert result["measured_ms"] <= result["target_ms"] == 50
    assert result["accuracy_ci95"][0] <= result["accuracy"] <= result["accuracy_ci95"][1]
    assert result["max_output_difference"] < 1e-3
    assert result["seconds"] == pytest.approx(sum(r.seconds for r in records if isinstance(r, Spent)))
    for name in ("result.json", "architecture.json", "model.onnx", "weights.safetensors", "report.html", "table.json"):
        assert (tmp_path / "run" / name).stat().st_size > 0, name

    third = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert json.loads(third.stdout) == result
    assert "is finished" in third.stderr

    # Under the same table: two targets, for which shared weights are trained once and kept.
    both, run = [*command, "--evaluator", "supernet", "--target-latency", "40ms,50ms"], tmp_path / "both"
    kill_after(1, [*both, "--out", str(run)], environment, run / "40ms" / "journal.jsonl")
    [shared] = (run / "weights" / "shared").iterdir()
    [outliving] = (cache / "shared_weights").glob("*.safetensors")
    assert outliving.read_bytes() == shared.read_bytes()
