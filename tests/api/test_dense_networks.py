"""Detectors and segmenters from Python: exported with what a user needs to know, refused where they must train."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

import nas
from nas.api.options.subject import NetworkSubject
from nas.api.running.runs import choose_table_space
from nas.design.architecture import Architecture
from nas.design.dense.anchors import decode_boxes, lay_anchors
from nas.design.dense.detections import DetectionRule, detect
from nas.design.graph import lower
from nas.design.known import DENSE_NAMES, known
from nas.design.shipping.metadata import describe_weights
from nas.design.space import load_space
from nas.errors import NasError
from nas.nets.network import build
from nas.nets.weights.weights_file import save_weights, state_of
from nas.runtimes import open_runtime

DETECTOR, SEGMENTER = "ssdlite_mobilenet_v1-0.25-64x96", "lraspp_mobilenet_v1-0.25-64x96"
CLASSES = ("background", "cup", "spoon")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (80, 120, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def saved(arch: Architecture, folder: Path) -> Path:
    """A file of random weights that says its network and classes."""
    path = folder / "weights.safetensors"
    network = build(lower(arch), seed=1)
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d) and module.bias is not None:
            module.weight.data *= 20  # so that scores differ from anchor to anchor
    save_weights(path, state_of(network), header=describe_weights(arch, CLASSES, "test"))
    return path


def run_example(path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "__main__", "__file__": str(path)}
    monkeypatch.setattr(sys, "argv", [path.name, str(photo)])
    exec(compile(path.read_text(), path.name, "exec"), space)
    return space


def texts_of(path: Path) -> dict[str, str]:
    return {one.key: one.value for one in onnx.load(str(path)).metadata_props}


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
def test_an_exported_detector_finds_what_detect_does(
    suffix: str, tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arch, out = known(DETECTOR, len(CLASSES)), tmp_path / f"cups{suffix}"
    made = nas.export(saved(arch, tmp_path), out=out)
    assert made.architecture == arch
    assert made.comparison.agreement == 1
    assert made.example == tmp_path / "cups_example.py"
    space = run_example(made.example, photo, monkeypatch)
    printed = capsys.readouterr().out.splitlines()
    texts, run = space["open_model"](out)
    _, images = space["read_photo"](photo, 64, 96, arch.mean, arch.std)
    named = dict(zip(json.loads(texts["outputs"]), run(images), strict=True))
    anchors = lay_anchors(lower(arch).anchors)
    np.testing.assert_allclose(space["lay_anchors"](json.loads(texts["anchors"])), anchors, rtol=1e-6)
    values = np.random.default_rng(1).normal(size=anchors.shape).astype(np.float32)
    expected = np.clip(decode_boxes(values, anchors), 0, 1)
    np.testing.assert_allclose(space["decode"](values, anchors), expected, atol=1e-3)
    found = detect(named["scores"][0], named["boxes"][0], anchors, DetectionRule(least_score=0.3))
    labels = [line.partition("  ")[0] for line in printed]
    assert sorted(labels) == sorted(CLASSES[label] for label in found.labels)
    assert labels


def test_a_detector_exported_with_suppression_prints_the_same_objects(
    tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = saved(known(DETECTOR, len(CLASSES)), tmp_path)
    printed = []
    for name, inside in (("plain.onnx", False), ("boxes.onnx", True)):
        made = nas.export(weights, out=tmp_path / name, nms=inside)
        assert made.example is not None
        run_example(made.example, photo, monkeypatch)
        printed.append(sorted(capsys.readouterr().out.splitlines()))
    assert printed[0] == printed[1]
    assert printed[0]
    assert json.loads(texts_of(tmp_path / "boxes.onnx")["outputs"]) == ["detections"]


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        (SEGMENTER, {}, "is for detectors, and .* is for segmentation"),
        (DETECTOR, {"batch": 2}, "is there for ONNX and one image at once only"),
        (DETECTOR, {"format": "tflite"}, "is there for ONNX and one image at once only"),
    ],
)
def test_suppression_is_refused_where_it_cannot_be(
    name: str, options: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    weights = saved(known(name, len(CLASSES)), tmp_path)
    with pytest.raises(NasError, match=reason):
        nas.export(weights, out=tmp_path / "model.onnx", nms=True, **options)
    assert not (tmp_path / "model.onnx").exists()


def test_an_exported_detector_says_its_task_outputs_anchors_and_classes(tmp_path: Path) -> None:
    arch = known(DETECTOR, len(CLASSES))
    nas.export(saved(arch, tmp_path), out=tmp_path / "cups.onnx")
    texts = texts_of(tmp_path / "cups.onnx")
    assert (texts["task"], json.loads(texts["outputs"])) == ("detection", ["scores", "boxes"])
    assert json.loads(texts["classes"]) == list(CLASSES)
    assert [(one["rows"], one["columns"]) for one in json.loads(texts["anchors"])] == [
        (4, 6), (2, 3), (1, 2), (1, 1), (1, 1), (1, 1),
    ]  # fmt: skip


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
def test_an_exported_segmenter_writes_a_class_of_every_pixel(
    suffix: str, tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arch, out = known(SEGMENTER, len(CLASSES)), tmp_path / f"cups{suffix}"
    made = nas.export(saved(arch, tmp_path), out=out)
    assert made.example is not None
    space = run_example(made.example, photo, monkeypatch)
    written = np.asarray(Image.open(f"{photo}.classes.png"))
    assert written.shape == (80, 120)
    _, images = space["read_photo"](photo, 64, 96, arch.mean, arch.std)
    name = "onnxruntime" if suffix == ".onnx" else "litert"
    (logits,) = open_runtime(name).load(out).outputs(images)
    expected = Image.fromarray(logits[0].argmax(0).astype(np.uint8)).resize((120, 80), Image.Resampling.NEAREST)
    np.testing.assert_array_equal(written, np.asarray(expected))
    assert any(line.startswith(CLASSES) for line in capsys.readouterr().out.splitlines())


@pytest.mark.parametrize(("name", "task"), [(DETECTOR, "detection"), (SEGMENTER, "segmentation")])
def test_data_of_another_task_is_refused_in_a_sentence(name: str, task: str, tmp_path: Path) -> None:
    reason = f"is a network for {task}, but the data is for classification"
    with pytest.raises(NasError, match=reason):
        nas.train(name, data="digits", out=tmp_path / "w.safetensors")
    with pytest.raises(NasError, match=reason):
        nas.netadapt(name, data="digits", target_latency="5ms", out=tmp_path / "run")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mobilenet_v2", "mobilenet_v3_large"),
        ("ssdlite_mobilenet_v2", "ssdlite_mobilenet_v3_large"),
        ("raspp_mobilenet_v1", "raspp_mobilenet_v3_large"),
    ],
)
def test_a_network_without_a_space_is_priced_by_a_table_of_networks_with_its_head(name: str, expected: str) -> None:
    assert choose_table_space(NetworkSubject(known(name))) == load_space(expected)


def test_a_network_by_name_has_the_classes_it_was_published_for() -> None:
    assert [nas.network(name).classes for name in ("mobilenet_v2", "lraspp_mobilenet_v2", DENSE_NAMES[0])] == [
        1000, 21, 91,
    ]  # fmt: skip
    assert nas.network("ssdlite_mobilenet_v2", classes=7).classes == 7


def test_a_detectors_module_points_to_its_outputs() -> None:
    module = nas.module(known(DETECTOR, 3))
    with pytest.raises(ValueError, match="outputs scores, boxes: call its method"):
        module(torch.zeros(1, 3, 64, 96))
    scores, boxes = module.outputs(torch.zeros(1, 3, 64, 96))
    assert (scores.shape, boxes.shape) == ((1, 210, 3), (1, 210, 4))
