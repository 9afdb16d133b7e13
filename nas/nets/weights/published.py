"""`fetch_weights`: weights that timm or torchvision publishes, downloaded by that library and kept in the cache.

Neither library is a dependency. timm: `list_pretrained`, `get_pretrained_cfg` and `create_model`; torchvision:
`list_models` and `get_model_weights`.
"""

import json
import re
import sys
import warnings
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from msgspec import Struct
from torch import Tensor

from nas.design.files import write_bytes
from nas.errors import NasError
from nas.nets.weights.named import require_published
from nas.nets.weights.weights_file import save_weights

# Networks that are recognised by their tensors: of no others is anything downloaded.
_TIMM_NETWORKS = re.compile(
    r"((tf_)?(efficientnet_lite[012]|mobilenetv3_(large|small)(_minimal)?_\d+|mobilenetv[12]_\d+)"
    r"|(se)?mnasnet_(\d+|small)|mobilenetv4_conv_(small|medium)(_\d+)?|legacy_xception)(\..+)?"
)
_TORCHVISION_NETWORKS = re.compile(
    r"mobilenet_v2|mobilenet_v3_(large|small)|mnasnet\d_\d+|shufflenet_v2_x\d_\d|squeezenet1_[01]"
    r"|(ssdlite320|lraspp)_mobilenet_v3_large"
)
_DENSE = re.compile(r"ssdlite320|lraspp")
_FILE_NAME = re.compile(r"\w[\w.-]{0,99}")


class PublishedWeights(Struct, frozen=True):
    """Weights of a library: where it downloads them from, what is no tensor, and the function that downloads."""

    origin: str
    config: dict[str, Any]
    download: Callable[[], Mapping[str, Tensor]]


def fetch_weights(library: str, name: str, cache: Path, say: Callable[[str], None]) -> Path:
    """Return the safetensors file of a library's weights in the cache, downloaded if it is not there yet.

    Raises NasError if the library is missing, has no such weights or cannot download them.
    """
    path = cache / "weights" / library / name / "model.safetensors"
    if _FILE_NAME.fullmatch(name) and path.is_file():
        return path
    published = (_find_in_timm if library == "timm" else _find_in_torchvision)(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            if not path.is_file():
                _download(path, published, f"{library}:{name}", say)
    except OSError as error:
        raise NasError(
            f"{path.parent}: cannot be written ({error.strerror}). Set NAS_CACHE to a folder that can be."
        ) from error
    return path


def _download(path: Path, published: PublishedWeights, spelt: str, say: Callable[[str], None]) -> None:
    """Write the weights and, before them, their configuration: it serves a file that a person puts there, too."""
    say(f"Downloading {spelt} from {published.origin}. It is kept as {path}.")
    if published.config:
        write_bytes(path.with_name("config.json"), json.dumps(published.config, indent=2).encode())
    try:
        # What the libraries print must not mix with a command's JSON.
        with warnings.catch_warnings(), redirect_stdout(sys.stderr):
            warnings.simplefilter("ignore")
            state = published.download()
    except Exception as error:  # a download ends in whatever its library raises
        raise NasError(
            f"{spelt}: cannot be downloaded ({_describe(error)}). Fetch {published.origin} on a machine with a network "
            f"and copy it to {path}, or give its file instead of the name."
        ) from error
    save_weights(path, {name: value.detach().cpu().contiguous().clone() for name, value in state.items()})


def _find_in_timm(name: str) -> PublishedWeights:
    timm = _import_library("timm", "timm", name)
    tagged = [one for one in timm.list_pretrained() if _TIMM_NETWORKS.fullmatch(one)]
    require_published("timm", name, [*tagged, *(one.partition(".")[0] for one in tagged)])
    found = timm.get_pretrained_cfg(name)
    return PublishedWeights(
        f"{found.hf_hub_id} of the Hugging Face hub (model.safetensors)" if found.hf_hub_id else str(found.url),
        {
            "architecture": f"{found.architecture}.{found.tag}" if found.tag else found.architecture,
            "pretrained_cfg": {"mean": found.mean, "std": found.std},
        },
        lambda: timm.create_model(name, pretrained=True).state_dict(),
    )


def _find_in_torchvision(name: str) -> PublishedWeights:
    models = _import_library("torchvision", "torchvision.models", name)
    names = [one for one in models.list_models() if _TORCHVISION_NETWORKS.fullmatch(one)]
    require_published("torchvision", name, names)
    found = models.get_model_weights(name).DEFAULT
    # Of their classes nobody could guess the order; those of ImageNet are known everywhere.
    config = {"classes": list(found.meta["categories"])} if _DENSE.match(name) else {}
    return PublishedWeights(
        found.url, config, lambda: found.get_state_dict(progress=False, check_hash=True, weights_only=True)
    )


def _import_library(library: str, module: str, name: str) -> Any:
    """Import a library that may be missing, or that may not fit the installed torch."""
    try:
        return import_module(module)
    except Exception as error:  # a library that was built for another torch fails in many ways
        if isinstance(error, ModuleNotFoundError) and error.name in (library, module):
            raise NasError(
                f"{library}:{name}: {library} is not installed. Install it with `pip install {library}`, or give a "
                "file of the weights."
            ) from error
        raise NasError(
            f"{library}:{name}: {library} is installed but cannot be imported ({_describe(error)}). Install the "
            f"version that belongs to torch {torch.__version__}, or give a file of the weights."
        ) from error


def _describe(error: Exception) -> str:
    """The first line of what an error says, or its type if it says nothing."""
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
