"""NetAdapt on photos against what else makes a trained network faster, at equal measured latency.

    python experiments/netadapt/photos.py --data DATA --table TABLE --out FOLDER --seed 0

MobileNetV3-Large is trained on the data and then shrunk to shares of its latency in ONNX Runtime: by NetAdapt's two
modes, by one width multiplier (of every group of channels the most important stay), and by torch-pruning, globally, by
magnitude and by its Taylor score, in multiples of 8 and 16. Scaled and pruned networks are measured again and again
until they are within the target; what takes too long however small it is made is left out, and said. All start from the
same weights and are tuned alike. One thread; a study that was stopped goes on. With `--methods resolution` the network
as it is takes smaller images instead.

`summary.py FOLDER TABLE` makes the tables of all seeds.
"""

import argparse
import copy
import importlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from descents import Ground, Meter, cost_of, seen
from msgspec import Struct
from msgspec.structs import replace
from torch.nn import functional as F

from nas.api.inspecting import load_any
from nas.api.options.heads import fit_head
from nas.api.options.setup import open_bench, setup_of
from nas.api.start_network import open_network
from nas.bench.pricer import Pricer
from nas.design.architecture import Architecture, Stage
from nas.design.blocks.convolutional import Separable
from nas.design.blocks.fire import Fire
from nas.design.cost import macs, params
from nas.design.edits.split import split_stages
from nas.design.files import write_json
from nas.design.graph import lower
from nas.design.known import known
from nas.design.op import SqueezeExcite
from nas.design.published.dense import name_with_head
from nas.design.size import scale_size, shorter_side
from nas.jobs import Train
from nas.latency.table import read_table
from nas.nets.network import Network, with_weights
from nas.nets.pruning.importance import sample, taylor
from nas.nets.pruning.inherit import inherit
from nas.nets.training.batches import placed
from nas.nets.training.recipe import choose_recipe
from nas.nets.weights.traits import Traits
from nas.nets.weights.weights_file import State, load_weights, save_weights, state_of
from nas.nets.worker import Worker
from nas.ship.exporter import Exporter

METHODS = ["reference", "cheap", "scaled", "magnitude-8", "taylor-8", "magnitude-16", "taylor-16"]
RANKED = (1, 4, 8, 12)  # steps of the reference at which the orders are compared
SIDES = 8  # networks for smaller images take a multiple of this many pixels
Made = tuple[Architecture, State]


class Row(Struct, frozen=True):
    """A network tuned to the end; `hits` says of every test image of a classifier whether it was recognised."""

    method: str
    goal: float
    architecture: Architecture
    as_it_is: float
    val: float
    test: float
    hits: str
    params: int
    macs: int


