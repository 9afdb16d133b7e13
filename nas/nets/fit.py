"""`fit`: trained weights fitted to the resolution they are deployed at.

An object that filled 64 pixels fills 224 after deployment, so every channel's statistics shift (Touvron et al.
2019, "Fixing the train-test resolution discrepancy"). As there, the norms are re-estimated and the layers after
the pool are trained anew at the deployment resolution. Their inputs are computed once, so the passes over the
images, not the training, are the cost. Before that the whole network takes a few steps half-way between the two
resolutions, where a step costs a quarter of one at the deployment resolution and helps the features more.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from nas.design.op import Linear, Pool
from nas.design.plan import Plan
from nas.nets.batches import chunks, inputs, mixed
from nas.nets.build import Dense, Network
from nas.nets.data import Data, Split
from nas.nets.descent import optimiser_of
from nas.nets.recipe import Recipe
from nas.nets.train import Course, recalibrate, steps_in_epoch, train


def fit(network: Network, data: Data, trained: int, resolution: int, seed: int, recipe: Recipe) -> None:
    """Fit a network trained at `trained` pixels in place: a bridge of training, norm statistics, layers after the pool.

    The bridge is at the geometric mean of both resolutions, at most an epoch; the rest is at `resolution`.
    """
    _bridge(network, data, trained, resolution, seed, recipe)
    recalibrate(network, data.train, resolution, recipe.fit_norm_images)
    generator = torch.Generator().manual_seed(mixed(seed, 3))
    each = recipe.fit_photos if data.photos else recipe.fit_pictures
    most = max(recipe.batch, min(each * len(data.classes), recipe.fit_pixels // resolution**2))
    picked = data.train.pick(torch.randperm(len(data.train), generator=generator)[:most])
    first = _head_start(network.plan)
    features = _features(network, picked, resolution, first)
    _train_head(network, features, picked.labels.to(features.device), first, recipe, generator)


def _bridge(network: Network, data: Data, trained: int, resolution: int, seed: int, recipe: Recipe) -> None:
    between = max(8, 8 * round(math.sqrt(trained * resolution) / 8))
    wanted = recipe.bridge_photos if data.photos else recipe.bridge_pictures
    steps = min(wanted, steps_in_epoch(data.train, recipe))
    course = Course(0, steps, steps, recipe.bridge_rate, between, mixed(seed, 4), data.photos)
    train(network, optimiser_of(network, recipe), data.train, course, recipe)


def _head_start(plan: Plan) -> int:
    """Number of the first node after the global pool."""
    pools = [number for number, node in enumerate(plan.nodes) if isinstance(node.op, Pool)]
    first = pools[-1] + 1
    assert all(isinstance(node.op, Linear) for node in plan.nodes[first:])
    return first


def _features(network: Network, split: Split, resolution: int, stop: int) -> Tensor:
    """Pooled features [N, C] of all images."""
    where = next(network.parameters()).device
    network.eval()
    with torch.no_grad():
        parts = [
            network.run((inputs(split.images[part].to(where), resolution),), 0, stop)
            for part in chunks(len(split), resolution)
        ]
    return torch.cat(parts)


def _train_head(
    network: Network, features: Tensor, labels: Tensor, first: int, recipe: Recipe, generator: torch.Generator
) -> None:
    """Train the layers from node `first` on, on features brought to mean 0 and deviation 1.

    Features differ in scale a hundredfold, and steps that suit one would not suit another.
    """
    layer = network.get_submodule(network.plan.nodes[first].name)
    assert isinstance(layer, Dense)
    mean, deviation = features.mean(0), features.std(0)
    deviation = deviation + 1e-3 * deviation.mean() + 1e-12
    _absorb(layer, deviation, mean)
    scaled = (features - mean) / deviation
    parameters = [p for node in network.plan.nodes[first:] for p in network.get_submodule(node.name).parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=recipe.fit_rate, weight_decay=1e-2)
    network.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
        for step in range(recipe.fit_steps):
            for group in optimiser.param_groups:
                group["lr"] = recipe.fit_rate * 0.5 * (1 + math.cos(math.pi * step / recipe.fit_steps))
            picked = torch.randint(len(scaled), (64,), generator=generator).to(scaled.device)
            logits = network.run((scaled[picked],), first, len(network.plan.nodes))
            loss = F.cross_entropy(logits, labels[picked], label_smoothing=recipe.smoothing)
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimiser.step()
    network.eval()
    _absorb(layer, 1 / deviation, -mean / deviation)


def _absorb(layer: Dense, scale: Tensor, shift: Tensor) -> None:
    """Rewrite a layer for inputs x where it saw x * scale + shift."""
    with torch.no_grad():
        layer.linear.bias.add_(layer.linear.weight @ shift)
        layer.linear.weight.mul_(scale)
