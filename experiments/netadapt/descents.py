"""Descents of NetAdapt outside a run: what they cost in image passes and seconds; a stopped one goes on."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any, cast

from msgspec import Struct
from scipy.stats import kendalltau
from torch import Tensor

from nas.algorithms.netadapt.loop import NetAdapt
from nas.algorithms.netadapt.proposal_evaluation import Look, Tuning
from nas.algorithms.netadapt.proposals import Proposed
from nas.algorithms.pipeline.context import Context, Mode, ProposalKinds, Settings
from nas.algorithms.pipeline.journal import Journal
from nas.algorithms.pipeline.records import Proposal, Step
from nas.algorithms.workers.job_cache import JobCache, job_key
from nas.design.architecture import Architecture
from nas.design.cost import macs, op_macs
from nas.design.graph import lower
from nas.interfaces import Deployer, LatencyModel
from nas.jobs import Job, Outcome, Train
from nas.nets.data.dataset import Split
from nas.nets.network import Network, with_weights
from nas.nets.tasks.task import Judged
from nas.nets.training.batches import placed
from nas.nets.training.loop import evaluate
from nas.nets.weights.weights_file import load_weights
from nas.nets.worker import Worker


class Meter:
    """Images passed through networks, in passes through the seed: by share of its MACs, threefold where it learns."""

    def __init__(self, seed: Architecture) -> None:
        self.passes, self._whole, inner = 0.0, macs(lower(seed)), Network.run

        def run(network: Network, values: Sequence[Tensor], first: int, stop: int) -> Tensor:
            share = sum(op_macs(node.op) for node in network.graph.nodes[first:stop]) / self._whole
            self.passes += len(values[0]) * share * (3 if network.training else 1)
            return inner(network, values, first, stop)

        Network.run = run  # type: ignore[method-assign]


class Pool:
    """This process; what every job costs goes to `costs.json`, by key of the job."""

    def __init__(self, folder: Path, learner: Worker, meter: Meter) -> None:
        self.path, self.learner, self.meter = folder / "costs.json", learner, meter
        self.costs = json.loads(self.path.read_text()) if self.path.exists() else {}

    def __call__(self, jobs: Sequence[Job]) -> Iterable[Outcome]:
        for job in jobs:
            passes, cpu = self.meter.passes, time.process_time()
            outcome = self.learner(job)
            self.costs[job_key(job)] = self.meter.passes - passes, time.process_time() - cpu
            self.path.write_text(json.dumps(self.costs))
            yield outcome


class Ground(Struct, frozen=True):
    """What the descents of a study share. `steps` are mini-batches a proposal, `delta` a share of the latency."""

    arch: Architecture
    source: Path
    learner: Worker
    meter: Meter
    prices: LatencyModel
    steps: int
    delta: float
    seed: int
    noise: float = 0.0
    proposals: ProposalKinds = "channels"

    def opened(self, folder: Path, mode: Mode) -> tuple[Pool, NetAdapt]:
        """A descent, where it stands."""
        folder.mkdir(parents=True, exist_ok=True)
        data = self.learner.data
        journal, pool = Journal(folder / "journal.jsonl"), Pool(folder, self.learner, self.meter)
        settings = Settings(
            command="netadapt", target_ms=1.0, space=None, source="seed", weights=None, data=data.name, runtime="none",
            table="", resolution=self.arch.resolution, train_resolution=self.learner.recipe.small, trials=0,
            trial_epochs=0, epochs=0, headroom=None, delta=self.delta, steps=self.steps, objective="constraint",
            seed=self.seed, importance="taylor", mode=mode,
            proposals=self.proposals,
            evaluator="train",
            sampler="tpe",
            batch=4,
            reward_exponent=-0.07,
            pareto=False,
            recipe="modern",
            targets_ms=(),
            budget_s=None,
            images=None,
            select="paired",
            sharing="single-path",
            ending="both",
            baselines=True,
            aim=1.0,
            resolutions=(),
            auto_resolution=False,
            latency="p50",
        )  # fmt: skip
        ctx = Context(
            folder=folder, settings=settings, class_names=data.classes, device="none", table="", notes=(),
            data_description=data.line, journal=journal,
            work=JobCache(folder / "weights", journal, cast(Any, pool)), prices=self.prices,
            ships=cast(Deployer, None), say=lambda message: print(message, flush=True), noise=self.noise,
        )  # fmt: skip
        first = journal.find(Step, "step-0")
        if first is None:
            outcome, weights = ctx.work.one(Train(self.arch, 0, 0, 1, 0, Path(), self.source))
            price_ms = self.prices(self.arch).ms
            first = Step("step-0", 0, "seed", self.arch, price_ms, outcome.score, weights.name)
            journal.add(first)
        return pool, NetAdapt(ctx, first)

    def ranks(self, folder: Path, numbers: Sequence[int], others: Sequence[int]) -> None:
        """Kendall's tau of loss per millisecond with that after all mini-batches, at some steps of a reference.

        Of proposals as screened, and after each number of mini-batches in `others`, on another sample.
        """
        _, adapted = self.opened(folder, "reference")
        accepted = adapted.ctx.journal.all(Step)
        taus: dict[str, list[float]] = {}
        for number in numbers:
            if number >= len(accepted):
                continue
            parent = accepted[number - 1]
            dear = [one for one in adapted.ctx.journal.all(Proposal) if one.step == number]
            proposed = [Proposed(one.edit, one.architecture, one.predicted_ms) for one in dear if one.edit]
            tuning = Tuning(adapted.ctx, number, parent)
            ways: dict[str, Callable[[], dict[str, Look]]] = {
                "screened": lambda t=tuning, p=proposed: t.screened(p),
                **{
                    f"{count} mini-batches of another sample": lambda t=tuning, p=proposed, c=count: t.tuned(p, c, 1)
                    for count in others
                },
            }
            for way, look in ways.items():
                looks = look()
                cheap = [tuning.proposal(one, [looks[one.edit.name]]) for one in proposed if one.edit.name in looks]
                rates = [[_rate(one, parent) for one in ones] for ones in (cheap, dear)]
                best = min(dear, key=lambda one: _rate(one, parent)).key
                order = sorted(cheap, key=lambda one: _rate(one, parent))
                place = order.index(next(c for c in cheap if c.key == best)) + 1
                tau = float(kendalltau(*rates).statistic)
                taus.setdefault(way, []).append(tau)
                print(f"step {number}, {way}: tau {tau:.2f}, the best is number {place} of {len(dear)}", flush=True)
        print("; ".join(f"{way}: mean tau {mean(found):.2f}" for way, found in taus.items()), flush=True)


def cost_of(path: Path, pool: Pool) -> tuple[float, float]:
    """Passes and CPU seconds until a descent ended; what the same folder is used for later does not count."""
    if not path.exists():
        path.write_text(json.dumps([sum(cost[i] for cost in pool.costs.values()) for i in (0, 1)]))
    passes, cpu = json.loads(path.read_text())
    return passes, cpu


def seen(learner: Worker, arch: Architecture, weights: Path, split: Split) -> Judged:
    """Loss and answer of every image, at the network's resolution."""
    network = placed(with_weights(lower(arch), load_weights(weights, arch).state))
    return evaluate(network, split, arch.resolution)


def _rate(proposal: Proposal, parent: Step) -> float:
    return proposal.loss_change / (parent.predicted_ms - proposal.predicted_ms)
