"""Where the time of a training step goes on one core, and what each change saves.

    python experiments/training/steps.py [NETWORK [RESOLUTION]]

Steps of 32 random images on one thread, all variants in turns in one process, in its CPU time; a gain is the median
over the rounds of the ratio to the variant above it. Then the last variant's time by kind of operation, from torch's
profiler.
"""

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable

import torch
from plain import Loop, Pictures, plain
from torch.profiler import ProfilerActivity, profile

from nas.design.graph import lower
from nas.design.known import known
from nas.nets.data.dataset import Split
from nas.nets.modules import ConvNorm
from nas.nets.network import Network, build
from nas.nets.training.augment.augmentation import STANDARD
from nas.nets.training.augment.pipeline import augment_images
from nas.nets.training.batches import placed
from nas.nets.training.loop import TrainingRun, train
from nas.nets.training.optim import optimiser_of
from nas.nets.training.recipe import Recipe

ROUNDS, STEPS, BATCH, CLASSES = 9, 2, 32, 20


def main(name: str = "mobilenet_v3_large", side: str = "64") -> None:
    torch.set_num_threads(1)
    variants = [
        ("plain loop, one thread", plain_loop),
        ("ours, but default layout", default_layout),
        ("channels last", channels_last),
        ("depthwise gradients in strips", with_strips),
        ("squeeze-excite as products", shipped),
    ]
    steps = [(told, make(name, int(side))) for told, make in variants]
    times: list[list[float]] = [[] for _ in steps]
    for _ in range(ROUNDS):
        for taken, (_, step) in zip(times, steps, strict=True):
            began = time.process_time()
            for _ in range(STEPS):
                step()
            taken.append((time.process_time() - began) / STEPS)
    print(f"{name} at {side} px, {BATCH} images a step")
    for number, ((told, _), taken) in enumerate(zip(steps, times, strict=True)):
        above, whole = (
            statistics.median(a / b for a, b in zip(times[base][1:], taken[1:], strict=True))
            for base in (max(0, number - 1), 0)
        )
        spent = 1000 * statistics.median(taken[1:])
        print(f"  {told:34} {spent:7.1f} ms a step   x{above:.2f}, in all x{whole:.2f}")
    images(int(side))
    by_operation(steps[-1][1])


def step_of(network: Network, side: int) -> Callable[[], None]:
    """A whole step of ours: augmentation, passes, clipping, optimiser."""
    recipe, split = Recipe(), pictures(side)
    optimiser, course = optimiser_of(network, recipe), TrainingRun(0, 1, 100, 0.01, side, 0, mirror=True)
    return lambda: train(network, optimiser, split, course, recipe)


def pictures(side: int) -> Split:
    made = torch.randint(0, 256, (256, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return Split(made, torch.arange(256) % CLASSES)


def made(name: str) -> Network:
    return build(lower(known(name, CLASSES)), dropout=0.2)


def plain_loop(name: str, side: int) -> Callable[[], None]:
    steps = Loop(made(name), pictures(side), side, BATCH, workers=0).steps()
    return lambda: [next(steps)].clear()


def default_layout(name: str, side: int) -> Callable[[], None]:
    network = plain(made(name))
    network.get_submodule("stem").register_forward_pre_hook(lambda _, images: (images[0].contiguous(),))
    return step_of(network, side)


def channels_last(name: str, side: int) -> Callable[[], None]:
    return step_of(plain(placed(made(name))), side)


def with_strips(name: str, side: int) -> Callable[[], None]:
    network = plain(placed(made(name)))
    for module in network.modules():
        if isinstance(module, ConvNorm):
            module.depthwise = module.conv.groups > 1
    return step_of(network, side)


def shipped(name: str, side: int) -> Callable[[], None]:
    return step_of(placed(made(name)), side)


def images(side: int) -> None:
    """What it costs to make a batch: each image through PIL, against all at once."""
    split, dataset = pictures(side), Pictures(pictures(side), side)
    each: dict[str, list[float]] = {"each image through PIL": [], "a batch at once": []}
    for _ in range(ROUNDS):
        began = time.process_time()
        torch.stack([dataset[number][0] for number in range(BATCH)])
        middle = time.process_time()
        augment_images(split.images[:BATCH], side, STANDARD, mirror=True)
        each["each image through PIL"].append(middle - began)
        each["a batch at once"].append(time.process_time() - middle)
    for told, taken in each.items():
        print(f"  images: {told:26} {1000 * statistics.median(taken):7.1f} ms a batch")


def by_operation(step: Callable[[], None]) -> None:
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as profiled:
        for _ in range(4):
            step()
    spent: dict[str, float] = defaultdict(float)
    for event in profiled.key_averages(group_by_input_shape=True):
        spent[kind(event.key, event.input_shapes)] += event.self_cpu_time_total
    total = sum(spent.values())
    for told, taken in sorted(spent.items(), key=lambda pair: -pair[1])[:9]:
        print(f"  {told:34} {taken / total:6.1%}")


def kind(operation: str, shapes: list[list[int]]) -> str:
    """A name for an operation that groups what belongs together."""
    if "convolution" in operation and len(shapes) > 2:
        backward = "backward" in operation
        weight = shapes[2] if backward else shapes[1]
        if len(weight) == 4:
            sort = "pointwise" if weight[2] == 1 else "depthwise" if weight[1] == 1 else "stem"
            return f"{sort} convolution, {'backward' if backward else 'forward'}"
    for part, told in _KINDS.items():
        if part in operation:
            return told
    return "other"


_KINDS = {
    "batch_norm": "batch norm",
    "hard": "activations",
    "threshold": "activations",
    "clamp_min": "activations",
    "grid_sample": "augmentation",
    "bmm": "augmentation",
    "sgd": "optimiser",
    "linalg": "gradient norm",
    "constant_pad": "copies for strips",
    "copy_": "copies",
    "aten::mm": "squeeze-excite, classifier",
    "addmm": "squeeze-excite, classifier",
    "aten::mul": "products, sums",
    "aten::add": "products, sums",
    "aten::div": "products, sums",
    "aten::sum": "products, sums",
}


if __name__ == "__main__":
    main(*sys.argv[1:])
