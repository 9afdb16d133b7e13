"""What sharing costs: milliseconds of a training step of the supernet beside those of its networks trained alone.

    python experiments/supernet/speed.py [SPACE [RESOLUTION]]

Steps of 32 random images on one thread, the networks in turns; the median of the rounds in CPU time of this process.
"""

import random
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

import torch

from nas.design.architecture import Architecture
from nas.design.container import supernet_architecture
from nas.design.cost import macs
from nas.design.graph import lower
from nas.design.space import load_space
from nas.nets.data.dataset import Split
from nas.nets.network import build
from nas.nets.supernet.supernet import Sandwich, Sharing, SinglePath, share
from nas.nets.training.batches import placed
from nas.nets.training.loop import TrainingRun, train
from nas.nets.training.optim import optimiser_of
from nas.nets.training.recipe import MODERN

ROUNDS, STEPS = 7, 4


def main(space_name: str = "mobilenet_v3_small", *, resolution: int) -> None:
    torch.set_num_threads(1)
    space = load_space(space_name)
    big, small = supernet_architecture(space, resolution, 10), space.smallest(resolution, 10)
    rng = random.Random(0)
    middle = sorted((space.sample(rng, resolution, 10) for _ in range(99)), key=lambda arch: macs(lower(arch)))[49]
    steps: dict[str, Callable[[], float]] = {}
    for name, arch in (("largest", big), ("median of 99 random", middle), ("smallest", small)):
        steps[f"{name}, {macs(lower(arch)) / 1e6:.1f} M MACs"] = alone(arch)
        steps[f"{name}, shared"] = sharing(big, SinglePath(partial(same, arch)))
    steps["sandwich: largest, smallest, 2 random"] = sharing(
        big, Sandwich(big, small, lambda rng: space.sample(rng, resolution, 10))
    )
    found: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            found[name].append(step())
    for name, times in found.items():
        each = statistics.median(times)
        print(f"{name:40} {1000 * each:7.1f} ms a step {32 / each:7.0f} images/s")


def same(arch: Architecture, _: random.Random) -> Architecture:
    return arch


def alone(arch: Architecture) -> Callable[[], float]:
    network = placed(build(lower(arch)))
    optimiser = optimiser_of(network, MODERN)
    course, split = setting(arch.resolution)
    return lambda: timed(lambda: train(network, optimiser, split, course, MODERN)) / STEPS


def sharing(big: Architecture, rule: Sharing) -> Callable[[], float]:
    network = placed(build(lower(big)))
    optimiser = optimiser_of(network, MODERN)
    course, split = setting(big.resolution)
    return lambda: timed(lambda: share(network, optimiser, rule, split, course, MODERN)) / STEPS


def setting(resolution: int) -> tuple[TrainingRun, Split]:
    images = torch.randint(0, 256, (256, 3, resolution, resolution), dtype=torch.uint8)
    return TrainingRun(0, STEPS, STEPS, 0.01, resolution, 0, True), Split(images, torch.arange(256) % 10)


def timed(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    main(*sys.argv[1:2], resolution=int((sys.argv[2:3] or ["32"])[0]))
