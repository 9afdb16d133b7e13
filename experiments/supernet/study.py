"""Do shared weights rank networks as training each of them alone does?

    python experiments/supernet/study.py --data digits --out FOLDER

Draws networks of a space, trains each of them alone (every seed), trains supernets of the same space (every seed) and
scores the networks with these; the truth is the mean test accuracy of the networks trained alone. Every training leaves
a file in the folder, supernets one an epoch, and nothing is done twice: a run that was stopped goes on, and one with
more networks or seeds adds to it. `--band 1 2` draws all networks, also those of the sandwich, from 1 to 2 million
MACs: a stand-in for a band of latencies.
"""

import argparse
import itertools
import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from msgspec import Struct
from msgspec.structs import replace
from zero_cost import tau_interval

from nas.design.architecture import Architecture, digest
from nas.design.container import container
from nas.design.cost import macs
from nas.design.files import write_bytes, write_json
from nas.design.plan import lower
from nas.design.space import SearchSpace, load_space
from nas.nets.build import with_weights
from nas.nets.data import Data, Split, load_data
from nas.nets.learner import Learner
from nas.nets.supernet import SUPERNET_RECIPE, Evaluator, Sandwich, train_supernet
from nas.nets.train import evaluate
from nas.nets.weights import load_weights
from nas.nets.zero_cost import parameters, synflow, zen_score
from nas.search.ports import Train

HERE = Path(__file__).parent


class Study(Struct, frozen=True):
    """All that decides what comes out; `images` limits the training split, `rate` None is the recipe's own."""

    data: str
    space: str = str(HERE / "tiny.toml")
    resolution: int = 32
    images: int = 10**9
    epochs: int = 10
    shared_epochs: int = 10
    randoms: int = 2
    rate: float | None = None
    band: tuple[float, float] | None = None


def main() -> None:
    torch.set_num_threads(1)
    study, networks, seeds, out = arguments()
    pick = torch.randperm(10**6, generator=torch.Generator().manual_seed(0))
    data = load_data(study.data)
    data = replace(data, train=data.train.pick(pick[pick < len(data.train)][: study.images]))
    draw = drawing(load_space(study.space), study, len(data.classes))
    archs = distinct(draw, networks)
    alone = [[trained(arch, seed, data, study, out) for seed in range(seeds)] for arch in archs]
    truth = [sum(run["test"] for run in runs) / seeds for runs in alone]
    seconds = sum(run["seconds"] for runs in alone for run in runs)
    print(f"{data.name}: {len(data.train)} training, {len(data.val)} validation, {len(data.test)} test images")
    spread = f"{min(truth):.3f} to {max(truth):.3f}"
    print(f"{networks} networks, {seeds} seeds, {study.epochs} epochs: test accuracy {spread}, {seconds:.0f} s")
    for seed in range(1, seeds):
        say("seed 0 against another seed", [runs[0]["test"] for runs in alone], [runs[seed]["test"] for runs in alone])
    for seed in range(seeds):
        judge(seed, archs, truth, draw, data, study, out)
    for name, proxy in PROXIES.items():
        say(name, [proxy(arch) for arch in archs], truth)


def arguments() -> tuple[Study, int, int, Path]:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", required=True, help="as in `nas train --data`")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--networks", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--space", default=str(HERE / "tiny.toml"))
    parser.add_argument("--resolution", type=int, default=32)
    parser.add_argument("--images", type=int, default=10**9, help="of the training split at most")
    parser.add_argument("--epochs", type=int, default=10, help="of every network alone")
    parser.add_argument("--shared-epochs", type=int, default=10, help="of the supernet")
    parser.add_argument("--randoms", type=int, default=2, help="random networks in a step of the supernet")
    parser.add_argument("--rate", type=float, help="the supernet's peak learning rate")
    parser.add_argument("--band", type=float, nargs=2, metavar=("LOW", "HIGH"), help="million MACs of all networks")
    asked = vars(parser.parse_args())
    asked["band"] = asked["band"] and tuple(asked["band"])
    networks, seeds, out = asked.pop("networks"), asked.pop("seeds"), asked.pop("out")
    return Study(**asked), networks, seeds, out


Draw = Callable[[random.Random], Architecture]


def drawing(space: SearchSpace, study: Study, classes: int) -> Draw:
    """A random network of the space, in the band if there is one."""

    def draw(rng: random.Random) -> Architecture:
        low, high = study.band or (0.0, float("inf"))
        while True:
            arch = space.sample(rng, study.resolution, classes)
            if low <= macs(lower(arch)) / 1e6 <= high:
                return arch

    return draw


def distinct(draw: Draw, count: int) -> list[Architecture]:
    """The first different networks of one fixed stream."""
    rng, found = random.Random(1), dict[Architecture, None]()
    while len(found) < count:
        found[draw(rng)] = None
    return list(found)


