"""Progressive training: how much of a schedule must be at the resolution that a network ships at?

    python experiments/resolution/schedule.py --photos DATA --fashion DATA.npz --out LINES.jsonl [--groups NAME ...]

A network is trained at small images first and at its own resolution R last, with one learning-rate schedule and one
optimiser state. Its norm statistics are then estimated again at R, and its accuracy is measured at R. Each finished
training is one line of LINES.jsonl and is not repeated. One thread; `summary.py LINES.jsonl` makes the tables.
"""

import argparse
import copy
import functools
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from plans import GROUPS, Phase, Run
from torch.optim import Optimizer

from nas.api.start_network import open_network
from nas.design.architecture import Architecture
from nas.design.cost import macs
from nas.design.graph import lower
from nas.design.known import known
from nas.nets.data.dataset import Data, Split, load_data
from nas.nets.data.limit import limited
from nas.nets.network import Network, build
from nas.nets.training.batches import mixed, placed
from nas.nets.training.loop import TrainingRun, evaluate, recalibrate, steps_in_epoch, train
from nas.nets.training.optim import optimiser_of
from nas.nets.training.recipe import MODERN, peak_rate
from nas.nets.weights.traits import Traits
from nas.nets.weights.weights_file import State, load_weights
from nas.nets.worker import prepare_process

RECIPE = MODERN


class Line(Struct, frozen=True):
    """What a run gave at its resolution; a hit string says of each image, in order, whether it was recognised."""

    run: Run
    val: float
    test: float
    cpu_s: float
    macs: int
    val_hits: str
    test_hits: str


class Trunk:
    """The first phase that several runs share: trained once, left at every point where one of them goes on alone."""

    def __init__(self, run: Run, data: Data) -> None:
        self.data = data
        arch, state = open_start(run, len(data.classes))
        self.network = placed(build(lower(arch), RECIPE.dropout, mixed(run.seed, 0)))
        self.network.load_state_dict(state, strict=False)
        self.optimiser = optimiser_of(self.network, RECIPE)
        self.passed, self.cpu_s = 0.0, 0.0

    def perform(self, run: Run) -> Line:
        """Go on to the end of the run's first phase, and from there on with a copy."""
        first, *others = run.phases
        rest = replace(first, share=first.share - self.passed)
        self.cpu_s += advance(self.network, self.optimiser, run, self.data, rest, self.passed)
        self.passed = first.share
        network, optimiser = copy.deepcopy((self.network, self.optimiser))
        spent, passed = self.cpu_s, self.passed
        for phase in others:
            spent += advance(network, optimiser, run, self.data, phase, passed)
            passed += phase.share
        return finish(network, run, self.data, spent)


def main() -> None:
    prepare_process()
    asked = arguments()
    done = {replace(line.run, group="") for line in read_lines(asked.out)}
    planned = [run for seed in asked.seeds for group in asked.groups for run in GROUPS[group](seed)]
    left = [
        run for run in planned if replace(run, group="") not in done and (run.plan in asked.plans or not asked.plans)
    ]
    for runs in families(left):
        data = open_data(str(asked.photos if runs[0].data == "photos" else asked.fashion))
        trunk = Trunk(runs[0], data)
        for run in runs:
            line = trunk.perform(run)
            with asked.out.open("ab") as stream:
                stream.write(msgspec.json.encode(line) + b"\n")
            print(f"{run.network} {run.plan} seed {run.seed}: test {line.test:.3f}, {line.cpu_s:.0f} s", flush=True)


def families(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs that differ only after their first phase, by its length."""
    found: dict[Run, list[Run]] = {}
    for run in runs:
        key = replace(run, group="", plan="", phases=(Phase(run.phases[0].side, 0.0),))
        found.setdefault(key, []).append(run)
    return [sorted(family, key=lambda run: run.phases[0].share) for family in found.values()]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True, help="a folder as in `nas train --data`")
    parser.add_argument("--fashion", type=Path, help="Fashion-MNIST as an .npz file")
    parser.add_argument("--lite0", type=Path, help="ImageNet weights of EfficientNet-Lite0")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--groups", nargs="+", choices=list(GROUPS), default=list(GROUPS))
    parser.add_argument("--plans", nargs="+", default=[], help="only these of the groups")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    return parser.parse_args()


def read_lines(path: Path) -> list[Line]:
    return [msgspec.json.decode(line, type=Line) for line in path.read_bytes().splitlines()] if path.exists() else []


@functools.cache
def open_data(path: str) -> Data:
    """The data set; of Fashion-MNIST a tenth of the training images."""
    data = load_data(path)
    return data if data.photos else limited(data, 6000, 0)


def finish(network: Network, run: Run, data: Data, spent: float) -> Line:
    """Estimate the norms at the resolution that ships, and look at both splits there."""
    began = time.thread_time()
    recalibrate(network, data.train, run.resolution, RECIPE.norm_images)
    spent += time.thread_time() - began
    val, test = hits_of(network, data.val, run.resolution), hits_of(network, data.test, run.resolution)
    return Line(run, share_of(val), share_of(test), spent, macs(network.plan), val, test)


def open_start(run: Run, classes: int) -> tuple[Architecture, State]:
    """A network and the weights that it starts from; none from scratch, those of ImageNet if it is to be tuned."""
    if not run.tuned:
        return known(f"{run.network}-{run.resolution}", classes), {}
    weights = arguments().lite0
    given = open_network(str(weights), None, Traits(), print).architecture
    arch = replace(given, classes=classes, resolution=run.resolution)
    return arch, load_weights(weights, arch).state


def advance(network: Network, optimiser: Optimizer, run: Run, data: Data, phase: Phase, passed: float) -> float:
    """Train a phase after a share of the schedule has passed, and return the CPU seconds."""
    began = time.thread_time()
    train(network, optimiser, data.train, course_of(run, data, phase, passed), RECIPE)
    return time.thread_time() - began


def course_of(run: Run, data: Data, phase: Phase, passed: float) -> TrainingRun:
    total = run.epochs * steps_in_epoch(data.train, RECIPE)
    peak = peak_rate(RECIPE, data, gentle=run.tuned)
    first, last = round(total * passed), round(total * (passed + phase.share))
    if phase.rate is None:
        return TrainingRun(first, last, total, peak, phase.side, run.seed, data.photos)
    return TrainingRun(0, last - first, last - first, peak * phase.rate, phase.side, run.seed + 1, data.photos)


def hits_of(network: Network, split: Split, resolution: int) -> str:
    return "".join(str(int(hit)) for hit in evaluate(network, split, resolution).answers)


def share_of(hits: str) -> float:
    return hits.count("1") / len(hits)


if __name__ == "__main__":
    main()
