"""What belongs to weights and is in no tensor, against what timm itself says of each of its weights."""

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from msgspec.structs import replace
from safetensors.torch import save_file

from nas.design.architecture import IMAGENET_MEAN, IMAGENET_STD
from nas.design.known import known
from nas.design.op import Padding
from nas.nets.weights.recognise import adopted, recognised
from nas.nets.weights.traits import Traits, find_traits


@pytest.fixture(scope="module")
def timm(torchvision_models: ModuleType) -> Any:
    return importlib.import_module("timm")


def test_find_traits_knows_what_timm_says_of_each_of_its_weights(timm: Any) -> None:
    registry = importlib.import_module("timm.models._registry")
    models = timm.list_models(
        ["mobilenetv2_*", "mobilenetv3_*", "tf_mobilenetv3_*", "mnasnet_*", "*efficientnet_lite*"]
    )
    assert len(models) > 30
    for model in models:
        network = timm.create_model(model)
        eps = {module.eps for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)}
        same: Padding = "tensorflow" if type(network.conv_stem).__name__ == "Conv2dSame" else "symmetric"
        for tag, cfg in registry._model_default_cfgs[model].cfgs.items():
            for path in (
                Path(f"{model}.{tag}.safetensors"),
                Path(f"models--timm--{model}.{tag}/snapshots/1/model.bin"),
            ):
                found = find_traits(path, "timm", 0.5, {}).traits
                assert {found.norm_eps} == eps
                assert (found.mean, found.std, found.padding) == (tuple(cfg.mean), tuple(cfg.std), same), path


def test_find_traits_reads_the_config_of_timms_hub(tmp_path: Path) -> None:
    config = {"architecture": "tf_mobilenetv3_small_100", "pretrained_cfg": {"mean": [0.1, 0.2, 0.3], "std": [1, 2, 3]}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = find_traits(tmp_path / "model.safetensors", "timm", 0.5, {}).traits
    assert found == Traits((0.1, 0.2, 0.3), (1.0, 2.0, 3.0), 1e-3, "tensorflow")


@pytest.mark.parametrize("content", ["", "[]", '{"pretrained_cfg": 3}', '{"architecture": 7, "mean": "x"}', "[" * 9999])
def test_find_traits_passes_over_a_config_of_something_else(content: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(content)
    assert find_traits(tmp_path / "model.pth", "timm", 0.5, {}).traits.mean == IMAGENET_MEAN


def test_find_traits_takes_what_a_training_of_timms_noted() -> None:
    hints = {"arch": "mobilenetv3_large_100", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "bn_eps": 1e-4}
    found = find_traits(Path("last.pth.tar"), "timm", 0.5, hints)
    assert found.traits == Traits((0.5,) * 3, (0.5,) * 3, 1e-4, "symmetric")
    assert "mobilenetv3_large_100" in found.note


def test_find_traits_says_what_it_takes_for_want_of_knowledge() -> None:
    found = find_traits(Path("/tmp/run/last.pth"), "timm", 0.5, {})
    assert found.traits == Traits(IMAGENET_MEAN, IMAGENET_STD, 1e-5, "symmetric")
    assert "timm's usual one is taken" in found.note
    assert "--mean, --std, --norm-eps" in found.note


def test_adopted_gives_a_named_network_what_its_weights_bring_and_given_values_win(timm: Any, tmp_path: Path) -> None:
    """`nas export ARCH --weights FILE` goes the same way as `nas netadapt --from FILE`."""
    path = tmp_path / "tf_mobilenetv3_small_100.safetensors"
    save_file(timm.create_model("tf_mobilenetv3_small_100", num_classes=7).state_dict(), path)
    asked = known("mobilenet_v3_small-1-64")
    found = adopted(path, "mobilenet_v3_small-1-64", asked).architecture
    assert found == replace(recognised(path).architecture, resolution=64)
    assert found == replace(asked, classes=7, mean=(0.5,) * 3, std=(0.5,) * 3, padding="tensorflow")
    given = Traits(mean=(0.1, 0.2, 0.3), norm_eps=1e-4)
    assert adopted(path, "", asked, given).architecture == replace(found, mean=(0.1, 0.2, 0.3), norm_eps=1e-4)
