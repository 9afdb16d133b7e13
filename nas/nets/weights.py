"""Weights as safetensors files, and as seeds in the names of other libraries."""

import pickle
import warnings
import zipfile
from pathlib import Path

import torch
from msgspec import Struct
from safetensors import SafetensorError
from safetensors.torch import load as parse
from safetensors.torch import save as serialise
from torch import Tensor

from nas.design.architecture import Architecture
from nas.design.files import write_bytes
from nas.design.plan import Plan, lower
from nas.errors import NasError
from nas.nets.build import Network
from nas.nets.foreign import CLASSIFIERS, translate

State = dict[str, Tensor]
_CLASSIFIER = ("head_classifier.linear.weight", "head_classifier.linear.bias")
_OPTIMISER = "optimizer."
_WRAPPED = ("state_dict", "model_state_dict", "model")  # under which checkpoints of trainings keep it
_MOST_BYTES = 4_000_000_000


class Loaded(Struct, frozen=True, eq=False):
    """Weights under our names; `fresh` names the tensors the file did not have in this network's shape."""

    state: State
    fresh: tuple[str, ...] = ()


def state_of(network: Network) -> State:
    """All weights and running statistics under the plan's names, on the CPU, detached."""
    state, needed = network.state_dict(), shapes(network.plan)
    return {name: state[name].detach().cpu().contiguous().clone() for name in needed}


def shapes(plan: Plan) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor in a weights file of this plan."""
    with torch.device("meta"):
        state = Network(plan).state_dict()
    return {name: tuple(value.shape) for name, value in state.items() if not name.endswith("num_batches_tracked")}


def save_weights(path: Path, state: State, optimiser: State | None = None) -> None:
    """Write weights, and the optimiser's state beside them, whole or not at all."""
    extra = {f"{_OPTIMISER}{name}": value.cpu().contiguous() for name, value in (optimiser or {}).items()}
    write_bytes(path, serialise({**state, **extra}))


def load_weights(path: Path, arch: Architecture) -> Loaded:
    """Weights for an architecture from our own file or another library's state dict (.pth or .safetensors).

    A classifier with another number of classes is left out and named in `fresh`; any other difference
    raises NasError with the first tensor that does not fit.
    """
    plan = lower(arch)
    held = {name: value for name, value in read_tensors(path).items() if not name.startswith(_OPTIMISER)}
    state, needed = translate(held, arch), shapes(plan)
    state = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    fresh = tuple(name for name in _CLASSIFIER if name in state and _other_classes(state[name], needed[name]))
    for name, shape in needed.items():
        if name not in fresh:
            _check(path, name, state.get(name), shape)
    for name in state:
        if name not in needed:
            raise NasError(f"{path}: holds {name}, which this architecture does not have. {_REMEDY}")
    return Loaded({name: state[name].float() for name in needed if name not in fresh}, fresh)


def stored_classes(path: Path) -> int:
    """The number of classes that a weights file is for."""
    state = read_tensors(path)
    for name in ("head_classifier.linear.bias", *CLASSIFIERS):
        if name in state and state[name].ndim == 1 and len(state[name]) > 1:
            return len(state[name])
    raise NasError(f"{path}: holds no classifier. {_REMEDY}")


def load_checkpoint(path: Path, arch: Architecture) -> tuple[State, State]:
    """Weights and the optimiser's state (empty where the file holds bare weights)."""
    held = read_tensors(path)
    optimiser = {name.removeprefix(_OPTIMISER): held[name] for name in held if name.startswith(_OPTIMISER)}
    return load_weights(path, arch).state, optimiser


_REMEDY = "Give the weights of this very architecture, or a state dict of it from torchvision or timm."


def _other_classes(value: Tensor, shape: tuple[int, ...]) -> bool:
    return value.ndim == len(shape) and value.shape[0] != shape[0] and tuple(value.shape[1:]) == shape[1:]


def _check(path: Path, name: str, value: Tensor | None, shape: tuple[int, ...]) -> None:
    if value is None:
        raise NasError(f"{path}: lacks {name}, which this architecture needs. {_REMEDY}")
    if tuple(value.shape) != shape:
        raise NasError(f"{path}: {name} has shape {list(value.shape)}, the architecture needs {list(shape)}. {_REMEDY}")
    if not value.is_floating_point():
        raise NasError(f"{path}: {name} holds {value.dtype}, but weights are floating point numbers.")
    if not bool(torch.isfinite(value.float()).all()):  # in the precision in which they are used
        raise NasError(f"{path}: {name} holds values that are not finite. The file is of a training that failed.")


def read_tensors(path: Path) -> State:
    """All tensors of a file, by its ending; nothing is unpickled but tensors."""
    try:
        _check_size(path, path.stat().st_size)
        if path.suffix in {".pth", ".pt"}:
            return _tensors(path, _unpickled(path))
        return dict(parse(path.read_bytes()))
    except OSError as error:
        raise NasError(f"{path}: cannot be read ({error.strerror or error}).") from error
    except SafetensorError as error:
        raise _no_weights(path, error) from error


def _check_size(path: Path, size: int) -> None:
    if size > _MOST_BYTES:
        raise NasError(f"{path}: holds more than {_MOST_BYTES} bytes, which no phone network's weights do.")


def _unpickled(path: Path) -> object:
    """What torch reads of a file, where nothing but tensors and plain containers may be in it."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                _check_size(path, sum(part.file_size for part in packed.infolist()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the file; what is wrong with it is told in a sentence
            return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, NasError):
        raise
    except pickle.UnpicklingError as error:
        if "Unsupported" not in str(error):
            raise _no_weights(path, error) from error
        raise NasError(
            f"{path}: holds Python objects beside its tensors, which are never run here. Save `model.state_dict()`."
        ) from error
    except Exception as error:  # a broken file ends in whatever its reader stumbles over
        raise _no_weights(path, error) from error


def _no_weights(path: Path, error: Exception) -> NasError:
    first = str(error).partition("\n")[0]
    reason = first if " " in first else "it cannot be read"  # a bare key or number says nothing
    return NasError(f"{path}: is no weights file ({reason}). Known are .safetensors, .pth and .pt.")


def _tensors(path: Path, found: object) -> State:
    if isinstance(found, dict):
        found = next((found[name] for name in _WRAPPED if isinstance(found.get(name), dict)), found)
    if not isinstance(found, dict) or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in found.items()):
        raise NasError(f"{path}: is no state dict, a plain mapping of names to tensors. Save `model.state_dict()`.")
    for name, value in found.items():
        if value.layout != torch.strided or value.is_meta or value.is_quantized:
            raise NasError(f"{path}: {name} is no plain tensor. Save the `state_dict()` of the model in float32.")
    return found
