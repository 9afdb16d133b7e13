"""Edits of a network looked at without training: what comes before a change is computed once for all of them."""

import itertools
from collections.abc import Collection, Sequence
from contextlib import ExitStack

import torch
from msgspec import Struct
from torch import Tensor

from nas.design.graph import Graph
from nas.nets.data.dataset import Data
from nas.nets.network import Network
from nas.nets.tasks.task import Judged, Outputs, Task
from nas.nets.training.batches import chunks, inputs
from nas.nets.training.loop import calibration, evaluate, norms_anew, recalibrate

_Seen = tuple[Tensor, Tensor]


class Branch(Struct, frozen=True, eq=False):
    """An edited network that is its parent up to node `first`, which takes all that it needs from the node before."""

    network: Network
    first: int


def branch_off(parent: Network, network: Network, first: int) -> Branch:
    """An edited network as a branch, without the layers that it has from its parent: many are held at once."""
    if network.resolution == parent.resolution:
        for node in network.graph.nodes[:first]:
            delattr(network, node.name)
    return Branch(network, first)


def parting(parent: Graph, child: Graph, renamed: Collection[str] = ()) -> int:
    """The number of the node from which `child` is to be run on what `parent` computes, the last that will do.

    `renamed` are blocks that have other weights than the parent's of their name.
    """
    pairs = enumerate(zip(parent.nodes, child.nodes, strict=False))
    same = (number for number, (a, b) in pairs if a != b or b.name.partition("_")[0] in renamed)
    first = next(same, min(len(parent.nodes), len(child.nodes)) - 1)
    while not (_hangs_on_one(parent, first) and _hangs_on_one(child, first)):
        first -= 1
    return first


def _hangs_on_one(graph: Graph, first: int) -> bool:
    """Whether the nodes from `first` on take nothing from before but what the last of those gives."""
    return all(value >= first - 1 for node in graph.nodes[first:] for value in node.inputs)


def screen(parent: Network, branches: Sequence[Branch], data: Data, norm_images: int) -> tuple[Judged, list[Judged]]:
    """What the parent, and every branch with its norms estimated on training images, make of the validation split.

    Branches for images of another size than the parent's are whole networks, and share nothing with it.
    """
    parent.eval()
    alike = [branch for branch in branches if branch.network.resolution == parent.resolution]
    own, seen = _screen_alike(parent, alike, data, norm_images)
    shared = iter(seen)
    return own, [next(shared) if branch in alike else _screen_alone(branch, data, norm_images) for branch in branches]


def _screen_alone(branch: Branch, data: Data, norm_images: int) -> Judged:
    """What a branch makes of images of a size of its own."""
    recalibrate(branch.network, data.train, branch.network.resolution, norm_images)
    return evaluate(branch.network, data.val, branch.network.resolution)


def _screen_alike(
    parent: Network, branches: Sequence[Branch], data: Data, norm_images: int
) -> tuple[Judged, list[Judged]]:
    """The same of branches that take the parent's images: what comes before a change is computed once."""
    where, resolution = next(parent.parameters()).device, parent.resolution
    with ExitStack() as stack:
        for branch in branches:
            stack.enter_context(norms_anew(branch.network))
        for images in calibration(data.train, resolution, norm_images if branches else 0):
            trunk = _trunk(parent, images.to(where), [branch.first for branch in branches])
            for branch in branches:
                _run(branch, trunk)
    own: list[_Seen] = []
    seen: list[list[_Seen]] = [[] for _ in branches]
    with torch.inference_mode():
        parts = list(chunks(len(data.val), resolution))
        for part, pixels in zip(parts, data.val.stream((part, resolution) for part in parts), strict=True):
            labels = data.val.labels[part].cpu()
            images = inputs(pixels.to(where), resolution)
            trunk = _trunk(parent, images, [branch.first for branch in branches])
            last = max(trunk)
            own.append(_look(parent.task, parent.outputs_from([trunk[last]], last), labels))
            for branch, own_parts in zip(branches, seen, strict=True):
                own_parts.append(_look(branch.network.task, _run(branch, trunk), labels))
    found = data.val.labels.cpu()
    joined = [_join(branch.network.task, parts, found) for branch, parts in zip(branches, seen, strict=True)]
    return _join(parent.task, own, found), joined


def _trunk(parent: Network, images: Tensor, firsts: Sequence[int]) -> dict[int, Tensor]:
    """What the parent gives to the nodes that branches begin with."""
    values = {0: images}
    for first, stop in itertools.pairwise(sorted({0, *firsts})):
        values[stop] = parent.run([values[first]], first, stop)
    return values


def _run(branch: Branch, trunk: dict[int, Tensor]) -> Outputs:
    return branch.network.outputs_from([trunk[branch.first]], branch.first)


def _look(task: Task, outputs: Outputs, labels: Tensor) -> _Seen:
    """The losses and the answers of some images."""
    found = tuple(output.cpu() for output in outputs)
    return task.losses(found, labels), task.answer(found, labels)


def _join(task: Task, parts: Sequence[_Seen], labels: Tensor) -> Judged:
    return Judged(
        task, torch.cat([losses for losses, _ in parts]), torch.cat([answers for _, answers in parts]), labels
    )