def main() -> None:
    torch.set_num_threads(1)
    asked = arguments()
    study = Study(asked)
    for method in asked.methods:
        match method.split("-"):
            case ["reference" | "cheap"]:
                study.netadapt(method)
            case ["scaled"]:
                study.scaled()
            case ["resolution"]:
                study.smaller()
            case [name, rounding]:
                study.torch_pruned(name, int(rounding))
            case _:
                raise SystemExit(f"{method}: no such method")
    if "reference" in asked.methods:
        study.ground.ranks(study.folder / "reference", RANKED, ())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", required=True, help="as in `nas train --data`")
    parser.add_argument("--table", type=Path, required=True, help="latency table of the space on this machine")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--network", default="mobilenet_v3_large-1-224")
    parser.add_argument("--train-resolution", type=int, help="of the first steps of a training")
    parser.add_argument("--source-epochs", type=float, default=20)
    parser.add_argument("--epochs", type=float, default=6, help="of the final tuning, the same for all")
    parser.add_argument("--steps", type=int, default=8, help="mini-batches of a proposal")
    parser.add_argument("--delta", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", type=Path, help="weights to train the source from")
    parser.add_argument("--goals", type=float, nargs="+", default=[0.7, 0.6], help="shares of the latency, falling")
    parser.add_argument("--proposals", choices=["channels", "all"], default="channels", help="of NetAdapt")
    parser.add_argument("--methods", nargs="+", default=METHODS, help="or resolution")
    return parser.parse_args()


class Study:
    def __init__(self, asked: argparse.Namespace) -> None:
        self.asked = asked
        self.folder: Path = asked.out / str(asked.seed)
        self.folder.mkdir(parents=True, exist_ok=True)
        whole = known(asked.network, 2)
        data, table = load_any(asked.data, 0, whole.resolution), read_table(asked.table)
        self.arch = split_stages(known(asked.network, len(data.classes)))
        if asked.weights:  # with the mean, deviation and padding that they were trained with
            given = open_network(str(asked.weights), None, Traits(), print).architecture
            given = fit_head(asked.network, given, data.task, None)
            self.arch = replace(given, classes=self.arch.classes, resolution=self.arch.resolution)
        self.learner = Worker(data, choose_recipe("modern", asked.train_resolution, None, data.task))
        bench = open_bench(setup_of(table.header), print)
        self.ships, prices = Exporter(data, bench, table), Pricer(table, bench, asked.table)
        self.source = self.folder / "source.safetensors"
        if not self.source.exists():
            epochs = asked.source_epochs
            self.learner(Train(self.arch, 0, epochs, epochs, asked.seed, self.source, asked.weights))
        self.ground = Ground(
            self.arch, self.source, self.learner, Meter(self.arch), prices, asked.steps, asked.delta, asked.seed,
            table.header.validation.floor, asked.proposals,
        )  # fmt: skip
        self.state = load_weights(self.source, self.arch).state
        print(f"seed {asked.seed}: source {self._accuracy(self.arch, self.source):.3f} on test", flush=True)

    def netadapt(self, mode: Any) -> None:
        """One descent, tuned at each of the goals."""
        pool, adapted = self.ground.opened(self.folder / mode, mode)
        whole_ms = adapted.current.predicted_ms
        for goal in self.asked.goals:
            adapted.shrink(goal * whole_ms)
            passes, cpu = cost_of(self.folder / mode / f"cost-{goal}.json", pool)
            print(f"{mode} {goal}: {adapted.current.step} steps, {passes:.0f} passes, {cpu:.0f} CPU s", flush=True)
            state = load_weights(adapted.weights, adapted.current.architecture).state
            self.finish(mode, goal, (adapted.current.architecture, state))

    def scaled(self) -> None:
        """One width multiplier for all; the channels that stay are those that the loss would miss the most."""
        batches = sample(self.learner.data.train, self.arch.resolution, 32)
        scores = taylor(placed(with_weights(lower(self.arch), self.state)), batches)
        name, own, side = self.asked.network.split("-")

        def made(share: float) -> Made:
            headed = name_with_head(name, self.arch)
            named = known(f"{headed}-{float(own) * (1 - share):.3f}-{side}", self.arch.classes)
            arch = with_traits_of(self.arch, split_stages(named))
            return arch, inherit(lower(self.arch), lower(arch), self.state, scores)

        self.finish_all("scaled", made)

    def smaller(self) -> None:
        """The network as it is, for smaller images."""

        def made(share: float) -> Made:
            shorter = round(shorter_side(self.arch.resolution) * (1 - share) / SIDES) * SIDES
            size = scale_size(self.arch.resolution, max(SIDES, shorter), SIDES)
            return replace(self.arch, resolution=size), self.state

        self.finish_all("resolution", made)

    def torch_pruned(self, name: str, rounding: int) -> None:
        """Global pruning: all groups of channels are ranked together."""
        network = placed(with_weights(lower(self.arch), self.state))
        if name == "taylor":
            for images, labels in sample(self.learner.data.train, self.arch.resolution, 32):
                F.cross_entropy(network(images), labels).backward()  # type: ignore[no-untyped-call]
        self.finish_all(f"torch-pruning {name} {rounding}", partial(pruned, self.arch, network.cpu(), name, rounding))

    def within(self, goals: Sequence[float], made: Callable[[float], Made]) -> dict[float, Made]:
        """For each goal the least share taken away that is within it by the clock, to a hundredth.

        A goal that no share reaches is left out, and said: a small image still needs all weights to be read.
        """
        ratios = self.ratios({percent: made(percent / 100)[0] for percent in range(5, 80, 5)})
        found = {}
        for goal in goals:
            if min(ratios.values()) > goal:
                print(f"{goal} of the latency is out of reach: the least is {min(ratios.values()):.2f}", flush=True)
                continue
            least = min(percent for percent, ratio in ratios.items() if ratio <= goal)
            near = self.ratios({percent: made(percent / 100)[0] for percent in range(least - 4, least + 1)})
            found[goal] = made(min(p for p, ratio in near.items() if ratio <= goal or p == least) / 100)
        return found

    def ratios(self, archs: Mapping[int, Architecture]) -> dict[int, float]:
        """Times of networks by the clock, of that of the whole."""
        *found, whole = self.ships.measure([*archs.values(), self.arch])
        return {key: one.measured_ms / whole.measured_ms for key, one in zip(archs, found, strict=True)}

    def finish_all(self, method: str, made: Callable[[float], Made]) -> None:
        """Tune what a method makes for every goal."""
        goals = self.asked.goals
        if not all(self.path(method, goal).exists() for goal in goals):
            for goal, one in self.within(goals, made).items():
                self.finish(method, goal, one)

    def path(self, method: str, goal: float) -> Path:
        return self.folder / f"{method.replace(' ', '-')}-{goal}.json"

    def finish(self, method: str, goal: float, made: Made) -> None:
        """Tune a network gently and look at the test split."""
        path = self.path(method, goal)
        if path.exists():
            return
        arch, state = made
        start, tuned = path.with_suffix(".start"), path.with_suffix(".safetensors")
        save_weights(start, state)
        epochs = self.asked.epochs
        outcome = self.learner(Train(arch, 0, epochs, epochs, self.asked.seed, tuned, start, gentle=True))
        judged = seen(self.learner, arch, tuned, self.learner.data.test)
        hits = judged.answers if arch.task == "classification" else []
        row = Row(
            method, goal, arch, self._accuracy(arch, start), outcome.score.accuracy,
            judged.score.accuracy, "".join(str(int(hit)) for hit in hits), params(lower(arch)), macs(lower(arch)),
        )  # fmt: skip
        write_json(path, row)
        print(f"{method} {goal}: as it is {row.as_it_is:.3f}, tuned {row.test:.3f}", flush=True)

    def _accuracy(self, arch: Architecture, weights: Path) -> float:
        return seen(self.learner, arch, weights, self.learner.data.test).score.accuracy


def pruned(arch: Architecture, network: Network, name: str, rounding: int, share: float) -> Made:
    """The network as torch-pruning leaves it. The inner layers of squeeze-excite get the width that ours would have."""
    scores = {"magnitude": tp.importance.GroupMagnitudeImportance(p=2), "taylor": tp.importance.GroupTaylorImportance()}
    left = copy.deepcopy(network)
    for mine, other in zip(left.parameters(), network.parameters(), strict=True):
        mine.grad = None if other.grad is None else other.grad.clone()
    inner = [module for key, module in left.named_modules() if key.endswith("_se.reduce")]
    pruner = tp.pruner.BasePruner(
        left, torch.zeros(1, 3, 64, 64), importance=scores[name], global_pruning=True, pruning_ratio=share,
        max_pruning_ratio=0.9, round_to=rounding, ignored_layers=[left.get_submodule("head_classifier"), *inner],
    )  # fmt: skip
    pruner.step()
    state = state_of(left)
    child = narrowed(arch, state)
    for node in lower(child).nodes:
        if isinstance(node.op, SqueezeExcite):
            squeeze(state, node.name, node.op.inner)
    return child, state


def narrowed(arch: Architecture, state: State) -> Architecture:
    """The architecture with the widths that the weights have."""

    def width(name: str) -> int:
        return len(state[f"{name}.weight"])

    def stage_of(s: int, stage: Stage) -> Stage:
        first = stage.blocks[0]
        if isinstance(first, Fire):
            pointwise = width(f"s{s}b0_expand1.conv")
            fire = replace(first, squeezed=width(f"s{s}b0_squeeze.conv"), expanded=pointwise)
            return replace(stage, blocks=(fire,), width=pointwise + width(f"s{s}b0_expand3.conv"))
        blocks = tuple(
            block.with_width("expansion", width(f"s{s}b{b}_depthwise.conv")) if "expansion" in block.widths else block
            for b, block in enumerate(stage.blocks)
        )
        last = "pointwise" if isinstance(first, Separable) else "project"
        return replace(stage, blocks=blocks, width=width(f"s{s}b0_{last}.conv"))

    hidden = None if arch.head.hidden is None else width("head_hidden.linear")
    head = replace(arch.head, width=None if arch.head.width is None else width("head_conv.conv"), hidden=hidden)
    stages = tuple(stage_of(s, stage) for s, stage in enumerate(arch.stages))
    return replace(arch, stem=replace(arch.stem, width=width("stem.conv")), stages=stages, head=head)


def with_traits_of(source: Architecture, arch: Architecture) -> Architecture:
    """An architecture with the mean, deviation, padding and epsilon that another's weights were trained with."""
    return Traits(source.mean, source.std, source.norm_eps, source.padding).over(arch)


def squeeze(state: State, name: str, inner: int) -> None:
    """Keep the inner channels of a squeeze-excite that read with the largest weights."""
    rows = state[f"{name}.reduce.weight"].flatten(1).pow(2).sum(1).argsort(descending=True)[:inner].sort().values
    for part in ("reduce.weight", "reduce.bias"):
        state[f"{name}.{part}"] = state[f"{name}.{part}"][rows]
    state[f"{name}.expand.weight"] = state[f"{name}.expand.weight"][:, rows]


def torch_pruning() -> Any:
    """It imports torchvision, which beside a CPU build of torch needs operators to be declared that it does not use."""
    for op in ("nms", "qnms"):
        torch.library.define(f"torchvision::{op}", "(Tensor dets, Tensor scores, float threshold) -> Tensor")
    return importlib.import_module("torch_pruning")


tp: Any = torch_pruning()

if __name__ == "__main__":
    main()
