"""What a side costs: python experiments/resolution/sides.py

Milliseconds of one inference (ONNX Runtime, one thread, batch 1; the least of all rounds, by the wall clock) and of one
training step of 32 photos (median CPU time), all sides in turns in one process, and both relative to 128 pixels.
"""

import statistics
import time
from collections.abc import Callable

import torch
from plans import equal_cost
from schedule import RECIPE

from nas.design.cost import macs
from nas.design.graph import lower
from nas.design.known import known
from nas.nets.data.dataset import Split
from nas.nets.network import build
from nas.nets.training.batches import placed
from nas.nets.training.loop import TrainingRun, train
from nas.nets.training.optim import optimiser_of
from nas.runtimes.onnx_runtime import OnnxRuntime

BASE, CLASSES = 128, 20
LISTS = {
    "mobilenet_v3_small": [f"mobilenet_v3_small-1-{side}" for side in (48, 64, 88, 96, 112, 128, 160, 192)],
    "mobilenet_v3_small in the width of equal MACs": [f"{run.network}-{run.resolution}" for run in equal_cost(0)],
    "efficientnet_lite0": [f"efficientnet_lite0-1-{side}" for side in (64, 96, 128, 160)],
}


def main() -> None:
    torch.set_num_threads(1)
    for title, names in LISTS.items():
        runs = in_turns([inference(name) for name in names], time.perf_counter, rounds=200)
        steps = in_turns([step(name) for name in names], time.thread_time, rounds=15)
        print(f"\n{title}\n\n| network | million MACs | inference, ms | relative | step, ms | relative |")
        print("| --- | --- | --- | --- | --- | --- |")
        base = next(place for place, name in enumerate(names) if name.endswith(f"-{BASE}"))
        for name, run, stepped in zip(names, runs, steps, strict=True):
            latency, cost = min(run), statistics.median(stepped)
            relative = f"{latency / min(runs[base]):.2f}", f"{cost / statistics.median(steps[base]):.2f}"
            million = macs(lower(known(name, CLASSES))) / 1e6
            print(
                f"| {name} | {million:.1f} | {latency:.2f} | {relative[0]} | {cost:.0f} | {relative[1]} |", flush=True
            )


def in_turns(actions: list[Callable[[], object]], clock: Callable[[], float], rounds: int) -> list[list[float]]:
    """Milliseconds of every action in each round but the first."""
    times: list[list[float]] = [[] for _ in actions]
    for _ in range(rounds):
        for taken, action in zip(times, actions, strict=True):
            began = clock()
            action()
            taken.append(1000 * (clock() - began))
    return [taken[1:] for taken in times]


def inference(name: str) -> Callable[[], object]:
    return OnnxRuntime().compile(lower(known(name, CLASSES))).run


def step(name: str) -> Callable[[], object]:
    arch = known(name, CLASSES)
    network = placed(build(lower(arch), RECIPE.dropout))
    images = torch.randint(0, 256, (64, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    split, optimiser = Split(images, torch.arange(64) % CLASSES), optimiser_of(network, RECIPE)
    course = TrainingRun(0, 1, 100, 0.01, arch.resolution, 0, mirror=True)
    return lambda: train(network, optimiser, split, course, RECIPE)


if __name__ == "__main__":
    main()
