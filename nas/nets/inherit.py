"""`inherit`: the weights of a narrower network from those of a wider one, the most important channels first."""

import torch
from torch import Tensor

from nas.design.channels import ChannelGroup, channel_groups
from nas.design.op import Conv, Linear, SqueezeExcite
from nas.design.plan import Node, Plan
from nas.nets.weights import State


def inherit(parent: Plan, child: Plan, state: State) -> State:
    """State of `child`, whose widths are at most those of `parent`, from the state of `parent`.

    Of a group of channels that got narrower the ones with the largest L2 norm of their filters are kept, in
    their order; all tensors of the group share that one index set. The plans have the same node names.
    """
    ops = {node.name: node for node in parent.nodes}
    into: dict[str, Tensor] = {}
    out: dict[str, Tensor] = {}
    for wide, narrow in zip(channel_groups(parent), channel_groups(child), strict=True):
        kept = _strongest(_importance(wide, ops, state, parent.norm_eps), narrow.width)
        into |= dict.fromkeys((*wide.through, *wide.consumers), kept)
        out |= dict.fromkeys((*wide.through, *wide.producers), kept)
    found: State = {}
    for node in child.nodes:
        if node.name in into:
            found |= _cut(node, state, into[node.name], out[node.name])
    return found


def _importance(group: ChannelGroup, nodes: dict[str, Node], state: State, eps: float) -> Tensor:
    """Squared L2 norm of every channel's filters, summed over producers and depthwise convolutions, norm folded in."""
    total = torch.zeros(group.width)
    for name in (*group.producers, *group.through):
        match nodes[name].op:
            case Conv():
                scale = state[f"{name}.norm.weight"] ** 2 / (state[f"{name}.norm.running_var"] + eps)
                total += state[f"{name}.conv.weight"].flatten(1).pow(2).sum(1) * scale
            case Linear():
                total += state[f"{name}.linear.weight"].pow(2).sum(1)
            case _:
                pass
    return total


def _strongest(importance: Tensor, count: int) -> Tensor:
    """Indices of the `count` largest, in ascending order; the earlier of two equals."""
    return importance.argsort(descending=True, stable=True)[:count].sort().values


def _cut(node: Node, state: State, into: Tensor, out: Tensor) -> State:
    """The child's tensors of one node."""
    name = node.name
    match node.op:
        case Conv():
            weight = state[f"{name}.conv.weight"][out]
            found = {"conv.weight": weight if node.op.depthwise else weight[:, into]}
            for part in ("weight", "bias", "running_mean", "running_var"):
                found[f"norm.{part}"] = state[f"{name}.norm.{part}"][out]
        case Linear():
            found = {"linear.weight": state[f"{name}.linear.weight"][out][:, into]}
            found["linear.bias"] = state[f"{name}.linear.bias"][out]
        case SqueezeExcite():
            found = _cut_squeeze(name, node.op.inner, state, into)
        case _:
            found = {}
    return {f"{name}.{part}": value.clone() for part, value in found.items()}


def _cut_squeeze(name: str, inner: int, state: State, kept: Tensor) -> State:
    """Squeeze-excite on the kept channels; its inner width follows, with its own strongest rows."""
    reduce, expand = state[f"{name}.reduce.weight"][:, kept], state[f"{name}.expand.weight"][kept]
    rows = _strongest(reduce.flatten(1).pow(2).sum(1), inner)
    return {
        "reduce.weight": reduce[rows],
        "reduce.bias": state[f"{name}.reduce.bias"][rows],
        "expand.weight": expand[:, rows],
        "expand.bias": state[f"{name}.expand.bias"][kept],
    }
