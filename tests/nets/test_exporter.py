"""What is validated and tested is the file that ships, at the resolution of its network."""

from pathlib import Path

import pytest

from nas.bench.bench import LocalBench
from nas.design.architecture import Architecture
from nas.design.graph import lower
from nas.nets.data.dataset import Data
from nas.nets.network import build, with_weights
from nas.nets.training.loop import evaluate, recalibrate
from nas.nets.weights.weights_file import load_weights, save_weights, state_of
from nas.runtimes import open_runtime
from nas.ship.exporter import Exporter


@pytest.fixture(scope="module")
def exporter(data: Data) -> Exporter:
    return Exporter(data, LocalBench(open_runtime("onnxruntime")), None)


def weights_of(arch: Architecture, data: Data, seed: int, path: Path) -> Path:
    """Random weights with norms of the data and a loud classifier: outputs differ between images and seeds."""
    network = build(lower(arch), seed=seed)
    recalibrate(network, data.train, arch.resolution, 64)
    state = dict(state_of(network))
    state["head_classifier.linear.weight"] *= 100
    save_weights(path, state)
    return path


@pytest.mark.parametrize("resolution", [16, 32])
def test_validate_and_test_score_the_file_at_the_resolution_of_its_network(
    resolution: int, exporter: Exporter, data: Data, small: Architecture, tiny: Architecture, tmp_path: Path
) -> None:
    arch, model = {16: tiny, 32: small}[resolution], tmp_path / "model.onnx"
    weights = weights_of(arch, data, 1, tmp_path / "weights.safetensors")
    exporter.export(arch, weights, model)
    network = with_weights(lower(arch), load_weights(weights, arch).state)
    for split, found in ((data.val, exporter.validate(arch, model)), (data.test, exporter.test(arch, model)[0])):
        expected = evaluate(network, split, resolution).score
        assert (found.accuracy, found.count) == (expected.accuracy, len(split))
        assert found.loss == pytest.approx(expected.loss, rel=1e-4)
    assert exporter.validate(arch, model).loss != pytest.approx(exporter.test(arch, model)[0].loss, rel=1e-4)


def test_validate_reads_the_file_and_not_the_weights(
    exporter: Exporter, data: Data, tiny: Architecture, tmp_path: Path
) -> None:
    one, two = (tmp_path / f"{seed}.onnx" for seed in (1, 2))
    for seed, model in ((1, one), (2, two)):
        exporter.export(tiny, weights_of(tiny, data, seed, tmp_path / "weights.safetensors"), model)
    before, other = exporter.validate(tiny, one), exporter.validate(tiny, two)
    assert before.loss != pytest.approx(other.loss, rel=1e-3)
    one.write_bytes(two.read_bytes())
    assert exporter.validate(tiny, one) == other


def test_test_counts_the_right_answers_of_every_class(
    exporter: Exporter, data: Data, tiny: Architecture, tmp_path: Path
) -> None:
    model = tmp_path / "model.onnx"
    exporter.export(tiny, weights_of(tiny, data, 1, tmp_path / "weights.safetensors"), model)
    found, by_class = exporter.test(tiny, model)
    assert by_class.accuracy == found.accuracy
    assert by_class.counts == tuple(data.test.labels.bincount(minlength=len(data.classes)).tolist())
