import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from nas.design.architecture import Architecture
from nas.design.cost import macs, params
from nas.design.graph import Graph, lower
from nas.design.known import KNOWN_NAMES, known
from nas.design.op import Add, Conv
from nas.design.shapes import Shape, gives_vector, output_shape
from nas.design.walk import Node
from nas.nets.network import Network, build


@pytest.mark.parametrize("name", KNOWN_NAMES)
def test_module_has_the_parameters_that_are_counted(name: str) -> None:
    graph = lower(known(name))
    with torch.device("meta"):
        network = Network(graph)
    assert sum(p.numel() for p in network.parameters()) == params(graph)


@pytest.mark.parametrize("name", KNOWN_NAMES)
def test_macs_are_half_of_what_torch_counts(name: str) -> None:
    graph = lower(known(f"{name}-1-96"))
    network = build(graph).eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.zeros(1, 3, 96, 96))
    assert counter.get_total_flops() == 2 * macs(graph)


def test_every_node_gives_the_shape_of_its_op(small: Architecture) -> None:
    graph = lower(small)
    network = build(graph).eval()
    seen: dict[str, tuple[int, ...]] = {}
    for node in graph.nodes:
        network.get_submodule(node.name).register_forward_hook(
            lambda _, __, out, name=node.name: seen.update({name: tuple(out.shape)})
        )
    network(torch.zeros(2, 3, 32, 32))
    for node in graph.nodes:
        left = output_shape(node.op)
        assert seen[node.name] == (2, left.width, *(() if gives_vector(node.op) else (left.size, left.size)))


def test_state_names(small: Architecture) -> None:
    names = set(build(lower(small)).state_dict())
    assert {
        "stem.conv.weight",
        "stem.norm.running_var",
        "s1b0_se.reduce.bias",
        "s1b0_se.expand.weight",
        "head_hidden.linear.weight",
        "head_classifier.linear.bias",
    } <= names


def test_a_piece_with_its_residual_sum_takes_two_inputs() -> None:
    graph = Graph(
        (Shape(4, 6), Shape(8, 6)),
        (Node("project", Conv(4, 8, 1, 1, 1, 6, None), (-1,)), Node("add", Add(8, 6), (0, -2))),
    )
    network = build(graph).eval()
    x, shortcut = torch.randn(1, 4, 6, 6), torch.randn(1, 8, 6, 6)
    torch.testing.assert_close(network(x, shortcut), network.get_submodule("project")(x) + shortcut)


def test_the_seed_decides_the_weights(small: Architecture) -> None:
    graph = lower(small)
    one, same, other = (build(graph, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["stem.conv.weight"], other["stem.conv.weight"])


def test_drop_out_acts_in_training_only(small: Architecture) -> None:
    network = build(lower(small), dropout=0.5).eval()
    features = torch.ones(1, 3, 32, 32)
    assert torch.equal(network(features), network(features))
    network.train()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    torch.manual_seed(0)
    assert not torch.equal(network(features), network(features))


def test_run_continues_where_it_stopped(small: Architecture) -> None:
    graph = lower(small)
    network = build(graph).eval()
    x = torch.randn(2, 3, 32, 32)
    pool = next(i for i, node in enumerate(graph.nodes) if node.name == "head_pool")
    features = network.run((x,), 0, pool + 1)
    torch.testing.assert_close(network.run((features,), pool + 1, len(graph.nodes)), network(x))
