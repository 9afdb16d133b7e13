"""Is the network that a search finds better than hand scaling, and than random search, at equal latency?

    python experiments/found_networks/study.py --data DATA --table TABLE --out FOLDER --target-ms 2 --seeds 3

For every seed: shared weights are trained once and asked by the predictor and about random networks; networks are also
trained alone for a few epochs each, as many as cost what the shared weights cost. The winners, and MobileNetV3-Large
and -Small scaled in width to the target, are then trained from scratch alike, the predictor's winner also from its
inherited weights. All searches are within the target by the same table. Every job is journalled: a study that was
stopped goes on.
"""

import argparse
from collections.abc import Collection
from pathlib import Path

import torch
from msgspec import Struct
from msgspec.structs import replace

from nas.algorithms.block_search.block_search import BlockSearch
from nas.algorithms.block_search.latency_band import spread_draws
from nas.algorithms.block_search.prepare import PreparedSearch, prepare_search
from nas.algorithms.evaluators.evaluators import Evaluator
from nas.algorithms.finish.final_training import GENTLE_SHARE, FinalTraining, train_networks
from nas.algorithms.pipeline.context import Context, EvaluatorName, SamplerName, Settings
from nas.algorithms.pipeline.journal import Journal
from nas.algorithms.pipeline.pipeline import SEED_SHARE
from nas.algorithms.workers.job_cache import JobCache, derive
from nas.api.options.setup import open_bench, setup_of
from nas.bench.pricer import Pricer
from nas.design.architecture import Architecture
from nas.design.cost import macs, params
from nas.design.files import write_json
from nas.design.graph import lower
from nas.design.known import known
from nas.design.space import load_space
from nas.latency.table import read_table
from nas.nets.data.dataset import Data, load_data
from nas.nets.data.limit import limited
from nas.nets.network import with_weights
from nas.nets.training.loop import evaluate
from nas.nets.training.recipe import Recipe
from nas.nets.weights.weights_file import load_weights
from nas.nets.worker import Worker
from nas.ship.exporter import Exporter

BASELINES = ("mobilenet_v3_large", "mobilenet_v3_small")


def main() -> None:
    torch.set_num_threads(1)
    asked = arguments()
    data = limited(load_data(asked.data, 0), asked.images, 0)
    study = Study(asked, data)
    for seed in asked.seeds:
        study.shared(seed)
    for seed in asked.seeds:
        study.alone(seed)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", required=True, help="as in `nas train --data`")
    parser.add_argument("--table", type=Path, required=True, help="latency table of the space on this machine")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--target-ms", type=float, default=1.0)
    parser.add_argument("--space", default="mobilenet_v3_small")
    parser.add_argument("--train-resolution", type=int, help="of the first steps of a training")
    parser.add_argument("--images", type=int, default=10**9, help="of the training split at most")
    parser.add_argument("--epochs", type=float, default=15, help="of every final training")
    parser.add_argument("--shared-epochs", type=float, default=8, help="of the shared weights")
    parser.add_argument("--looks", type=int, default=100, help="networks scored with shared weights")
    parser.add_argument("--trials", type=int, default=24, help="networks trained alone")
    parser.add_argument("--trial-epochs", type=float, default=2)
    parser.add_argument("--networks", type=int, default=40, help="of rank.py, trained alone")
    parser.add_argument("--alone-epochs", type=float, default=5)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    return parser.parse_args()


class Row(Struct, frozen=True):
    """A network trained to the end; `hits` says of every test image, in their order, whether it was recognised."""

    name: str
    ending: str
    architecture: Architecture
    test: float
    val: float
    predicted_ms: float
    params: int
    macs: int
    hits: str


class Rows(Struct, frozen=True):
    seed: int
    rows: list[Row]


