"""What a recipe is worth on short schedules: validation accuracy of one network, several seeds.

    python experiments/training/recipes.py [--data digits] [--epochs 4] [--seeds 3] [--side 32] [--network NETWORK]
        [--only WORD]

Every seed draws its own weights, order and augmentation; the split is the same. Weights are not kept.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch
from msgspec.structs import replace

from nas.design.known import known
from nas.jobs import Train
from nas.nets.data.dataset import load_data
from nas.nets.training.recipe import MODERN, PAPER, Recipe
from nas.nets.worker import Worker

VARIANTS: dict[str, Recipe] = {
    "modern": MODERN,
    "modern, weights averaged": replace(MODERN, average=0.9999),
    "paper": PAPER,
    "paper, rate x 2": replace(PAPER, photo_rate=2 * PAPER.photo_rate, picture_rate=2 * PAPER.picture_rate),
    "paper, rate / 2": replace(PAPER, photo_rate=PAPER.photo_rate / 2, picture_rate=PAPER.picture_rate / 2),
    "paper, not averaged": replace(PAPER, average=0.0),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="digits")
    parser.add_argument("--network", default="mobilenet_v3_small")
    parser.add_argument("--only", default="", help="the variants whose names begin so")
    for name, default in (("epochs", 4), ("seeds", 3), ("side", 32)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    data = load_data(asked.data)
    arch = known(f"{asked.network}-1-{asked.side}", len(data.classes))
    size = f"{asked.epochs} epochs of {len(data.train)} images, validation on {len(data.val)}"
    print(f"{data.name}, {asked.network} at {asked.side} px, {size}")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "weights.safetensors"
        for name, recipe in ((name, it) for name, it in VARIANTS.items() if name.startswith(asked.only)):
            began, learner = time.process_time(), Worker(data, recipe)
            jobs = [Train(arch, 0, asked.epochs, asked.epochs, seed, out) for seed in range(asked.seeds)]
            found = [100 * learner(job).score.accuracy for job in jobs]
            each = (time.process_time() - began) / asked.seeds
            told = " ".join(f"{accuracy:5.1f}" for accuracy in found)
            print(f"  {name:26} {statistics.mean(found):5.1f} %  ({told})  {each:.0f} s of one core each", flush=True)


if __name__ == "__main__":
    main()
