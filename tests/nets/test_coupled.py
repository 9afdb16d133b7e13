"""torch-pruning as the oracle: what it must cut along with a layer's channels is our channel group."""

import importlib
from types import ModuleType
from typing import Any

import pytest
import torch

from nas.design.channels import ChannelGroup, channel_groups
from nas.design.graph import Graph, lower
from nas.design.known import KNOWN_NAMES, known
from nas.design.op import SqueezeExcite
from nas.nets.network import Network, build

Coupled = set[tuple[str, str]]


def ours(graph: Graph, group: ChannelGroup) -> Coupled:
    """Layers whose outputs or inputs lose a channel: a depthwise convolution counts by its outputs."""
    squeezes = {node.name for node in graph.nodes if isinstance(node.op, SqueezeExcite)}
    found: Coupled = {(name, "out") for name in group.producers} | {(name, "in") for name in group.consumers}
    for name in group.through:
        found |= {(f"{name}.reduce", "in"), (f"{name}.expand", "out")} if name in squeezes else {(name, "out")}
    return found


def theirs(graph: Any, network: Network, producer: str) -> Coupled:
    """The layers with weights that torch-pruning cuts when asked to take a channel from a producer."""
    names = {module: name for name, module in network.named_modules()}
    layer = network.get_submodule(producer).get_submodule("conv" if "hidden" not in producer else "linear")
    group = graph.get_pruning_group(layer, graph.get_pruner_of_module(layer).prune_out_channels, idxs=[0])
    found: Coupled = set()
    for dependency, _ in group:
        name = names.get(dependency.target.module)
        if name is None or name.endswith(".norm"):
            continue
        into = dependency.handler.__name__.endswith("in_channels")
        found.add((name.removesuffix(".conv").removesuffix(".linear"), "in" if into else "out"))
    return found


@pytest.fixture(scope="module")
def pruning(torchvision_models: ModuleType) -> Any:
    """Imported late: it imports torchvision, which must have been made to load before."""
    return importlib.import_module("torch_pruning")


# torch-pruning does not follow channels through a shuffle.
@pytest.mark.parametrize("name", [name for name in KNOWN_NAMES if "shuffle" not in name])
def test_the_same_layers_move_together(name: str, pruning: Any) -> None:
    graph = lower(known(f"{name}-1-32", classes=10))
    network = build(graph)
    dependencies = pruning.DependencyGraph().build_dependency(network, torch.zeros(1, 3, 32, 32))
    groups = [group for group in channel_groups(graph) if group.producers and group.consumers]
    assert len(groups) == len(channel_groups(graph)) - 2  # all but the image's and the classes'
    for group in groups:
        for producer in group.producers:
            assert theirs(dependencies, network, producer) == ours(graph, group), producer
