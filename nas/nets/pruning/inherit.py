"""`inherit`: the weights of a smaller network from those of a larger one, the most important channels first."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from nas.design.channels import ChannelGroup, Places, channel_groups
from nas.design.graph import Graph
from nas.design.op import Conv, Linear, SqueezeExcite
from nas.design.walk import Node
from nas.nets.modules import NORM_TENSORS
from nas.nets.pruning.importance import Importance, Magnitude, indices_of
from nas.nets.pruning.reconstruction import Moments, refitted
from nas.nets.weights.weights_file import State

_Indices = dict[str, Tensor]
_ByNode = Mapping[str, Places]
_Places = dict[str, list[tuple[Tensor, Tensor]]]
_Groups = dict[str, list[ChannelGroup]]


def inherit(
    parent: Graph,
    child: Graph,
    state: State,
    importance: Importance | None = None,
    origins: Mapping[str, str] | None = None,
    moments: Moments | None = None,
) -> State:
    """State of `child`, no op of which is wider than in `parent`, from the state of `parent`.

    Of a group of channels that got narrower the most important are kept (by default those of the largest L2 norm),
    in their order; all tensors of the group share that one index set. Of a kernel that shrank the centre is kept.
    What `child` lacks is dropped. `origins` names blocks of `parent` where `child` counts them differently
    (`{"s2b1": "s2b2"}`). With the `moments` of the parent, pointwise layers that read a narrowed group are refitted by
    least squares; the norms behind them are then to be estimated anew.
    """
    old = {node.name: _origin(node.name, origins or {}) for node in child.nodes}
    scores = importance or Magnitude(parent, state)
    into, out = _kept(parent, child, old, scores)
    found: State = {}
    for node in child.nodes:
        if node.name in into:
            tensors = _cut(node, old[node.name], state, into[node.name], out[node.name], scores, moments or {})
            found |= {f"{node.name}.{part}": value.clone() for part, value in tensors.items()}
    return found


def _origin(name: str, origins: Mapping[str, str]) -> str:
    block, _, part = name.partition("_")
    return f"{origins.get(block, block)}_{part}" if part else name


def _kept(parent: Graph, child: Graph, old: Mapping[str, str], scores: Importance) -> tuple[_Indices, _Indices]:
    """For every node of `child` the indices of the parent's channels that it still reads, and that it writes."""
    into: _Places = {}
    out: _Places = {}
    for narrow, wide in _matched(channel_groups(parent), channel_groups(child), old):
        kept = _strongest(scores, wide, narrow.width)
        wide_read, wide_written = (_by_channel(wide, places) for places in (wide.read_places(), wide.written_places()))
        _note(into, narrow.read_places(), wide_read, old, kept)
        _note(out, narrow.written_places(), wide_written, old, kept)
    return _in_order(into), _in_order(out)


def _matched(
    wide: Sequence[ChannelGroup], narrow: Sequence[ChannelGroup], old: Mapping[str, str]
) -> Iterator[tuple[ChannelGroup, ChannelGroup]]:
    """Every group of the child with the parent's that has the same part of the same axis."""
    readers, writers = _by_node(wide)
    seen: Counter[tuple[str, bool]] = Counter()
    for group in narrow:
        written, read = group.written_places(), group.read_places()
        axis = (next(iter(written or read)), bool(written))
        groups = (writers if written else readers)[old[axis[0]]]
        yield group, groups[min(seen[axis], len(groups) - 1)]
        seen.update({(name, True) for name in written} | {(name, False) for name in read if not written})


def _by_node(groups: Sequence[ChannelGroup]) -> tuple[_Groups, _Groups]:
    readers: _Groups = defaultdict(list)
    writers: _Groups = defaultdict(list)
    for group in groups:
        for name in group.read_places():
            readers[name].append(group)
        for name in group.written_places():
            writers[name].append(group)
    return readers, writers


def _by_channel(group: ChannelGroup, places: _ByNode) -> dict[str, Tensor]:
    """For every node the places of each channel of a group [width, times it is there]."""
    return {name: indices_of(found).reshape(group.width, -1) for name, found in places.items()}


