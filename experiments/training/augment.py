"""What each augmentation costs beside a training step, and what it is worth on a short schedule.

    OMP_NUM_THREADS=1 python experiments/training/augment.py cost [--side 128] [--stored 256] [--rounds 15]
    OMP_NUM_THREADS=1 python experiments/training/augment.py worth --data FOLDER [--epochs 8] [--side 64] [--seeds 1]

`cost`: CPU milliseconds of one thread for a batch of 32 made-up images, stored at one size and used at another; all in
turns, so that a busy machine slows each of them alike. `worth`: validation accuracy of one network.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import torch
from msgspec.structs import replace

from nas.api.options.augment import read_augment
from nas.design.graph import lower
from nas.design.known import known
from nas.jobs import AugmentName, Train
from nas.nets.data.dataset import Split, load_data
from nas.nets.network import build
from nas.nets.training.augment.augmentation import STANDARD, STRONG, Augmentation, augmentation_of
from nas.nets.training.augment.mixing import mix_images
from nas.nets.training.augment.pipeline import augment_images
from nas.nets.training.batches import placed
from nas.nets.training.loop import TrainingRun, train
from nas.nets.training.optim import optimiser_of
from nas.nets.training.recipe import MODERN, choose_recipe
from nas.nets.worker import Worker

BATCH, CLASSES = 32, 100
COMPARED = (None, "crop,flip,jitter", "crop,flip", "shift,flip,jitter")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("cost", "worth"))
    parser.add_argument("--data", default="scenes")
    parser.add_argument("--network")
    parser.add_argument("--only", nargs="*", help="the augmentations to train with; `recipe` is the default")
    for name, default in (("side", None), ("stored", 256), ("rounds", 15), ("epochs", 8), ("seeds", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    (cost if asked.what == "cost" else worth)(asked)


def cost(asked: argparse.Namespace) -> None:
    side, name = asked.side or 128, asked.network or "mobilenet_v3_large-0.5"
    made = torch.randint(0, 256, (BATCH, 3, asked.stored, asked.stored), dtype=torch.uint8)
    labels = torch.arange(BATCH) % CLASSES
    used = {"none": Augmentation(), **{name: augmentation_of([name]) for name in get_args(AugmentName)}}
    used |= {"standard (modern)": STANDARD, "strong": STRONG}
    timed: dict[str, Callable[[], object]] = {
        what: lambda how=how: mix_images(augment_images(made, side, how, mirror=True), labels, CLASSES, how)
        for what, how in used.items()
    }
    timed["a training step, not augmented"] = step(name, side)
    print(f"{BATCH} images of {asked.stored} px at {side} px, {name}, load average {os.getloadavg()[0]:.1f}")
    for what, taken in in_turns(timed, asked.rounds).items():
        print(f"  {what:32} {statistics.median(taken):7.1f} ms  ({min(taken):.1f} to {max(taken):.1f})")


def in_turns(timed: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """CPU milliseconds of each, the first round left out."""
    taken: dict[str, list[float]] = {what: [] for what in timed}
    for number in range(rounds + 1):
        for what, call in timed.items():
            began = time.process_time()
            call()
            taken[what] += [1000 * (time.process_time() - began)] * (number > 0)
    return taken


def step(name: str, side: int) -> Callable[[], None]:
    """A step of images that are stored at its resolution."""
    network = placed(build(lower(known(f"{name}-{side}", CLASSES))))
    recipe = replace(MODERN, augmentation=Augmentation())
    split = Split(torch.randint(0, 256, (BATCH, 3, side, side), dtype=torch.uint8), torch.arange(BATCH) % CLASSES)
    optimiser, course = optimiser_of(network, recipe), TrainingRun(0, 1, 100, 0.01, side, 0, mirror=True)
    return lambda: train(network, optimiser, split, course, recipe)


def worth(asked: argparse.Namespace) -> None:
    side, name = asked.side or 64, asked.network or "mobilenet_v3_small-0.5"
    data = load_data(asked.data)
    arch = known(f"{name}-{side}", len(data.classes))
    print(f"{data.name}, {name} at {side} px, {asked.epochs} epochs of {len(data.train)}, {len(data.val)} looked at")
    chosen = [None if text == "recipe" else text for text in asked.only] if asked.only else COMPARED
    with tempfile.TemporaryDirectory() as folder:
        for augment in chosen:
            recipe, began = choose_recipe("modern", None, read_augment(augment)), time.process_time()
            learner, out = Worker(data, recipe), Path(folder) / "weights.safetensors"
            jobs = [Train(arch, 0, asked.epochs, asked.epochs, seed, out) for seed in range(asked.seeds)]
            found = [100 * learner(job).score.accuracy for job in jobs]
            told = " ".join(f"{accuracy:5.1f}" for accuracy in found)
            each = (time.process_time() - began) / asked.seeds
            print(f"  {','.join(recipe.augmentation.names):24} {told} %  {each:.0f} s of one core each", flush=True)


if __name__ == "__main__":
    main()
