"""The network that a command starts from: ARCH, or a file of weights that says which it is."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from nas.design.architecture import Architecture, Channels
from nas.design.files import resolve
from nas.design.op import Padding
from nas.errors import NasError
from nas.interfaces import Say
from nas.latency.table_file.cache import cache_folder

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
    """The network `source` with all that weights bring.

    It is a value, a name, an architecture.json, a file of weights, the folder of a finished run, or the name of
    pretrained weights (see `locate_weights`), which `weights` may be, too. Says what is known of the weights and raises
    NasError where they do not fit. `option` is what `source` is called.
    """
    from nas.nets.weights.recognise import recognised

    weights = None if weights is None else _located(str(weights)) or weights
    if isinstance(source, Architecture):
        return _with_weights("the network", source, weights, "", given, say)
    source = str(_located(str(source)) or source)
    if _holds_weights(Path(source)):
        if weights is not None:
            raise NasError(
                f"{source}: is a file of weights, and so is {weights}. Give {option} the network of --weights."
            )
        weights = Path(source)
        seed = recognised(weights, given)
        return _told(Start(seed.name or weights.stem, seed.architecture, weights, seed), say)
    name, arch = resolve(source)
    return _with_weights(name, arch, weights, "" if Path(source).is_file() else name, given, say)


def _located(source: str) -> Path | None:
    """The file of weights that a name or the folder of a run stands for; None for all else."""
    from nas.nets.weights.named import locate_weights

    if not Path(source).is_dir():
        return None if Path(source).exists() else locate_weights(source, cache_folder())
    path = Path(source) / "weights.safetensors"
    if not path.is_file():
        raise NasError(
            f"{source}: is a folder without weights.safetensors, so no finished run. Finish it with `nas resume "
            f"{source}`, or give the folder of one of its targets, or a file of weights."
        )
    return path


def _with_weights(name: str, arch: Architecture, weights: Path | None, spelt: str, given: "Traits", say: Say) -> Start:
    """The network with what its weights bring, if it has any; `spelt` is its name, if it is one that is known."""
    from nas.nets.weights.recognise import adopted

    if weights is None:
        return Start(name, given.over(arch), None, None)
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


def at_resolution(start: Start, resolution: int | None) -> Start:
    """The same with another side of its input, if one is given."""
    if resolution is None:
        return start
    return replace(start, architecture=replace(start.architecture, resolution=resolution))