def kept(path: Path, make: Callable[[], Any]) -> Any:
    """What the file holds; made and written before where there is none."""
    if not path.is_file():
        write_bytes(path, json.dumps(make()).encode())
    return json.loads(path.read_text())


def trained(arch: Architecture, seed: int, data: Data, study: Study, out: Path) -> Any:
    """Accuracies and seconds of a network trained alone."""
    name = f"{digest(arch)}-{study.epochs}-{seed}"
    weights = out / "alone" / f"{name}.safetensors"

    def make() -> dict[str, float]:
        write_json(out / "networks" / f"{digest(arch)}.json", arch)
        outcome = Learner(data, study.resolution)(Train(arch, 0, study.epochs, study.epochs, seed, weights))
        network = with_weights(lower(arch), load_weights(weights, arch).state)
        _, hits = evaluate(network, data.test, study.resolution)
        return {"val": outcome.score.accuracy, "test": float(hits.float().mean()), "seconds": outcome.seconds}

    return kept(weights.with_suffix(".json"), make)


def sandwich_of(big: Architecture, draw: Draw, study: Study) -> Sandwich:
    """Of the whole space the largest and the smallest; of a band the ends of 200 draws."""
    if study.band is None:
        space = load_space(study.space)
        return Sandwich(big, space.smallest(study.resolution, big.classes), draw, study.randoms)
    some = sorted(distinct(draw, 200), key=lambda arch: macs(lower(arch)))
    return Sandwich(some[-1], some[0], draw, study.randoms)


def shared(seed: int, big: Architecture, draw: Draw, data: Data, study: Study, out: Path) -> tuple[Path, float]:
    """The supernet's weights and the seconds of its training, an epoch at a time."""
    recipe = replace(SUPERNET_RECIPE, photo_rate=study.rate, picture_rate=study.rate) if study.rate else SUPERNET_RECIPE
    folder = out / f"supernet-{study.shared_epochs}-{study.randoms}-{study.rate}-{study.band}-{seed}".replace(" ", "")
    files = [folder / f"{epoch}.safetensors" for epoch in range(study.shared_epochs + 1)]
    sandwich, seconds = sandwich_of(big, draw, study), 0.0
    for epoch, (start, end) in enumerate(itertools.pairwise(files)):

        def make(first: int = epoch, start: Path = start, end: Path = end) -> float:
            began = time.perf_counter()
            job = Train(big, first, first + 1, study.shared_epochs, seed, end, start if first else None)
            train_supernet(job, sandwich, data, study.resolution, recipe)
            start.unlink(missing_ok=True)
            return time.perf_counter() - began

        seconds += kept(end.with_suffix(".json"), make)
    return files[-1], seconds


def judge(
    seed: int, archs: Sequence[Architecture], truth: Sequence[float], draw: Draw, data: Data, study: Study, out: Path
) -> None:
    """Train a supernet and print how it ranks the networks."""
    big = container(load_space(study.space), study.resolution, len(data.classes))
    weights, seconds = shared(seed, big, draw, data, study, out)
    evaluator = Evaluator(weights, big, data, study.resolution)
    outcomes = [evaluator(arch) for arch in archs]
    without = [uncalibrated(evaluator, arch, data.val, study.resolution) for arch in archs]
    accuracies = [outcome.score.accuracy for outcome in outcomes]
    each = len(data.train) * study.shared_epochs / seconds
    print(f"supernet, seed {seed}: {study.shared_epochs} epochs, {seconds:.0f} s, {each:.0f} images/s")
    print(f"  {sum(outcome.seconds for outcome in outcomes) / len(archs):.2f} s a score")
    print(f"  validation accuracy {mean(accuracies):.3f}, without own norm statistics {mean(without):.3f}")
    say("by loss", [-outcome.score.loss for outcome in outcomes], truth)
    say("by accuracy", accuracies, truth)
    say("without own norm statistics", without, truth)


def uncalibrated(evaluator: Evaluator, arch: Architecture, split: Split, resolution: int) -> float:
    """Accuracy with the leading norm statistics of the largest network instead of the network's own."""
    state = {
        name: evaluator.shared[name][: len(value)] if "running" in name else value
        for name, value in evaluator.inherit(arch).items()
    }
    return float(evaluate(with_weights(lower(arch), state), split, resolution)[1].float().mean())


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def say(name: str, found: Sequence[float], truth: Sequence[float]) -> None:
    tau, low, high = tau_interval(found, truth)
    print(f"  {name:28} tau {tau:5.2f} ({low:5.2f} to {high:5.2f})", flush=True)


PROXIES: dict[str, Callable[[Architecture], float]] = {
    "MACs": lambda arch: float(macs(lower(arch))),
    "parameters": parameters,
    "zen-score": zen_score,
    "synflow": synflow,
}


if __name__ == "__main__":
    main()
