"""Weights as safetensors files, and those of other libraries' files for an architecture of ours."""

from collections.abc import Mapping
from pathlib import Path

import torch
from msgspec import Struct
from msgspec.structs import replace
from safetensors.torch import save as serialise
from torch import Tensor

from nas.design.architecture import Architecture
from nas.design.dense.head import DenseHead
from nas.design.files import write_bytes
from nas.design.graph import Graph, lower
from nas.errors import NasError
from nas.nets.network import Network
from nas.nets.weights.checkpoint import State as State
from nas.nets.weights.checkpoint import read_checkpoint
from nas.nets.weights.foreign import classes_of, translate

_OPTIMISER = "optimizer."
_NAMED = 4  # layers in a sentence
_HIDDEN, _CLASSIFIER = "head_hidden.", "head_classifier."
_HEAD, _LAST = "head_", "head_conv."  # what stands behind a backbone, and its last layer
# What a classifier is called by those who put another in its place.
_HEADS = ("classifier", "head_classifier", "head_hidden", "_fc", "fc", "head")


class Loaded(Struct, frozen=True, eq=False):
    """Weights under our names; `fresh` names the tensors the file did not have in this network's shape."""

    state: State
    fresh: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> str:
        """The layers that the file did not have, in words; of many the first."""
        layers = list(dict.fromkeys(name.partition(".")[0] for name in self.fresh))
        more = f" and {len(layers) - _NAMED} layers more" if len(layers) > _NAMED else ""
        return f"{', '.join(layers[:_NAMED])}{more}"


def state_of(network: Network) -> State:
    """All weights and running statistics under the graph's names, on the CPU, detached."""
    state, needed = network.state_dict(), shapes(network.graph)
    return {name: state[name].detach().cpu().contiguous().clone() for name in needed}


def shapes(graph: Graph) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor in a weights file of this graph."""
    with torch.device("meta"):
        state = Network(graph).state_dict()
    return {name: tuple(value.shape) for name, value in state.items() if not name.endswith("num_batches_tracked")}


def save_weights(
    path: Path, state: State, optimiser: State | None = None, header: Mapping[str, str] | None = None
) -> None:
    """Write weights, the optimiser's state beside them and texts in the header, whole or not at all."""
    extra = {f"{_OPTIMISER}{name}": value.cpu().contiguous() for name, value in (optimiser or {}).items()}
    write_bytes(path, serialise({**state, **extra}, dict(header) if header else None))


def load_weights(path: Path, arch: Architecture) -> Loaded:
    """Weights for an architecture from our own file or another library's.

    Layers behind the pool, or of a dense head, that are missing or of other shapes are left out and named in
    `fresh`; any other difference raises NasError with the first tensor that does not fit.
    """
    checkpoint = read_checkpoint(path)
    state = {name: value for name, value in checkpoint.state.items() if not name.startswith(_OPTIMISER)}
    return replace(fitted(path, state, arch), notes=checkpoint.notes)


def fitted(path: Path, state: State, arch: Architecture) -> Loaded:
    """Tensors of a file, named as its library does, as the weights of an architecture; see `load_weights`."""
    found, needed = translate(state, arch), shapes(lower(arch))
    dense = isinstance(arch.dense, DenseHead)
    fresh = _fresh_in_head(found, needed) if dense else _fresh(found, needed)
    for name, shape in needed.items():
        if name not in fresh:
            _check(path, name, found.get(name), shape)
    for name in found:
        if name not in needed and not (name.partition(".")[0] in _HEADS or (dense and name.startswith(_HEAD))):
            raise NasError(f"{path}: holds {name}, which this architecture does not have. {_REMEDY}")
    return Loaded({name: found[name].float() for name in needed if name not in fresh}, fresh)


def _fresh(found: Mapping[str, Tensor], needed: Mapping[str, tuple[int, ...]]) -> tuple[str, ...]:
    """The layers behind the pool that must be made anew: from the first one that is not there as it is needed."""
    behind = [name for layer in (_HIDDEN, _CLASSIFIER) for name in needed if name.startswith(layer)]
    other = [name for name in behind if _differs(found.get(name), needed[name])]
    if not other:
        return ()
    if any(name.startswith(_HIDDEN) for name in other):
        return tuple(behind)
    return tuple(name for name in behind if name.startswith(_CLASSIFIER))


def _fresh_in_head(found: Mapping[str, Tensor], needed: Mapping[str, tuple[int, ...]]) -> tuple[str, ...]:
    """The tensors of the layers of a dense head that are not all there as they are needed."""
    behind = [name for name in needed if name.startswith(_HEAD) and not name.startswith(_LAST)]
    layers = {name.partition(".")[0] for name in behind if _differs(found.get(name), needed[name])}
    return tuple(name for name in behind if name.partition(".")[0] in layers)


def _differs(value: Tensor | None, shape: tuple[int, ...]) -> bool:
    return value is None or tuple(value.shape) != shape


def stored_classes(path: Path) -> int:
    """The number of classes that a weights file is for."""
    classes = classes_of(read_checkpoint(path).state)
    if classes is None:
        raise NasError(
            f"{path}: holds no classifier that belongs to its network, so nothing says what its outputs mean. "
            f"Train one with: nas train ARCH --weights {path.name} --data DATA"
        )
    return classes


def load_checkpoint(path: Path, arch: Architecture) -> tuple[State, State]:
    """Weights and the optimiser's state (empty where the file holds bare weights)."""
    held = read_checkpoint(path).state
    optimiser = {name.removeprefix(_OPTIMISER): held[name] for name in held if name.startswith(_OPTIMISER)}
    state = {name: value for name, value in held.items() if not name.startswith(_OPTIMISER)}
    return fitted(path, state, arch).state, optimiser


_REMEDY = "Give the weights of this very architecture, or a state dict of it from torchvision or timm."


def _check(path: Path, name: str, value: Tensor | None, shape: tuple[int, ...]) -> None:
    if value is None:
        raise NasError(f"{path}: lacks {name}, which this architecture needs. {_REMEDY}")
    if tuple(value.shape) != shape:
        raise NasError(f"{path}: {name} has shape {list(value.shape)}, the architecture needs {list(shape)}. {_REMEDY}")
    if not value.is_floating_point():
        raise NasError(f"{path}: {name} holds {value.dtype}, but weights are floating point numbers.")
    if not bool(torch.isfinite(value.float()).all()):  # in the precision in which they are used
        raise NasError(f"{path}: {name} holds values that are not finite. The file is of a training that failed.")
    if name.endswith("running_var") and bool((value < 0).any()):
        raise NasError(f"{path}: {name} holds a negative variance, which no training leaves. The file is damaged.")
