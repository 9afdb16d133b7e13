"""Which channels to keep: cuts of a trained network, by the size of filters and by the loss's first-order change.

    python experiments/importance/study.py FOLDER [SEED...]

V3-Small, 12 epochs on digits at 32 px, one thread. Every group of channels in turn is cut to a share of its width, once
by each importance, tuned for so many steps and looked at on the same validation images. The interval is
over the groups, which one network has.
"""

import sys
import time
from pathlib import Path

import numpy as np
import torch

from nas.design.edits.edit import Narrow, cuts, width_of
from nas.design.known import known
from nas.jobs import Adapt, ImportanceName, Outcome, Train
from nas.nets.data.dataset import load_data
from nas.nets.worker import Worker

ARCH = known("mobilenet_v3_small-1-32", 10)
WAYS: tuple[ImportanceName, ...] = ("l2", "taylor")


def main(folder: Path, seeds: list[int]) -> None:
    torch.set_num_threads(1)
    for seed in seeds:
        began = time.process_time()
        learner, weights = Worker(load_data("digits", seed)), folder / f"seed{seed}.safetensors"
        score = learner(Train(ARCH, 0, 12, 12, seed, weights)).score
        print(f"seed {seed}: accuracy {score.accuracy:.4f}, loss {score.loss:.4f}", flush=True)
        for steps in (0, 4):
            for share in (0.75, 0.5):
                by_way = {way: cut_all(learner, weights, steps, share, way) for way in WAYS}
                print(f"seed {seed}, {steps} steps, {share} of the width: {told(by_way)}", flush=True)
        print(f"{time.process_time() - began:.0f} s of CPU", flush=True)


def cut_all(learner: Worker, weights: Path, steps: int, share: float, way: ImportanceName) -> list[Outcome]:
    """The outcome of every cut."""
    found = []
    for cut in cuts(ARCH):
        width = max(8, round(width_of(ARCH, cut) * share) // 8 * 8)
        if width < width_of(ARCH, cut):
            out = weights.with_name("cut.safetensors")
            found.append(learner(Adapt(ARCH, weights, Narrow(cut, width), steps, 1, out, way)))
    return found


def told(by_way: dict[ImportanceName, list[Outcome]]) -> str:
    losses = {way: np.array([np.mean(one.losses) for one in ones]) for way, ones in by_way.items()}
    accuracies = {way: np.mean([one.score.accuracy for one in ones]) for way, ones in by_way.items()}
    change = losses["taylor"] - losses["l2"]
    half = 1.96 * change.std(ddof=1) / len(change) ** 0.5
    means = "; ".join(f"{way} loss {losses[way].mean():.4f} accuracy {accuracies[way]:.4f}" for way in by_way)
    better = f"taylor better in {int((change < 0).sum())} of {len(change)} groups"
    return f"{means}; {better}, loss {change.mean():+.4f} ± {half:.4f}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(seed) for seed in sys.argv[2:]] or [0, 1])
