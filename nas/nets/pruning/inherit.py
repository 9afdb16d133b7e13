"""`inherit`: the weights of a smaller network from those of a larger one, the most important channels first."""

from collections.abc import Mapping

import torch
from torch import Tensor

from nas.design.channels import ChannelGroup, channel_groups
from nas.design.graph import Graph, Node
from nas.design.op import Conv, Linear, SqueezeExcite
from nas.nets.pruning.importance import Importance, Magnitude
from nas.nets.pruning.reconstruction import Moments, refitted
from nas.nets.weights.weights_file import State

_Indices = dict[str, Tensor]


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
    readers, writers = _groups_by_node(parent)
    into: _Indices = {}
    out: _Indices = {}
    for narrow in channel_groups(child):
        written, read = (*narrow.producers, *narrow.through), (*narrow.through, *narrow.consumers)
        wide = writers[old[written[0]]] if written else readers[old[read[0]]]
        kept = _strongest(scores, wide, narrow.width)
        into |= dict.fromkeys(read, kept)
        out |= dict.fromkeys(written, kept)
    return into, out


def _groups_by_node(graph: Graph) -> tuple[dict[str, ChannelGroup], dict[str, ChannelGroup]]:
    groups = channel_groups(graph)
    readers = {name: group for group in groups for name in (*group.through, *group.consumers)}
    writers = {name: group for group in groups for name in (*group.producers, *group.through)}
    return readers, writers


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
            found = {"conv.weight": weight if node.op.depthwise else _reading(weight, into, moments.get(name))}
            for part in ("weight", "bias", "running_mean", "running_var"):
                found[f"norm.{part}"] = state[f"{name}.norm.{part}"][out]
            return found
        case Linear():
            weight, bias = state[f"{name}.linear.weight"], state[f"{name}.linear.bias"]
            return {"linear.weight": _reading(weight[out], into, moments.get(name)), "linear.bias": bias[out]}
        case SqueezeExcite():
            return _cut_squeeze(name, state, into, _largest(scores.rows(name, into), node.op.inner))
        case _:
            return {}


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
