"""Scores of a network that has not been trained: parameters, zen-score, synflow.

Kendall's tau with the real ImageNet accuracy of 100 once-for-all networks at an equal budget of 235 to 255 million
MACs, in a first study: parameters 0.61, zen-score 0.48, synflow 0.39, MACs 0.03. With this code, on 105 such networks
(experiments/supernet/zero_cost.txt): 0.61, 0.57, 0.40 and 0.35, each ± 0.1. NASWOT ranked them the wrong way round
(-0.55) and is left out. So at an equal latency nothing here beats counting parameters, and the accuracies of a hundred
evaluated networks do (ridge regression on their choices: 0.85). Higher is better in all of them.
"""

import math

import torch
from torch import Tensor, nn

from nas.design.architecture import Architecture
from nas.design.cost import params
from nas.design.graph import Graph, lower
from nas.design.op import Add, GlobalPool, SqueezeExcite
from nas.design.walk import Node
from nas.nets.network import Network, build

# Lin et al. 2021, "Zen-NAS", algorithm 1: the size of the disturbance.
_ALPHA = 0.01


def parameters(arch: Architecture) -> float:
    """How many trained parameters a network has."""
    return float(params(lower(arch)))


def zen_score(arch: Architecture, seed: int = 0, images: int = 16) -> float:
    """How much the output of random weights answers a small change of a random image, as a logarithm.

    Lin et al. 2021 (arXiv 2102.01063), algorithm 1: weights and images are standard normal, shortcuts and
    squeeze-excites are left out, and what the norms divided by is multiplied back.
    """
    network = build(_plain(lower(arch)))
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, generator=generator)
    size = arch.resolution
    image, change = torch.randn(2, images, 3, size, size, generator=generator)
    return zen_of(network, image, image + _ALPHA * change)


def zen_of(network: Network, image: Tensor, changed: Tensor) -> float:
    """log E|f(image) - f(changed)| over images [N, 3, S, S], f being the map before the pool, plus log norm scales."""
    stop = next(number for number, node in enumerate(network.graph.nodes) if isinstance(node.op, GlobalPool))
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0  # running statistics are then those of the last batch
    network.train()
    with torch.no_grad():
        difference = network.run((changed,), 0, stop) - network.run((image,), 0, stop)
        distance = difference.flatten(1).norm(dim=1).mean()
        scales = [norm.running_var.mean().sqrt() for norm in norms if norm.running_var is not None]
    return math.log(float(distance)) + sum(math.log(float(scale)) for scale in scales)


def synflow(arch: Architecture, seed: int = 0) -> float:
    """The logarithm of how much of a unit signal passes through the sizes of random weights, summed over the weights.

    Tanaka et al. 2020 (arXiv 2006.05467), equation 1, with the loss R = sum of the outputs for an image of ones.
    """
    return synflow_of(build(_plain(lower(arch)), seed=seed))


def synflow_of(network: Network) -> float:
    """log of the sum of |weight * dR/dweight|, with every weight made positive; changes the network."""
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.BatchNorm2d):
            network.set_submodule(name, nn.Identity())
    network.double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()
    size = network.graph.inputs[0].size
    passed = network(torch.ones(1, 3, size, size, dtype=torch.float64)).sum()
    weights = list(network.parameters())
    gradients = torch.autograd.grad(passed, weights)
    return math.log(sum(float((w.detach() * g).abs().sum()) for w, g in zip(weights, gradients, strict=True)))


def _plain(graph: Graph) -> Graph:
    """The plan without shortcuts and squeeze-excites: what these take goes straight on."""
    now = {-1: -1}
    nodes: list[Node] = []
    for number, node in enumerate(graph.nodes):
        taken = now[node.inputs[0]]
        if isinstance(node.op, Add | SqueezeExcite):
            now[number] = taken
        else:
            nodes.append(Node(node.name, node.op, (taken,)))
            now[number] = len(nodes) - 1
    return Graph(graph.inputs, tuple(nodes), graph.norm_eps)
