"""`read_checkpoint`: the network's weights among all that a training leaves in a file.

Trainings wrap: in mappings (`state_dict`, `model`), in prefixes (`module.` of parallel training, `_orig_mod.` of
torch.compile, `model.` or any other attribute of Lightning), and keep averaged weights beside the raw ones.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from torch import Tensor, strided

from nas.errors import NasError
from nas.nets.weights.content import read_content
from nas.nets.weights.foreign import MARKS

State = dict[str, Tensor]
_WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module"}
# Counters of batch norm, of profilers and of averaging: no weights.
_COUNTERS = ("num_batches_tracked", "total_ops", "total_params", "n_averaged")
_AVERAGED = re.compile(r"(?<![a-z])(ema|swa|avg|polyak|shadow|averag(e|es|ed|ing))(?![a-z])")
# Of several sets of weights the first of these is the network; all others are refused.
_USUAL = ("", "state_dict", "model_state_dict", "model", "net", "network", "params", "weights", "state")
_DEPTH = 4


class Checkpoint(Struct, frozen=True, eq=False):
    """The weights of one network as its library names them, and what the file says besides."""

    state: State
    notes: tuple[str, ...] = ()
    header: dict[str, str] = {}
    hints: dict[str, Any] = {}


class _Group(Struct, frozen=True, eq=False):
    """Tensors under a common prefix, in the mapping at a path of the file."""

    path: str
    prefix: str
    state: State
    others: tuple[str, ...]
    averaged: bool

    @property
    def place(self) -> str:
        return ".".join(part for part in (self.path, self.prefix.rstrip(".")) if part)


def read_checkpoint(path: Path) -> Checkpoint:
    """The weights in a file, averaged ones if there are any; raises NasError where it cannot be read or chosen."""
    content = read_content(path)
    mappings = list(_mappings(content.tree, ""))
    groups = [group for place, tensors in mappings for group in _groups(place, tensors)]
    if not groups:
        return Checkpoint(_largest(path, mappings), (), content.header)
    chosen = _chosen(path, groups)
    _check_plain(path, chosen.state)
    return Checkpoint(chosen.state, _notes(path, chosen, groups, mappings), content.header, _hints(content.tree))


def _mappings(tree: Any, place: str, depth: int = 0) -> Iterator[tuple[str, State]]:
    """Every mapping of names to tensors in a file, and where it is, like `callbacks.ema`."""
    if depth > _DEPTH:
        return
    if isinstance(tree, list | tuple):
        tree = {f"[{number}]": value for number, value in enumerate(tree)}
    if not isinstance(tree, Mapping):
        return
    tensors = {name: value for name, value in tree.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if tensors:
        yield place, tensors
    for name, value in tree.items():
        yield from _mappings(value, f"{place}.{name}".lstrip("."), depth + 1)


def _groups(place: str, tensors: State) -> Iterator[_Group]:
    """Each network in a mapping: what is under a prefix before the names that some library gives the first layer."""
    bare = {_unwrapped(name): value for name, value in tensors.items()}
    if len(bare) < len(tensors):
        bare = dict(tensors)
    averaging = any(name.endswith("n_averaged") for name in tensors)
    for prefix in sorted({prefix for marks in MARKS.values() for prefix in _prefixes(bare, marks)}):
        inside = {name.removeprefix(prefix): v for name, v in bare.items() if name.startswith(prefix)}
        state = {name: value for name, value in inside.items() if not name.endswith(_COUNTERS)}
        others = tuple(name for name in bare if not name.startswith(prefix) and not name.endswith(_COUNTERS))
        averaged = averaging or _AVERAGED.search(f"{place}.{prefix}".lower()) is not None
        yield _Group(place, prefix, state, others, averaged)


def _unwrapped(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def _prefixes(names: Mapping[str, Tensor], marks: tuple[str, ...]) -> Iterator[str]:
    first, *others = marks
    for name in names:
        prefix = name.removesuffix(first)
        at_part = name.endswith(first) and (not prefix or prefix.endswith("."))
        if at_part and all(f"{prefix}{other}" in names for other in others) and prefix != "optimizer.":
            yield prefix


def _chosen(path: Path, groups: list[_Group]) -> _Group:
    pool = [group for group in groups if group.averaged] or groups
    ranked = sorted(pool, key=_rank)
    if len(pool) > 1 and _rank(ranked[0]) == _rank(ranked[1]):
        places = ", ".join(group.place for group in groups)
        raise NasError(f"{path}: holds several networks ({places}). Save the state dict of the one that you mean.")
    return ranked[0]


def _rank(group: _Group) -> tuple[int, int]:
    """The network proper before what a training keeps beside it."""
    return _place_of(group.path.rpartition(".")[2]), _place_of(group.prefix.rstrip("."))


def _place_of(name: str) -> int:
    return _USUAL.index(name) if name in _USUAL else len(_USUAL)


def _notes(path: Path, chosen: _Group, groups: list[_Group], mappings: list[tuple[str, State]]) -> tuple[str, ...]:
    notes = []
    # Lightning's averaging callback puts the averaged weights in the place of the raw ones and these elsewhere.
    swapped = chosen.path == "state_dict" and any(place == "current_model_state" for place, _ in mappings)
    if chosen.averaged or swapped:
        where = f" ({chosen.place})" if chosen.place else ""
        notes.append(f"{path.name} holds averaged weights{where}: these are used.")
    elif unnamed := [place for place, _ in mappings if _AVERAGED.search(place.lower())]:
        notes.append(f"{path.name} holds averaged weights ({unnamed[0]}) without a network's names: the raw are used.")
    elif len(groups) > 1:
        others = ", ".join(group.place for group in groups if group is not chosen)
        notes.append(f"{path.name}: the weights under {chosen.place or 'no prefix'!r} are used, not those of {others}.")
    if chosen.others:
        shown = ", ".join(chosen.others[:3]) + (" …" if len(chosen.others) > 3 else "")
        notes.append(f"{path.name}: {len(chosen.others)} tensors beside the network are left out ({shown}).")
    return tuple(notes)


def _largest(path: Path, mappings: list[tuple[str, State]]) -> State:
    """The largest mapping of tensors, for whoever can say what is missing in it."""
    if not mappings:
        raise NasError(f"{path}: is no state dict, a plain mapping of names to tensors. Save `model.state_dict()`.")
    state = max((state for _, state in mappings), key=len)
    _check_plain(path, state)
    return {name: value for name, value in state.items() if not name.endswith(_COUNTERS)}


def _check_plain(path: Path, state: State) -> None:
    for name, value in state.items():
        if value.layout != strided or value.is_meta or value.is_quantized:
            raise NasError(f"{path}: {name} is no plain tensor. Save the `state_dict()` of the model in float32.")
        if value.numel() == 0:
            raise NasError(f"{path}: {name} of shape {list(value.shape)} holds no numbers. The file is damaged.")


def _hints(tree: Any) -> dict[str, Any]:
    """What trainings note of the network: timm's `arch` and `args`, Lightning's `hyper_parameters`."""
    if not isinstance(tree, Mapping):
        return {}
    found: dict[str, Any] = {}
    for name in ("hyper_parameters", "args", "config"):
        value = tree.get(name)
        found |= value if isinstance(value, dict) else getattr(value, "__dict__", {})
    return found | ({"arch": tree["arch"]} if isinstance(tree.get("arch"), str) else {})
