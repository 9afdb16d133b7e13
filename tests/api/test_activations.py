"""Every activation from the space's file to the report: drawn, priced, trained, exported, written."""

from pathlib import Path
from typing import get_args

import pytest
import torch

from nas.bench.tables.build import build_table
from nas.design.files import write_json
from nas.design.graph import lower
from nas.design.op import Activation
from nas.design.space import SearchSpace, load_space
from nas.latency.prediction.estimate import price
from nas.nets.network import build
from nas.nets.weights.weights_file import save_weights, state_of
from nas.report.network import short_name
from nas.report.pages.page import write_report
from nas.runtimes import open_runtime
from nas.ship.exporter import export_model
from tests.bench.device import Device, bench_of
from tests.report.sample import Reader, result, write_run

RESOLUTION, CLASSES = 32, 4
every_activation = pytest.mark.parametrize("activation", get_args(Activation))


def space_of(activation: Activation, folder: Path) -> SearchSpace:
    """A small space read from TOML."""
    (folder / "space.toml").write_text(f"""
name = "one_activation"
stem = {{width = [8], activation = ["{activation}"]}}
head = {{width = [32], hidden = [24], activation = ["{activation}"]}}

[[stages]]
stride = 2
depth = [1, 2]
width = [16, 24]
kernel = [3, 5]
expansion = [2]
se = [true]
activation = ["{activation}"]
""")
    return load_space(str(folder / "space.toml"))


@every_activation
def test_a_space_is_measured_and_its_networks_priced(activation: Activation, tmp_path: Path) -> None:
    space = space_of(activation, tmp_path)
    table = build_table(space, bench_of(Device()), None, resolution=RESOLUTION, budget_s=30.0)
    found = price(lower(space.largest(RESOLUTION)), table)
    assert found.ms > price(lower(space.smallest(RESOLUTION)), table).ms > 0
    assert sum(part.key.endswith(f" {activation}") for part in found.parts) == 7  # all but SE, sums, pool and logits


@every_activation
def test_a_training_pass_bends_all_layers(activation: Activation, tmp_path: Path) -> None:
    network = build(lower(space_of(activation, tmp_path).largest(RESOLUTION, CLASSES))).train()
    images = torch.randn(4, 3, RESOLUTION, RESOLUTION, generator=torch.Generator().manual_seed(0))
    loss = torch.nn.functional.cross_entropy(network(images), torch.arange(4) % CLASSES)
    torch.autograd.backward(loss)
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino", "litert"])
@every_activation
def test_the_model_file_gives_torchs_outputs(activation: Activation, runtime: str, tmp_path: Path) -> None:
    arch = space_of(activation, tmp_path).largest(RESOLUTION, CLASSES)
    network = build(lower(arch)).eval()
    save_weights(tmp_path / "w.safetensors", state_of(network))
    images = torch.randn(8, 3, RESOLUTION, RESOLUTION, generator=torch.Generator().manual_seed(0))
    for precision, allowed in (("float32", 1e-4), ("int8", 0.1)):
        model = open_runtime(runtime, precision=precision)
        out = tmp_path / f"{precision}{model.suffix}"
        told = export_model(arch, tmp_path / "w.safetensors", out, model, images, images)
        assert out.stat().st_size > 0
        assert told.difference <= allowed * told.largest


@every_activation
def test_a_report_names_the_activation(activation: Activation, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", ended=result())
    write_json(run / "architecture.json", space_of(activation, tmp_path).smallest(96, CLASSES))
    page = Reader(write_report(run).read_text())
    shown = [row[6] for row in page.tables["network"] if row[0].startswith(("stem", "s0"))]
    assert shown == [short_name(activation)] * 2
    assert f"({short_name(activation)})" in page.words
