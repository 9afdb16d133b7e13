"""Networks that are not square from data to the file that ships, on a simulated device; trained very shortly."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

import nas
from nas.algorithms.pipeline.result_file import Result
from nas.bench.tables.build import build_table
from nas.design.size import shorter_side
from nas.latency.table import LatencyTable, write_table
from tests.api.test_api import Arrays, fewest_macs
from tests.api.test_runs import SimulatedShips, unplanned
from tests.bench.conftest import SPACE
from tests.bench.device import Device, bench_of
from tests.cli.conftest import simulated

__all__ = ["simulated", "unplanned"]

SIZE = (64, 96)


@pytest.fixture
def wide() -> Arrays:
    """Two classes of images twice as wide as high: bright to the left, bright to the right."""
    rng = np.random.default_rng(0)
    labels = np.arange(160) % 2
    images = rng.integers(0, 60, (160, 16, 32)).astype(np.uint8)
    images[labels == 0, :, :12] += 150
    images[labels == 1, :, 20:] += 150
    return {"x_train": images[:120], "y_train": labels[:120], "x_test": images[120:], "y_test": labels[120:]}


@pytest.fixture(scope="module")
def wide_table() -> LatencyTable:
    return build_table(SPACE, bench_of(Device()), None, resolution=SIZE, budget_s=10.0)


@pytest.fixture
def table(simulated: Device, wide_table: LatencyTable, tmp_path: Path) -> Path:
    write_table(tmp_path / "table.jsonl", wide_table)
    return tmp_path / "table.jsonl"


@pytest.fixture(autouse=True)
def ships(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("runs", "plans", "resolve"):
        monkeypatch.setattr(f"nas.api.running.{place}.Exporter", SimulatedShips)


def test_a_table_file_keeps_sizes_that_are_not_square(table: Path, wide_table: LatencyTable) -> None:
    assert nas.load_table(table).header == wide_table.header
    assert (wide_table.header.resolutions, wide_table.header.resolution) == ((SIZE,), SIZE)


def test_train_and_export_of_images_cut_to_the_aspect(wide: Arrays, tmp_path: Path) -> None:
    arch = nas.network("mobilenet_v3_small-0.5-32x48")
    told: list[str] = []
    trained = nas.train(arch, wide, epochs=1, train_resolution=16, out=tmp_path / "w.safetensors", log=told.append)
    assert any("cut to their central 16x24" in line for line in told)
    assert any("at 16x24 px, the last 50% at 32x48 px" in line for line in told)
    assert trained.train_resolution == (16, 24)
    made = nas.export(trained.architecture, trained.weights, tmp_path / "m.onnx")
    assert made.comparison.difference < 1e-4 * made.comparison.largest
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    assert session.get_inputs()[0].shape == [1, 3, 32, 48]
    assert session.get_modelmeta().custom_metadata_map["resolution"] == "32x48"
    other = nas.export(trained.architecture, trained.weights, tmp_path / "o.onnx", resolution=(48, 32))
    assert other.architecture.resolution == (48, 32)
    assert nas.module(trained.architecture, trained.weights)(torch.zeros(1, 3, 32, 48)).shape == (1, 2)


def search(table: Path, data: Arrays, target: float, out: Path, **more: Any) -> nas.Run:
    return nas.search(
        target, data, space=SPACE, evaluator=fewest_macs, table=str(table), trials=3, epochs=0.3, workers=1,
        ending="inherited", baselines=False, out=out, **more,
    )  # fmt: skip


def test_a_search_at_a_height_and_a_width(table: Path, wide_table: LatencyTable, wide: Arrays, tmp_path: Path) -> None:
    target = round(nas.estimate(SPACE.largest(SIZE), wide_table).ms * 0.9, 2)
    told: list[str] = []
    run = search(table, wide, target, tmp_path / "run", resolution="64x96", log=told.append)
    assert isinstance(run.result, Result)
    assert (run.result.resolution, run.architecture and run.architecture.resolution) == (SIZE, SIZE)
    assert run.module()(torch.zeros(1, 3, *SIZE)).shape == (1, 2)
    assert json.loads((run.folder / "settings.json").read_text())["resolutions"] == [[64, 96]]
    report = (run.folder / "report.html").read_text()
    assert "64x96 px" in report
    assert "64 × 96" in report
    assert "64x96 px" in (run.folder / "README.md").read_text()
    assert search(table, wide, target, tmp_path / "run", resolution=SIZE).result == run.result
    with pytest.raises(nas.NasError, match="settings"):
        search(table, wide, target, tmp_path / "run", resolution=96)


def test_netadapt_lowers_both_sides_and_keeps_the_aspect(table: Path, wide: Arrays, tmp_path: Path) -> None:
    start = SPACE.smallest(SIZE, 2)
    target = nas.estimate(start, table).ms * 0.9
    told: list[str] = []
    run = nas.netadapt(
        start, [target], wide, table=str(table), resolution="auto", epochs=0.3, workers=1, ending="inherited",
        baselines=False, out=tmp_path / "run", log=told.append,
    )  # fmt: skip
    assert run.architecture is not None
    sizes = [step["architecture"].resolution for step in run.steps]
    assert all(isinstance(size, tuple) and size[0] < size[1] for size in sizes)
    heights = [shorter_side(size) for size in sizes]
    assert heights == sorted(heights, reverse=True)
    assert any(f"starts at {sizes[0][0]}x{sizes[0][1]} px and may lower it" in line for line in told)
    assert isinstance(run.result, Result)
    assert run.result.settled_ms <= target


@pytest.mark.parametrize("wrong", ["192x", "192*320", "0x320", "64,64x96", "99999x32"])
def test_wrong_resolutions_are_told_before_anything_is_done(wrong: str, wide: Arrays, tmp_path: Path) -> None:
    with pytest.raises(nas.NasError, match=r"no size in pixels|different aspects"):
        nas.search("5ms", wide, space=SPACE, resolution=wrong, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