def _note(found: _Places, narrow: _ByNode, wide: Mapping[str, Tensor], old: Mapping[str, str], kept: Tensor) -> None:
    """For every node of the child: the places of a group on its axis, and the parent's places that come there."""
    for name, places in narrow.items():
        own = indices_of(places)
        found.setdefault(name, []).append((own, _origins_of(own, wide[old[name]], kept)))


def _origins_of(places: Tensor, wide: Tensor, kept: Tensor) -> Tensor:
    """The parent's places that come to the child's; if none is cut, in their order along the axis.

    Without a block whose sum tied channels to each other, the child's group may count them in another order.
    """
    if len(places) == wide.numel():
        return wide.flatten().sort().values[places.argsort().argsort()]
    return wide[kept].flatten()


def _in_order(found: _Places) -> _Indices:
    return {name: _joined(parts) for name, parts in found.items()}


def _joined(parts: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    places, indices = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    return indices[places.argsort()]


def _strongest(scores: Importance, group: ChannelGroup, count: int) -> Tensor:
    """The channels of a group to keep; a group without producers is the image, or as wide as before."""
    return _largest(scores.channels(group) if group.producers else torch.zeros(group.width), count)


def _largest(scores: Tensor, count: int) -> Tensor:
    """Indices of the `count` largest, in ascending order; the earlier of two equals."""
    return scores.argsort(descending=True, stable=True)[:count].sort().values


def _cut(node: Node, name: str, state: State, into: Tensor, out: Tensor, scores: Importance, moments: Moments) -> State:
    """The tensors of one node from those of the parent's node `name`."""
    match node.op:
        case Conv():
            weight = _centre(state[f"{name}.conv.weight"][out], node.op.kernel)
            # What groups read cannot be cut: all of it is there.
            whole = node.op.groups > 1
            kept = {"conv.weight": weight if whole else _reading(weight, into, moments.get(name))}
            return kept | _cut_affine(name, "conv", node.op, state, out)
        case Linear():
            weight = _reading(state[f"{name}.linear.weight"][out], into, moments.get(name))
            return {"linear.weight": weight} | _cut_affine(name, "linear", node.op, state, out)
        case SqueezeExcite():
            return _cut_squeeze(name, state, into, _largest(scores.rows(name, into), node.op.inner))
        case _:
            return {}


def _cut_affine(name: str, layer: str, op: Conv | Linear, state: State, out: Tensor) -> State:
    """What is behind a layer: its norm, its bias, or nothing."""
    if op.affine == "norm":
        return {f"norm.{part}": state[f"{name}.norm.{part}"][out] for part in NORM_TENSORS}
    return {f"{layer}.bias": state[f"{name}.{layer}.bias"][out]} if op.affine == "bias" else {}


def _reading(weight: Tensor, kept: Tensor, moment: Tensor | None) -> Tensor:
    """The weights [out, in, ...] that read the kept inputs, refitted where some go whose moments are known."""
    narrow = weight[:, kept]
    if moment is None or len(kept) == weight.shape[1]:
        return narrow
    return refitted(weight.flatten(1), moment, kept).reshape(narrow.shape)


def _centre(weight: Tensor, kernel: int) -> Tensor:
    """The middle of a kernel [out, in, K, K]: what is left sees the same pixels."""
    rim = (weight.shape[-1] - kernel) // 2
    return weight[:, :, rim : rim + kernel, rim : rim + kernel]


def _cut_squeeze(name: str, state: State, kept: Tensor, rows: Tensor) -> State:
    """Squeeze-excite on the kept channels; its inner width follows."""
    return {
        "reduce.weight": state[f"{name}.reduce.weight"][rows][:, kept],
        "reduce.bias": state[f"{name}.reduce.bias"][rows],
        "expand.weight": state[f"{name}.expand.weight"][kept][:, rows],
        "expand.bias": state[f"{name}.expand.bias"][kept],
    }
