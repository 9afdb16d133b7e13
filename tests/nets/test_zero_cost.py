"""Scores without training, against forms worked out by hand."""

import math

import pytest
import torch
from msgspec.structs import replace
from torch import Tensor
from torch.nn import functional as F

from nas.design.architecture import Architecture, Block, Head, Stage, Stem
from nas.design.known import known
from nas.design.plan import lower
from nas.nets.build import Network, build
from nas.nets.zero_cost import parameters, synflow, synflow_of, zen_of, zen_score

# Stem, depthwise, project, head, hidden, classifier; 8 px become 4 after the stem. All ReLU and no shortcut.
CHAIN = Architecture(
    8,
    Stem(4, "relu"),
    (Stage(6, 1, (Block(1, None, False, "relu", False),)),),
    Head(10, 5, "relu"),
    classes=3,
    norm_eps=1e-9,
)


def filled(arch: Architecture, value: float) -> Network:
    network = build(lower(arch))
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.fill_(0.0 if name.endswith("bias") else value)
    return network


def normal(arch: Architecture, seed: int = 0) -> Network:
    network = build(lower(arch))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 4:
                parameter.normal_(generator=generator)
    return network


def pictures(arch: Architecture, alpha: float = 0.01) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    image, change = torch.randn(2, 16, 3, arch.resolution, arch.resolution, generator=generator)
    return image, image + alpha * change


def without_se_and_shortcuts(arch: Architecture) -> Architecture:
    plain = [
        replace(stage, blocks=tuple(replace(block, se=False, residual=False) for block in stage.blocks))
        for stage in arch.stages
    ]
    return replace(arch, stages=tuple(plain))


def test_parameters_are_the_published_ones() -> None:
    """torchvision's MobileNetV3-Large and -Small."""
    assert parameters(known("mobilenet_v3_large")) == 5_483_032
    assert parameters(known("mobilenet_v3_small")) == 2_542_856


@pytest.mark.parametrize("value", [1.0, -0.5])
def test_synflow_of_constant_weights(value: float) -> None:
    """A 3x3 stem of stride 2 sees 2 or 3 of 8 rows: 2 + 3 + 3 + 3 in its 4 places, 11/4 on average.

    Every weight layer passes on the whole signal, so the sum over weights is the signal times the six layers.
    """
    c = abs(value)
    signal = 3 * c * (11 / 4) ** 2  # the stem, on average over places
    signal *= c * (4 * c) * (6 * c) * (10 * c) * (3 * 5 * c)  # depthwise, project, head, hidden, classifier summed up
    assert synflow_of(filled(CHAIN, value)) == pytest.approx(math.log(6 * signal), rel=1e-12)


def test_synflow_of_random_weights_is_conserved(small: Architecture) -> None:
    """With ReLU every layer carries the same total, the loss itself (Tanaka et al. 2020, theorem 1)."""
    relu = replace(without_se_and_shortcuts(small), stem=Stem(8, "relu"), head=Head(48, 64, "relu"))
    stages = [
        replace(stage, blocks=tuple(replace(block, activation="relu") for block in stage.blocks))
        for stage in relu.stages
    ]
    relu = replace(relu, stages=tuple(stages))
    network = build(lower(relu), seed=3).double()
    signal = torch.ones(1, 3, 32, 32, dtype=torch.float64)
    layers = 0
    for name, weight in network.named_parameters():
        if name.endswith("conv.weight"):
            stride = 2 if name.startswith(("stem", "s1b0_depth", "s2b0_depth")) else 1
            groups = signal.shape[1] if weight.shape[1] == 1 else 1
            signal = F.conv2d(signal, weight.detach().abs(), None, stride, weight.shape[-1] // 2, 1, groups)
            layers += 1
        elif name.endswith("linear.weight"):
            signal = signal.mean((2, 3)) if signal.ndim == 4 else signal
            signal = signal @ weight.detach().abs().T
            layers += 1
    assert layers == 15
    assert synflow(relu, seed=3) == pytest.approx(math.log(layers * float(signal.sum())), rel=1e-6)


def test_zen_score_of_a_chain_by_hand() -> None:
    """The same from plain tensor operations, each norm one subtraction and one division."""
    network = normal(CHAIN)
    scales = 0.0
    outputs = []
    for images in reversed(pictures(CHAIN)):
        x, scales = images, 0.0
        for name, stride in (("stem", 2), ("s0b0_depthwise", 1), ("s0b0_project", 1), ("head_conv", 1)):
            weight = network.get_parameter(f"{name}.conv.weight").detach()
            x = F.conv2d(x, weight, None, stride, weight.shape[-1] // 2, 1, 4 if "depth" in name else 1)
            mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), unbiased=False, keepdim=True)
            scales += 0.5 * math.log(float(x.var((0, 2, 3)).mean()))
            x = (x - mean) / variance.sqrt()
            x = x if "project" in name else x.relu()
        outputs.append(x)
    distance = (outputs[0] - outputs[1]).flatten(1).norm(dim=1).mean()
    assert zen_of(network, *pictures(CHAIN)) == pytest.approx(math.log(float(distance)) + scales, rel=1e-5)


@pytest.mark.parametrize("name", ["stem", "s0b0_depthwise", "s0b0_project", "head_conv"])
def test_a_norm_does_not_hide_the_size_of_weights(name: str) -> None:
    """Weights 8 times as large leave every output as it is, and the score says log 8 more."""
    network = normal(CHAIN)
    before = zen_of(network, *pictures(CHAIN))
    with torch.no_grad():
        network.get_parameter(f"{name}.conv.weight").mul_(8)
    assert zen_of(network, *pictures(CHAIN)) == pytest.approx(before + math.log(8), abs=1e-4)


def test_twice_the_disturbance_moves_twice_as_far() -> None:
    network = normal(CHAIN)
    one, two = (zen_of(network, *pictures(CHAIN, alpha)) for alpha in (1e-4, 2e-4))
    assert two - one == pytest.approx(math.log(2), abs=0.02)


def test_shortcuts_and_squeeze_excites_are_left_out(small: Architecture) -> None:
    plain = without_se_and_shortcuts(small)
    assert plain != small
    assert zen_score(small) == zen_score(plain)
    assert synflow(small) == synflow(plain)


def test_seeds_decide(small: Architecture) -> None:
    for proxy in (zen_score, synflow):
        assert proxy(small, seed=1) == proxy(small, seed=1) != proxy(small, seed=2)


def test_published_networks_are_ranked() -> None:
    """V3-Large above V3-Small, at any seed: a sanity check that a sign error would not pass."""
    large, small = known("mobilenet_v3_large-1-64"), known("mobilenet_v3_small-1-64")
    for proxy in (zen_score, synflow):
        assert min(proxy(large, seed) for seed in range(2)) > max(proxy(small, seed) for seed in range(2))
