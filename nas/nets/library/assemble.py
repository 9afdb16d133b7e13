"""A network put together of another's blocks and of trained pieces."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from nas.design.alternatives import Alternative, assembled, origins
from nas.design.architecture import Architecture
from nas.design.graph import lower
from nas.nets.weights.weights_file import State, shapes


def read_library(files: Sequence[Path]) -> State:
    """The tensors of all pieces in some files that we wrote."""
    return {name: value for file in files for name, value in load_file(file).items()}


def assembled_state(
    arch: Architecture, state: State, chosen: Sequence[Alternative], pieces: Mapping[str, Tensor]
) -> State:
    """The weights of `assembled(arch, chosen)`: those of `arch`, and of `pieces` (see `tensors_of`) in their places."""
    before = origins(arch, chosen)
    names = {one.place: one.name for one in chosen}
    found: State = {}
    for tensor in shapes(lower(assembled(arch, chosen))):
        block, _, part = tensor.partition("_")
        place = before.get(block)
        if place in names:
            found[tensor] = pieces[f"{names[place]}/{part}"]
        else:
            found[tensor] = state[f"{place}_{part}" if place else tensor]
    return found
