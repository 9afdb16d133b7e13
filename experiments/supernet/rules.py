"""Single paths or the sandwich rule: which shared weights are better after the same time of training?

    python experiments/supernet/rules.py DATA TABLE [EPOCHS]

Networks of the space `mobilenet_v3_small` that the table predicts at 0.92 to 1 ms at 224 pixels, here for images of 64.
A step of a sandwich trains four networks, one of single paths one, so these are trained for four times as many epochs.
Printed is the validation accuracy of ten of the networks, each with norm statistics of its own.
"""

import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from msgspec.structs import replace

from nas.algorithms.block_search.latency_band import spread_draws
from nas.api.options.setup import open_bench, setup_of
from nas.bench.pricer import Pricer
from nas.design.container import supernet_architecture
from nas.design.cost import macs
from nas.design.graph import lower
from nas.design.space import load_space
from nas.jobs import Train
from nas.latency.table import read_table
from nas.nets.data.dataset import load_data
from nas.nets.supernet.supernet import Sandwich, Sharing, SinglePath, SupernetEvaluator, train_supernet

SIDE, BAND_MS = 64, (0.92, 1.0)


def main(name: str, table_path: str, epochs: str = "3") -> None:
    torch.set_num_threads(1)
    data, path = load_data(name), Path(table_path)
    table, space = read_table(path), load_space("mobilenet_v3_small")
    prices = Pricer(table, open_bench(setup_of(table.header), print), path)
    drawn = [arch for _, arch in spread_draws(space, 0, 224, len(data.classes))]
    prices.ensure(drawn)
    band = [arch for arch in drawn if BAND_MS[0] <= prices(arch).ms <= BAND_MS[1]]
    band = [replace(arch, resolution=SIDE) for arch in band]
    band.sort(key=lambda arch: macs(lower(arch)))
    big = supernet_architecture(space, SIDE, len(data.classes))
    rules: dict[str, tuple[Sharing, float]] = {
        "sandwich": (Sandwich(band[-1], band[0], lambda rng: rng.choice(band)), float(epochs)),
        "single paths": (SinglePath(lambda rng: rng.choice(band)), 4 * float(epochs)),
    }
    for title, (rule, total) in rules.items():
        with tempfile.TemporaryDirectory() as folder:
            weights, began = Path(folder) / "shared.safetensors", time.process_time()
            train_supernet(Train(big, 0, total, total, 1, weights), rule, data)
            seconds = time.process_time() - began
            judge = SupernetEvaluator(weights, big, data)
            scores = [judge(arch).score for arch in random.Random(5).sample(band, 10)]
        accuracy, loss = (statistics.fmean(getattr(one, field) for one in scores) for field in ("accuracy", "loss"))
        print(
            f"{title}: {total:g} epochs, {seconds:.0f} s of CPU: accuracy {accuracy:.1%}, loss {loss:.3f}", flush=True
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