class Study:
    def __init__(self, asked: argparse.Namespace, data: Data) -> None:
        self.asked, self.data, self.space = asked, data, load_space(asked.space)
        asked.out.mkdir(parents=True, exist_ok=True)
        table = read_table(asked.table)
        bench = open_bench(setup_of(table.header), print)
        self.resolution = table.header.resolution
        self.prices = Pricer(table, bench, asked.table)
        self.ships = Exporter(data, bench, table)
        journal = Journal(asked.out / "work.jsonl")
        learner = Worker(data, Recipe(small=asked.train_resolution))
        self.work = Keeping(asked.out / "weights", journal, lambda jobs: map(learner, jobs))

    def shared(self, seed: int) -> None:
        """Hand scaling, the search with shared weights, and random search with them."""
        rows: list[Row] = []
        for name in BASELINES:
            arch, width = self.scaled(name)
            rows += self.finals(seed, f"{name}-{width:g}", arch, None)
        ctx = self.context(seed, "supernet", "predictor")
        on = prepare_search(ctx, self.space, [ctx])
        evaluator = on.evaluator(ctx)
        found = self.found(ctx, on, evaluator)
        rows += self.finals(seed, "supernet", found, evaluator.weights(found))
        drawn = self.best_of_random(seed, evaluator)
        rows += self.finals(seed, "random", drawn, None)
        write_json(self.asked.out / f"shared-{seed}.json", Rows(seed, rows))

    def alone(self, seed: int) -> None:
        """The search that trains each network alone."""
        ctx = self.context(seed, "train", "tpe")
        on = prepare_search(ctx, self.space, [ctx])
        found = self.found(ctx, on, on.evaluator(ctx))
        rows = self.finals(seed, "train", found, None)
        write_json(self.asked.out / f"alone-{seed}.json", Rows(seed, rows))

    def context(self, seed: int, evaluator: EvaluatorName, sampler: SamplerName) -> Context:
        asked, folder = self.asked, self.asked.out / f"{evaluator}-{sampler}-{seed}"
        folder.mkdir(exist_ok=True)
        shared = evaluator == "supernet"
        settings = Settings(
            command="search", target_ms=asked.target_ms, space=self.space.name, source=None, weights=None,
            data=self.data.name, runtime="onnxruntime", table=asked.table.name, resolution=self.resolution,
            train_resolution=asked.train_resolution, trials=asked.looks if shared else asked.trials,
            trial_epochs=asked.shared_epochs if shared else asked.trial_epochs, epochs=asked.epochs, headroom=1.0,
            delta=0.01, steps=0, objective="constraint", seed=seed, evaluator=evaluator, sampler=sampler,
            batch=4,
            reward_exponent=-0.07,
            pareto=False,
            recipe="modern",
            targets_ms=(),
            budget_s=None,
            images=None,
            importance="l2",
            proposals="channels",
            select="paired",
            sharing="single-path",
            mode="reference",
            ending="both",
            baselines=True,
            aim=1.0,
            resolutions=(),
            auto_resolution=False,
            latency="p50",
        )  # fmt: skip
        return Context(
            folder=folder, settings=settings, class_names=self.data.classes, device="", table="", notes=(),
            data_description=self.data.line,
            journal=Journal(folder / "journal.jsonl"), work=self.work, prices=self.prices, ships=self.ships,
            say=lambda text: print(f"[{folder.name}] {text}", flush=True),
        )  # fmt: skip

    def found(self, ctx: Context, on: PreparedSearch, evaluator: Evaluator) -> Architecture:
        blocks = BlockSearch(ctx, self.space, evaluator, on.drawn)
        blocks.run()
        return blocks.finalists(1)[0].architecture

    def best_of_random(self, seed: int, evaluator: Evaluator) -> Architecture:
        """As many networks as the search scored, drawn at random from the same latencies, scored alike."""
        archs = self.drawn(seed, self.asked.looks)
        looks = evaluator({arch: lambda accuracy, rung: False for arch in archs})
        return max(archs, key=lambda arch: looks[arch][-1].value)

    def drawn(self, seed: int | str, count: int) -> list[Architecture]:
        """Different random networks of the latencies that are searched."""
        low, high = 0.93 * self.asked.target_ms, self.asked.target_ms
        found: dict[Architecture, None] = {}
        for part in range(1000):
            draws = spread_draws(self.space, derive("r", seed, part), self.resolution, len(self.data.classes))
            archs = [arch for _, arch in draws]
            self.prices.ensure(archs)
            found |= dict.fromkeys(arch for arch in archs if low <= self.prices(arch).ms <= high)
            if len(found) >= count:
                break
        return list(found)[:count]

    def scaled(self, name: str) -> tuple[Architecture, float]:
        """The widest that is predicted within the target."""
        widths = [percent / 100 for percent in range(20, 400, 5)]
        archs = [known(f"{name}-{width:.2f}-{self.resolution}", len(self.data.classes)) for width in widths]
        near = [(arch, width) for arch, width in zip(archs, widths, strict=True) if macs(lower(arch)) < 400e6]
        self.prices.ensure([arch for arch, _ in near])
        return max((pair for pair in near if self.prices(pair[0]).ms <= self.asked.target_ms), key=lambda pair: pair[1])

    def finals(self, seed: int, name: str, arch: Architecture, inherited: Path | None) -> list[Row]:
        ctx = self.context(seed, "train", "tpe")
        endings = {"scratch": [FinalTraining(arch, self.asked.epochs)]}
        if inherited is not None:  # as a run does: the seed of NetAdapt, then its ending
            endings["inherited"] = [
                FinalTraining(arch, self.asked.epochs * SEED_SHARE, inherited),
                FinalTraining(arch, self.asked.epochs * GENTLE_SHARE, gentle=True),
            ]
        rows: list[Row] = []
        for ending, courses in endings.items():
            [(outcome, weights)] = train_networks(ctx, name, courses[:1])
            for course in courses[1:]:
                [(outcome, weights)] = train_networks(ctx, name, [replace(course, start=weights)])
            network = with_weights(lower(arch), load_weights(weights, arch).state)
            hits = evaluate(network, self.data.test, arch.resolution).answers
            graph, accuracy = lower(arch), float(hits.float().mean())
            rows.append(
                Row(
                    name, ending, arch, accuracy, outcome.score.accuracy, self.prices(arch).ms,
                    params(graph), macs(graph), "".join(str(int(hit)) for hit in hits),
                )
            )  # fmt: skip
            print(f"seed {seed}: {name} {ending}: test {accuracy:.3f}, {self.prices(arch).ms:.3f} ms", flush=True)
        return rows


class Keeping(JobCache):
    """Keeps all weights: searches that share this work know nothing of each other's."""

    def keep(self, paths: Collection[Path]) -> None:
        pass


if __name__ == "__main__":
    main()
