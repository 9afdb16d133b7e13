"""Least squares behind a cut: the layers that read a narrowed group take over what the lost channels told them."""

from collections.abc import Iterable
from functools import partial

import torch
from torch import Tensor, nn

from nas.design.op import Conv, Linear
from nas.nets.network import Network

Moments = dict[str, Tensor]
"""Of every pointwise layer, by node, the mean products of its inputs, two by two [in, in]."""

# Of the mean square of an input: what a few hundred images do not tell stays as it was.
RIDGE = 1e-3
_NOTHING = 1e-12  # keeps the equations solvable where all kept inputs are dead


@torch.inference_mode()
def moments(network: Network, batches: Iterable[Tensor]) -> Moments:
    """Second moments of what reaches every pointwise convolution and linear layer, over images [N, 3, S, S]."""
    sums: Moments = {}
    counts: dict[str, int] = {}

    def note(name: str, _: nn.Module, given: tuple[Tensor, ...]) -> None:
        rows = given[0].movedim(1, -1).flatten(0, -2)
        counts[name] = counts.get(name, 0) + len(rows)
        sums[name] = sums.get(name, torch.zeros(())) + (rows.T @ rows).cpu()

    pointwise = [node.name for node in network.graph.nodes if _pointwise(node.op)]
    hooks = [network.get_submodule(name).register_forward_pre_hook(partial(note, name)) for name in pointwise]
    network.eval()
    where = next(network.parameters()).device
    for images in batches:
        network.outputs(images.to(where))
    for hook in hooks:
        hook.remove()
    return {name: total / counts[name] for name, total in sums.items()}


def _pointwise(op: object) -> bool:
    return isinstance(op, Linear) or (isinstance(op, Conv) and op.kernel == op.groups == 1)


def refitted(weight: Tensor, moment: Tensor, kept: Tensor) -> Tensor:
    """Weights [out, kept] that answer to the kept inputs as nearly as can be as `weight` [out, in] does to all.

    The solution of ridge regression towards the weights as they are (He et al. 2017, "Channel pruning", equation 3, in
    closed form).
    """
    rows = moment[kept].double()
    square, old = rows[:, kept], weight[:, kept].double()
    missed = rows @ weight.double().T - square @ old.T
    ridge = RIDGE * square.diagonal().mean() + _NOTHING
    change: Tensor = torch.linalg.solve(square + ridge * torch.eye(len(square), dtype=square.dtype), missed)
    return (old + change.T).to(weight.dtype)
