"""How hard `--data scenes` is: accuracy of several networks and resolutions after a few epochs from scratch.

    OMP_NUM_THREADS=1 python experiments/resolution/scenes_difficulty.py [NETWORK-WIDTH-RESOLUTION ...] [--epochs 8]

Prints the accuracy on the validation and the test split, and the CPU time of each training (on a busy machine, which
makes it longer). scenes_difficulty.txt is what it printed for the first three networks.
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch
from msgspec.structs import replace

from nas.design.files import resolve
from nas.design.graph import lower
from nas.jobs import Train
from nas.nets.data.dataset import Data, load_data
from nas.nets.network import with_weights
from nas.nets.training.batches import placed
from nas.nets.training.loop import evaluate
from nas.nets.weights.weights_file import load_weights
from nas.nets.worker import Worker

NETWORKS = (
    "mobilenet_v3_small-1-64",
    "mobilenet_v3_small-0.35-64",
    "mobilenet_v3_small-1-32",
    "mobilenet_v3_large-1-64",
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--data", default="scenes")
    for name, default in (("epochs", 8), ("seeds", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    data = load_data(asked.data)
    print(
        f"{asked.data}, {asked.epochs} epochs of {len(data.train)} images; validation on {len(data.val)}, "
        f"test on {len(data.test)}"
    )
    for name in asked.networks:
        for seed in range(asked.seeds):
            print(measure(data, name, asked.epochs, seed), flush=True)


def measure(data: Data, name: str, epochs: int, seed: int) -> str:
    """Return the line of one training."""
    arch = replace(resolve(name)[1], classes=len(data.classes))
    with tempfile.TemporaryDirectory() as folder:
        began, out = time.process_time(), Path(folder) / "weights.safetensors"
        val = Worker(data)(Train(arch, 0, epochs, epochs, seed, out)).score
        spent = time.process_time() - began
        network = placed(with_weights(lower(arch), load_weights(out, arch).state, 0.0))
    test = evaluate(network, data.test, arch.resolution).score
    low, high = test.accuracy_ci95
    return (
        f"  {name:28} seed {seed}  validation {val.accuracy:6.1%}  test {test.accuracy:6.1%} "
        f"({low:.1%} to {high:.1%})  {spent:.0f} s of one core"
    )


if __name__ == "__main__":
    main()
