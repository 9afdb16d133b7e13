"""The network that a command starts from: ARCH, a finished run, or weights that say which network they are of."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from nas.api.shipped import find_shipped
from nas.design.architecture import Architecture, Channels
from nas.design.files import read_architecture, resolve
from nas.design.op import Padding
from nas.design.size import Size
from nas.errors import NasError
from nas.folders import cache_folder
from nas.interfaces import Say

if TYPE_CHECKING:
    from nas.nets.weights.recognise import RecognisedWeights
    from nas.nets.weights.traits import Traits


class Start(Struct, frozen=True):
    """A network, its name, its weights if there are any, and what is known of these."""

    name: str
    architecture: Architecture
    weights: Path | None
    seed: "RecognisedWeights | None"


def read_given(mean: str | None, std: str | None, norm_eps: float | None, padding: Padding | None) -> "Traits":
    """What a person says of weights; raises NasError for what is no mean or deviation."""
    from nas.nets.weights.traits import Traits

    return Traits(
        _parse_channels("--mean", mean, -10, 10),
        _parse_channels("--std", std, 1e-3, 100),
        norm_eps,
        padding,
    )


def _parse_channels(option: str, text: str | None, least: float, most: float) -> Channels | None:
    if text is None:
        return None
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    values = values * 3 if len(values) == 1 else values
    if len(values) != 3 or not all(math.isfinite(value) and least <= value <= most for value in values):
        raise NasError(
            f"{option} {text!r} is no value of each channel, red, green and blue, of pixels from 0 to 1. Give one "
            "number or three, like 0.485,0.456,0.406; divide those of pixels up to 255 by 255."
        )
    return values[0], values[1], values[2]


def open_network(
    source: Architecture | str | Path, weights: Path | None, given: "Traits", say: Say, option: str = "ARCH"
) -> Start:
    """Return the network that `source` says, with all that its weights bring.

    `source` is a value, a known network's name, an architecture.json, a file of weights, a run folder, or a name of
    weights like `pretrained:efficientnet_lite0`; `weights` is any of the last three. What is known of the weights is
    said. `option` is what `source` is called. Raises NasError where they cannot be had or do not fit.
    """
    if isinstance(source, Architecture):
        return _with_weights("the network", source, weights, "", given, say)
    source = str(source)
    kind = _kind_of_weights(source)
    if kind is None:
        name, arch = resolve(source)
        return _with_weights(name, arch, weights, "" if Path(source).is_file() else name, given, say)
    if weights is not None:
        raise NasError(
            f"{source}: is {kind}, and --weights {weights} was given too. Give {option} the network of --weights."
        )
    return _open_weights(source, given, say)


def _open_weights(source: str, given: "Traits", say: Say) -> Start:
    """The network of weights: a run folder says it in architecture.json, all else by names and shapes."""
    from nas.nets.weights.recognise import recognised

    folder = find_shipped(Path(source)) if Path(source).is_dir() else None
    if folder is not None and folder.architecture is not None:
        arch = read_architecture(folder.architecture)
        return _with_weights(Path(source).resolve().name, arch, folder.weights, "", given, say)
    path = find_weights(source, say)
    seed = recognised(path, given)
    return _told(Start(seed.name or path.stem, seed.architecture, path, seed), say)


def find_weights(weights: str | Path, say: Say) -> Path:
    """Return the file of weights that is meant: a file, a run folder's, or that of a name like `timm:NAME`."""
    from nas.nets.weights.named import locate_weights

    path = Path(weights)
    return find_shipped(path).weights if path.is_dir() else locate_weights(str(weights), cache_folder(), say) or path


def _kind_of_weights(source: str) -> str | None:
    """What a source that brings weights is, in words; None if it is a network without any."""
    from nas.nets.weights.named import is_weights_name

    if Path(source).is_dir():
        return "a folder with weights"
    if is_weights_name(source):
        return "a name of weights"
    return "a file of weights" if _holds_weights(Path(source)) else None


def _with_weights(name: str, arch: Architecture, weights: Path | None, spelt: str, given: "Traits", say: Say) -> Start:
    """The network with what its weights bring, if it has any; `spelt` is its name, if it is one that is known."""
    from nas.nets.weights.recognise import adopted

    if weights is None:
        return Start(name, given.over(arch), None, None)
    weights = find_weights(weights, say)
    seed = adopted(weights, spelt, arch, given)
    return _told(Start(name, seed.architecture, weights, seed), say)


def _told(start: Start, say: Say) -> Start:
    for note in start.seed.notes if start.seed else ():
        say(note)
    return start


def _holds_weights(path: Path) -> bool:
    """Whether a file is none of JSON; a name that is no file is one of weights if it ends like one."""
    try:
        with path.open("rb") as file:
            return not file.read(64).lstrip().startswith(b"{")
    except OSError:
        return path.suffix.lower() in {".pth", ".pt", ".safetensors", ".ckpt", ".bin", ".tar"}


def at_resolution(start: Start, resolution: Size | None) -> Start:
    """The same with another size of its input, if one is given."""
    if resolution is None:
        return start
    return replace(start, architecture=replace(start.architecture, resolution=resolution))
