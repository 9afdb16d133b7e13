"""How the scores without training rank networks with published ImageNet accuracies.

    python experiments/supernet/zero_cost.py ofa_mbv3_imagenet.csv

The table holds once-for-all networks on MobileNetV3 with their real top-1 (published with DyNAS-T, Apache-2.0). Printed
is Kendall's tau with its 95 % bootstrap interval over networks, for 105 networks at any budget and all of 235 to 255
million MACs; scores are of 64 pixel images, seed 0.
"""

import csv
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from proxies import parameters, synflow, zen_score
from scipy.stats import kendalltau

from nas.design.architecture import Architecture
from nas.design.cost import macs
from nas.design.graph import lower
from nas.design.space import load_space

RESOLUTION = 64
Row = dict[str, str]


def main(path: Path) -> None:
    torch.set_num_threads(1)
    with path.open() as file:
        rows = list(csv.DictReader(file))
    equal = [row for row in rows if 235e6 <= int(row["macs"]) <= 255e6]
    scores: dict[str, Callable[[Architecture], float]] = {
        "MACs": lambda arch: float(macs(lower(arch))),
        "parameters": parameters,
        "zen-score": zen_score,
        "synflow": synflow,
    }
    for name, some in (("any budget", random.Random(0).sample(rows, len(equal))), ("235 to 255 M", equal)):
        accuracies = [float(row["imagenet_top1"]) for row in some]
        print(f"{name}: {len(some)} networks, {min(accuracies):.1f} to {max(accuracies):.1f} %")
        architectures = [architecture(row) for row in some]
        for score, function in scores.items():
            began = time.perf_counter()
            found = [function(arch) for arch in architectures]
            each_ms = (time.perf_counter() - began) / len(found) * 1000
            tau, low, high = tau_interval(found, accuracies)
            print(f"  {score:10} tau {tau:5.2f} ({low:5.2f} to {high:5.2f}) {each_ms:8.1f} ms a network")


def architecture(row: Row) -> Architecture:
    depths, kernels, expansions = ([int(n) for n in row[key].split("-")] for key in ("depths", "kernels", "expansions"))

    def choose(name: str, _: object) -> int:
        where, what = name.split(".")
        if what == "depth":
            return depths[int(where[1:]) - 1]
        stage, block = (int(n) for n in where[1:].split("b"))
        return (kernels if what == "kernel" else expansions)[4 * (stage - 1) + block]

    return load_space("ofa_mobilenet_v3").draw(choose, RESOLUTION)


def tau_interval(found: Sequence[float], truth: Sequence[float]) -> tuple[float, float, float]:
    """Kendall's tau (b) and the middle 95 % of it over 1,000 bootstrap samples of the networks."""
    a, b, rng = np.array(found), np.array(truth), np.random.default_rng(0)
    draws = (rng.integers(0, len(a), len(a)) for _ in range(1000))
    taus = [kendalltau(a[drawn], b[drawn]).statistic for drawn in draws]
    low, high = np.nanquantile(taus, [0.025, 0.975])
    return float(kendalltau(a, b).statistic), float(low), float(high)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
