"""Detectors and segmenters are trained, searched, cut and shipped like classifiers, on made images of shapes."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import nas
from nas.algorithms.pipeline.result_file import Result
from nas.api.options.heads import fit_head, fit_space
from nas.bench.bench import LocalBench
from nas.bench.tables.build import build_table
from nas.design.architecture import Architecture
from nas.design.dense.union import LrAspp, SsdLite
from nas.design.graph import lower
from nas.design.known import known
from nas.design.space import with_dense
from nas.errors import NasError
from nas.latency.table import write_table
from nas.latency.timing import Measurement
from nas.runtimes import Runtime
from nas.runtimes.onnx_runtime import OnnxRuntime
from nas.ship.exporter import Exporter
from tests.api.test_runs import unplanned
from tests.bench.conftest import SPACE
from tests.bench.device import Device, SimulatedRuntime, bench_of
from tests.cli.conftest import simulated
from tests.tasks.shapes import NAMES, save_boxes, save_masks

__all__ = ["simulated", "unplanned"]


class SimulatedExporter(Exporter):
    """Its model files are ONNX and their answers real; their clock is the device's."""

    @property
    def _format(self) -> Runtime:
        return OnnxRuntime()

    def time(self, architecture: Architecture, weights: Path, model: Path) -> Measurement:
        assert isinstance(self._bench, LocalBench)
        assert isinstance(self._bench.runtime, SimulatedRuntime)
        ms = self._bench.runtime.device.true_ms(lower(architecture))
        return Measurement("simulated", ms, ms * 0.99, ms * 1.01, 60, False, 0.01, ms)


@pytest.fixture(autouse=True)
def exporter(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("runs", "plans", "resolve"):
        monkeypatch.setattr(f"nas.api.running.{place}.Exporter", SimulatedExporter)


BACKBONE = "mobilenet_v1-0.25-64"
SIDE = 64


@pytest.fixture(scope="module")
def masks(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_masks(tmp_path_factory.mktemp("masks"), SIDE))


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_boxes(tmp_path_factory.mktemp("boxes"), SIDE))


def test_a_segmenter_learns_shapes(masks: str, tmp_path: Path) -> None:
    """To name the background everywhere has a mean IoU of 22 %."""
    trained = nas.train(BACKBONE, masks, epochs=20, out=tmp_path / "w.safetensors", augment="flip")
    assert trained.task == "segmentation"
    assert isinstance(trained.architecture.dense, LrAspp)
    assert trained.classes == ("background", *NAMES)
    assert trained.score.accuracy > 0.6
    low, high = trained.score.accuracy_ci95
    assert 0.5 < low < trained.score.accuracy < high


def test_a_detector_learns_shapes(boxes: str, tmp_path: Path) -> None:
    """Boxes at random places have a mAP below 1 %."""
    detector = replace(known(f"ssdlite_{BACKBONE}"), dense=SsdLite((64,), least_scale=0.3, greatest_scale=0.6))
    trained = nas.train(detector, boxes, epochs=25, out=tmp_path / "w.safetensors", augment="flip,vertical-flip")
    assert (trained.task, trained.classes) == ("detection", ("background", *NAMES))
    assert trained.score.accuracy > 0.1
    made = nas.export(trained.architecture, trained.weights, tmp_path / "m.onnx", data=boxes)
    assert made.comparison.difference < 1e-3 * made.comparison.largest


def table_of(task: str, path: Path) -> str:
    write_table(path, build_table(with_dense(SPACE, task), bench_of(Device()), None, resolution=SIDE, budget_s=10.0))
    return str(path)


def check_result(run: nas.Run, task: str, details: set[str]) -> None:
    """What a finished run says of its task, in `result.json`, its files and its report."""
    result = run.result
    assert isinstance(result, Result)
    assert (result.task, result.settled_ms <= result.target_ms) == (task, True)
    assert details <= set(result.details)
    assert len(result.predictions) == 12
    assert all((run.folder / name).read_bytes()[:2] == b"\xff\xd8" for name in result.predictions)
    assert len(result.class_accuracies) == len(result.classes) == 1 + len(NAMES)
    report = (run.folder / "report.html").read_text()
    assert f"test {result.metric}" in report
    assert "What it sees" in report
    assert "test accuracy" not in report
    assert json.loads((run.folder / "settings.json").read_text())["task"] == task


def test_a_search_finds_a_segmenter(simulated: Device, masks: str, tmp_path: Path) -> None:
    table = table_of("segmentation", tmp_path / "table.jsonl")
    target = nas.estimate(with_dense(SPACE, "segmentation").largest(SIDE, 4), table).ms * 0.9
    run = nas.search(
        [target], masks, space=SPACE, table=table, resolution=SIDE, trials=2, trial_epochs=0.3, epochs=0.3, workers=1,
        ending="inherited", baselines=False, out=tmp_path / "run",
    )  # fmt: skip
    check_result(run, "segmentation", {"pixel accuracy"})
    assert all(trial["state"] != "complete" or trial["epochs"] for trial in run.trials)


def test_netadapt_cuts_a_detector(simulated: Device, boxes: str, tmp_path: Path) -> None:
    table = table_of("detection", tmp_path / "table.jsonl")
    start = fit_head("the start", SPACE.smallest(SIDE, 4), "detection", None)
    target = nas.estimate(start, table).ms * 0.85
    run = nas.netadapt(
        start, [target], boxes, table=table, resolution=SIDE, epochs=0.3, workers=1, ending="inherited",
        baselines=False, proposals="all", out=tmp_path / "run",
    )  # fmt: skip
    check_result(run, "detection", {"mAP@.5"})
    assert len(run.steps) > 1


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"evaluator": "supernet"}, "shares weights of classifiers only"),
        (
            {"head": "ssdlite"},
            "is not for segmentation, which the data is for. Heads for segmentation are lraspp, raspp",
        ),
        ({"task": "detection"}, "holds no data for detection"),
        ({"task": "classification"}, "is data for segmentation .* not for classification"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_trained(
    simulated: Device, masks: str, options: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(NasError, match=reason):
        nas.search("5ms", masks, space=SPACE, resolution=SIDE, out=tmp_path / "run", **options)
    assert not (tmp_path / "run" / "journal.jsonl").exists()


def test_fit_head_keeps_a_head_and_refuses_another_task() -> None:
    detector = known(f"ssdlite_{BACKBONE}")
    assert fit_head("it", detector, "detection", None) is fit_head("it", detector, "detection", "ssdlite") is detector
    with pytest.raises(NasError, match="has the head lraspp already"):
        fit_head("it", known(f"lraspp_{BACKBONE}"), "segmentation", "raspp")
    with pytest.raises(NasError, match="is a network for detection, but the data is for segmentation"):
        fit_head("it", detector, "segmentation", None)
    with pytest.raises(NasError, match=r"cannot be made a network for detection: .* needs maps of stride 16 and 32"):
        fit_head("squeezenet", known("squeezenet_1_1"), "detection", None)
    with pytest.raises(NasError, match="Networks that classify need none"):
        fit_space(SPACE, "classification", "lraspp")
