"""Shared weights: the parameters of a small network as views into those of a large one that contains it.

There are no special modules. Leading channels, leading blocks of a stage, the centre of a kernel, leading inner
channels of a squeeze-excite: tensors are named by their block, so each of these is one slice of the tensor of that
name (Cai et al. 2020, "Once-for-all", section 3.2; Yu et al. 2020, "BigNAS", section 3).
"""

from collections.abc import Mapping
from functools import lru_cache

import torch
from torch import Tensor, nn

from nas.design.architecture import Architecture
from nas.design.graph import lower
from nas.design.op import has_norm
from nas.errors import InvalidArchitecture
from nas.nets.network import Network
from nas.nets.weights.weights_file import State


def require_within(small: Architecture, big: Architecture) -> None:
    """Raise InvalidArchitecture with the first thing of `small` that the weights of `big` do not hold.

    Activations and shortcuts have no weights, so they may differ.
    """
    if len(small.stages) != len(big.stages):
        raise InvalidArchitecture(f"stages: has {len(small.stages)}, the shared weights {len(big.stages)}. {_REMEDY}")
    if (small.head.hidden is None) != (big.head.hidden is None):
        raise InvalidArchitecture(f"head.hidden = {small.head.hidden}: the shared weights differ. {_REMEDY}")
    for number, (one, other) in enumerate(zip(small.stages, big.stages, strict=True)):
        if one.stride != other.stride:
            raise InvalidArchitecture(
                f"stages[{number}].stride = {one.stride}: the shared weights are of stride {other.stride}. {_REMEDY}"
            )
    held = parameter_shapes(big)
    for name, shape in parameter_shapes(small).items():
        if name not in held:
            raise InvalidArchitecture(f"{name}: the shared weights lack it. {_REMEDY}")
        if any(wanted > most for wanted, most in zip(shape, held[name], strict=True)):
            raise InvalidArchitecture(
                f"{name} = {list(shape)}: the shared weights hold no more than {list(held[name])}. {_REMEDY}"
            )


_REMEDY = "Train this network alone, or share weights over a space that contains it."


@lru_cache(maxsize=64)
def skeleton(arch: Architecture, dropout: float = 0.0) -> Network:
    """A network in training mode without memory: parameters come with each call (`torch.func.functional_call`).

    Norms use the statistics of the batch and keep none, so that no network can meet another's.
    """
    with torch.device("meta"):
        network = Network(lower(arch), dropout)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.track_running_stats = False
            module.running_mean = module.running_var = module.num_batches_tracked = None
    return network


@lru_cache(maxsize=64)
def parameter_shapes(arch: Architecture) -> Mapping[str, tuple[int, ...]]:
    """Name and shape of every trained tensor of a network."""
    return {name: tuple(value.shape) for name, value in skeleton(arch).named_parameters()}


def views(tensors: Mapping[str, Tensor], small: Architecture) -> State:
    """For every parameter of `small` a view into the tensor of that name, which may be larger.

    `tensors` belong to a network that contains it (see `require_within`): its weights, or just as well their gradients.
    """
    return {name: _view(tensors[name], shape) for name, shape in parameter_shapes(small).items()}


def _view(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The first channels on axes 0 and 1, the centre on axes 2 and 3."""
    for axis, (held, wanted) in enumerate(zip(tensor.shape, shape, strict=True)):
        if held != wanted:
            tensor = tensor.narrow(axis, (held - wanted) // 2 if axis > 1 else 0, wanted)
    return tensor


def fresh_norms(arch: Architecture) -> State:
    """Statistics of norms that have seen nothing: mean 0, variance 1."""
    found: State = {}
    for node in lower(arch).nodes:
        if has_norm(node.op):
            found[f"{node.name}.norm.running_mean"] = torch.zeros(node.op.out_width)
            found[f"{node.name}.norm.running_var"] = torch.ones(node.op.out_width)
    return found
