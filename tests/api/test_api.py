"""`import nas`: what commands do, from Python, with the same defaults and without a word on the terminal."""

import inspect
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import nas
from nas.api.datasets import as_arrays
from nas.api.options.structs import NetAdaptOptions, SearchOptions
from nas.design.cost import macs
from nas.design.graph import lower
from nas.errors import InvalidData, InvalidRun

Arrays = dict[str, NDArray[Any]]


@pytest.fixture
def bars() -> Arrays:
    """Two classes: bright above, bright below."""
    rng = np.random.default_rng(0)
    labels = np.arange(160) % 2
    images = rng.integers(0, 60, (160, 16, 16)).astype(np.uint8)
    images[labels == 0, :8] += 150
    images[labels == 1, 8:] += 150
    return {"x_train": images[:120], "y_train": labels[:120], "x_test": images[120:], "y_test": labels[120:]}


def test_there_are_fewer_than_twenty_names_and_each_is_there_and_explained() -> None:
    assert len(nas.__all__) < 20
    assert dir(nas) == sorted([*nas.__all__, "__version__"])
    for name in nas.__all__:
        assert getattr(nas, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'serach'"):
        nas.serach  # noqa: B018


def test_importing_it_imports_no_framework() -> None:
    code = (
        "import nas, sys; print([name for name in ('torch', 'optuna', 'ray', 'numpy', 'typer') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(("call", "kind"), [(nas.search, SearchOptions), (nas.netadapt, NetAdaptOptions)])
def test_signatures_show_every_option_of_the_command_with_its_default(call: Any, kind: Any) -> None:
    shown = inspect.signature(call).parameters
    for name, default in zip(
        kind.__struct_fields__[-len(kind.__struct_defaults__) :], kind.__struct_defaults__, strict=True
    ):
        if name in ("source", "target_latency"):
            continue
        assert shown[name].default == default, name
    assert not any(one.kind is one.VAR_KEYWORD for one in shown.values())


def test_what_is_no_option_or_no_value_of_one_is_said(tmp_path: Path) -> None:
    with pytest.raises(nas.NasError, match=r"trails=4: there is no such option. Take trials"):
        nas.search("15ms", trails=4)
    with pytest.raises(nas.NasError, match=r"epochs=-1: Expected `float` >= 0.1"):
        nas.search("15ms", epochs=-1)
    with pytest.raises(nas.NasError, match="'soon' is no time"):
        nas.search("soon", out=tmp_path / "run")
    with pytest.raises(nas.NasError, match="target_latency is empty"):
        nas.search([])
    with pytest.raises(InvalidRun, match=r"holds no settings\.json"):
        nas.open_run(tmp_path)


def test_networks_and_modules() -> None:
    arch = nas.network("mobilenet_v3_small-0.5-96", classes=7)
    assert (arch.resolution, arch.classes) == (96, 7)
    assert nas.network("mobilenet_v3_small", resolution=128).resolution == 128
    module = nas.module(arch)
    assert isinstance(module, torch.nn.Module)
    assert module(torch.zeros(2, 3, 96, 96)).shape == (2, 7)
    assert torch.equal(nas.module(arch)(torch.ones(1, 3, 96, 96)), module(torch.ones(1, 3, 96, 96)))


def test_train_export_and_module_of_the_same_weights(bars: Arrays, tmp_path: Path) -> None:
    arch = nas.network("mobilenet_v3_small-0.5-32")
    threads = torch.get_num_threads()
    trained = nas.train(arch, bars, epochs=1, out=tmp_path / "w.safetensors")
    assert torch.get_num_threads() == threads
    assert (trained.architecture.classes, trained.classes, trained.data) == (2, ("0", "1"), "arrays")
    made = nas.export(trained.architecture, trained.weights, tmp_path / "m.onnx")
    assert made.comparison.difference < 1e-4 * made.comparison.largest
    module = nas.module(trained.architecture, trained.weights)
    assert module(torch.zeros(1, 3, 32, 32)).shape == (1, 2)
    with pytest.raises(nas.NasError, match="classes"):
        nas.module(nas.network("mobilenet_v3_small-0.5-32", classes=5), trained.weights)


class Pairs:
    """A torch Dataset, as far as anybody needs one."""

    classes = ("above", "below")

    def __init__(self, images: NDArray[Any], labels: NDArray[Any]) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, number: int) -> tuple[NDArray[Any], int]:
        return self.images[number], int(self.labels[number])


def test_a_torch_dataset_is_data_and_what_is_none_is_said(bars: Arrays, tmp_path: Path) -> None:
    arch, out = nas.network("mobilenet_v3_small-0.5-32"), tmp_path / "w.safetensors"
    given = {"train": Pairs(bars["x_train"], bars["y_train"]), "test": Pairs(bars["x_test"], bars["y_test"])}
    assert nas.train(arch, given, epochs=0.1, out=out).classes == ("above", "below")
    for wrong in (3, {"training": given["train"]}, object()):
        with pytest.raises(InvalidData, match="give a path, arrays as"):
            nas.train(arch, wrong, out=out)
    with pytest.raises(InvalidData, match=r"^data: x_train has 120 images and y_train 3 labels"):
        nas.train(arch, {**bars, "y_train": [0, 1, 0]}, out=out)


def fewest_macs(architectures: Sequence[nas.Architecture]) -> list[float]:
    """An evaluator: the fewer MACs the better."""
    return [-float(macs(lower(arch))) for arch in architectures]


def test_whoever_computes_with_more_threads_does_so_again_afterwards(bars: Arrays, tmp_path: Path) -> None:
    before = dict(os.environ)
    nas.train(nas.network("mobilenet_v3_small-0.5-32"), bars, epochs=0.1, out=tmp_path / "w.safetensors")
    assert dict(os.environ) == before


def test_a_torch_dataset_that_does_not_fit_into_memory_is_refused_before_it_is_read() -> None:
    class Large(Pairs):
        asked = 0

        def __len__(self) -> int:
            return 1_000_000

        def __getitem__(self, number: int) -> tuple[NDArray[Any], int]:
            self.asked += 1
            return self.images[0], 0

    large = Large(np.zeros((1, 224, 224, 3), np.uint8), np.zeros(1))
    with pytest.raises(
        InvalidData, match="train holds 1000000 images of 150528 bytes, but a Dataset is held in memory"
    ):
        as_arrays(large)
    assert large.asked == 1
