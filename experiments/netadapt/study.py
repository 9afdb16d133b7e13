"""NetAdapt's two modes: what they cost, what is left, and whether cheap looks order proposals as dear ones do.

    python experiments/netadapt/study.py FOLDER [STEPS [SEED]]

V3-Small at 224 px, 3 epochs on digits at 32 px, one thread, to 80 % of its predicted latency, once by each mode, with
STEPS mini-batches a proposal (default 16). The latency is a formula, so that nothing here is a matter of the clock.
Then the network found is tuned for 3 epochs. Started again, it goes on; costs are of all that FOLDER holds.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any, cast

import torch
from scipy.stats import kendalltau
from torch import Tensor

from nas.design.architecture import Architecture
from nas.design.cost import macs, op_macs
from nas.design.edit import Narrow, cuts, width_of
from nas.design.known import known
from nas.design.op import Conv, Linear
from nas.design.plan import lower
from nas.latency.timing import Estimate, Part
from nas.nets.build import Network, with_weights
from nas.nets.data import Split, load_data
from nas.nets.learner import Learner
from nas.nets.train import evaluate
from nas.nets.weights import load_weights
from nas.search.context import Context, Mode, Settings
from nas.search.journal import Journal
from nas.search.netadapt import NetAdapt
from nas.search.ports import Job, Outcome, Ships, Train
from nas.search.proposals import Proposed
from nas.search.records import Proposal, Step
from nas.search.tuning import Look, Tuning
from nas.search.work import Work, job_key

ARCH = known("mobilenet_v3_small-1-224", 10)
GOAL, SIDE, EPOCHS = 0.8, 32, 3
RANKED = (1, 3, 5)  # steps of the reference at which the orders are compared


class Formula:
    """20 G MACs a second with channels in blocks of 8, or 10 G numbers read and written, whichever takes longer."""

    def __call__(self, architecture: Architecture) -> Estimate:
        parts = []
        for node in lower(architecture).nodes:
            if not isinstance(node.op, Conv | Linear):
                continue
            into, out = (-(-width // 8) * 8 for width in (node.op.in_width, node.op.out_width))
            size = node.op.out_size**2 if isinstance(node.op, Conv) else 1
            depthwise = isinstance(node.op, Conv) and node.op.depthwise
            taps = node.op.kernel**2 if isinstance(node.op, Conv) else 1
            count = taps * size * out * (1 if depthwise else into)
            moved = size * (into + out) + taps * out * (1 if depthwise else into)
            parts.append(Part(node.name, str(node.op), count, 0, 1e3 * max(count / 20e9, moved / 10e9)))
        return Estimate(sum(part.ms for part in parts), 0.0, tuple(parts))

    def known(self, architecture: Architecture) -> Estimate:
        return self(architecture)

    def ensure(self, architectures: Iterable[Architecture]) -> None:
        pass


class Meter:
    """Images passed through networks, in passes through the seed: by share of its MACs, threefold where it learns."""

    def __init__(self) -> None:
        self.passes, self._whole, inner = 0.0, macs(lower(ARCH)), Network.run

        def run(network: Network, values: Sequence[Tensor], first: int, stop: int) -> Tensor:
            share = sum(op_macs(node.op) for node in network.plan.nodes[first:stop]) / self._whole
            self.passes += len(values[0]) * share * (3 if network.training else 1)
            return inner(network, values, first, stop)

        Network.run = run  # type: ignore[method-assign]


class Pool:
    """This process; what every job costs goes to `costs.json`, by key of the job."""

    def __init__(self, folder: Path, learner: Learner, meter: Meter) -> None:
        self.path, self.learner, self.meter = folder / "costs.json", learner, meter
        self.costs = json.loads(self.path.read_text()) if self.path.exists() else {}

    def __call__(self, jobs: Sequence[Job]) -> Iterable[Outcome]:
        for job in jobs:
            passes, cpu = self.meter.passes, time.process_time()
            outcome = self.learner(job)
            self.costs[job_key(job)] = self.meter.passes - passes, time.process_time() - cpu
            self.path.write_text(json.dumps(self.costs))
            yield outcome


def main(folder: Path, steps: int, seed: int) -> None:
    torch.set_num_threads(1)
    learner, meter = Learner(load_data("digits", seed), SIDE), Meter()
    source = folder / "source.safetensors"
    if not source.exists():
        learner(Train(ARCH, 0, EPOCHS, EPOCHS, seed, source))
    print(f"{steps} mini-batches a proposal, seed {seed}; source {tested(learner, ARCH, source)}", flush=True)
    found = {}
    for mode in ("reference", "cheap"):
        found[mode] = descend(folder / f"{mode}-{steps}", cast(Mode, mode), steps, seed, learner, meter)
    for name, index in (("image passes", 0), ("CPU seconds", 1)):
        dear, few = found["reference"][index], found["cheap"][index]
        print(f"{name}: reference {dear:.0f}, cheap {few:.0f}: {dear / few:.1f} times", flush=True)
    ranks(folder / f"reference-{steps}", steps, seed, learner, meter)


def descend(folder: Path, mode: Mode, steps: int, seed: int, learner: Learner, meter: Meter) -> tuple[float, float]:
    """Cost of one descent: passes and seconds of CPU."""
    pool, adapted = opened(folder, mode, steps, seed, learner, meter)
    goal_ms = GOAL * adapted.current.predicted_ms
    adapted.shrink(goal_ms)
    last = adapted.current
    passes, cpu = cost_of(folder / "descent.json", pool)
    tuned = folder / "tuned.safetensors"
    if not tuned.exists():
        learner(Train(last.architecture, 0, EPOCHS, EPOCHS, seed, tuned, adapted.weights, gentle=True))
    print(
        f"{mode}: {last.step} steps to {last.predicted_ms / adapted.steps[0].predicted_ms:.3f} of the latency, "
        f"{passes:.0f} passes, {cpu:.0f} s of CPU; as it is {tested(learner, last.architecture, adapted.weights)}; "
        f"tuned {tested(learner, last.architecture, tuned)}",
        flush=True,
    )
    return passes, cpu


def cost_of(path: Path, pool: Pool) -> tuple[float, float]:
    """Of all jobs until the descent ended; what is compared later in the same folder does not count."""
    if not path.exists():
        path.write_text(json.dumps([sum(cost[i] for cost in pool.costs.values()) for i in (0, 1)]))
    passes, cpu = json.loads(path.read_text())
    return passes, cpu


def opened(folder: Path, mode: Mode, steps: int, seed: int, learner: Learner, meter: Meter) -> tuple[Pool, NetAdapt]:
    folder.mkdir(parents=True, exist_ok=True)
    journal, pool = Journal(folder / "journal.jsonl"), Pool(folder, learner, meter)
    settings = Settings(
        command="netadapt", target_ms=1.0, space=None, source="v3-small", weights=None, data="digits", runtime="none",
        table="formula", resolution=224, train_resolution=SIDE, trials=0, trial_epochs=0, epochs=EPOCHS, headroom=None,
        delta=0.01, steps=steps, objective="constraint", seed=seed, importance="taylor", mode=mode,
    )  # fmt: skip
    ctx = Context(
        folder=folder, settings=settings, class_names=tuple("0123456789"), device="none", table="formula", notes=(),
        journal=journal, work=Work(folder / "weights", journal, cast(Any, pool)), prices=Formula(),
        ships=cast(Ships, None), say=lambda message: print(message, flush=True),
    )  # fmt: skip
    first = journal.find(Step, "step-0")
    if first is None:
        source = Train(ARCH, 0, 0, EPOCHS, 0, Path(), folder.parent / "source.safetensors")
        outcome, weights = ctx.work.one(source)
        first = Step("step-0", 0, "seed", ARCH, Formula()(ARCH).ms, outcome.score, weights.name)
        journal.add(first)
    return pool, NetAdapt(ctx, first)


def ranks(folder: Path, steps: int, seed: int, learner: Learner, meter: Meter) -> None:
    """Kendall's tau of loss per millisecond with that after all mini-batches, at some parents of the reference."""
    _, adapted = opened(folder, "reference", steps, seed, learner, meter)
    accepted = adapted.ctx.journal.all(Step)
    taus: dict[str, list[float]] = {}
    for number in RANKED:
        if number >= len(accepted):
            continue
        parent = accepted[number - 1]
        dear = [one for one in adapted.ctx.journal.all(Proposal) if one.step == number]
        proposed = [Proposed(edit_of(adapted, parent, one), one.architecture, one.predicted_ms) for one in dear]
        tuning = Tuning(adapted.ctx, number, parent)
        ways: dict[str, Callable[[], dict[str, Look]]] = {
            "screened": lambda t=tuning, p=proposed: t.screened(p),
            f"{max(1, steps // 4)} steps": lambda t=tuning, p=proposed: t.tuned(p, max(1, steps // 4)),
            f"{steps} steps, another sample": lambda t=tuning, p=proposed: t.tuned(p, steps, 1),
        }
        for way, look in ways.items():
            looks = look()
            cheap = [tuning.proposal(one, [looks[one.edit.name]]) for one in proposed if one.edit.name in looks]
            rates = [[rate(one, parent) for one in ones] for ones in (cheap, dear)]
            best = min(dear, key=lambda one: rate(one, parent)).key
            place = sorted(cheap, key=lambda one: rate(one, parent)).index(next(c for c in cheap if c.key == best)) + 1
            tau = float(kendalltau(*rates).statistic)
            taus.setdefault(way, []).append(tau)
            print(f"step {number}, {way}: tau {tau:.2f}, the best is number {place} of {len(dear)}", flush=True)
    print("; ".join(f"{way}: mean tau {mean(found):.2f}" for way, found in taus.items()), flush=True)


def edit_of(adapted: NetAdapt, parent: Step, proposal: Proposal) -> Any:
    """The edit that leads from a parent to a proposal's network."""
    cut = next(cut for cut in cuts(parent.architecture) if proposal.key.endswith(f"-{cut.name}"))
    return Narrow(cut, width_of(proposal.architecture, cut))


def rate(proposal: Proposal, parent: Step) -> float:
    return proposal.loss_change / (parent.predicted_ms - proposal.predicted_ms)


def tested(learner: Learner, arch: Architecture, weights: Path) -> str:
    """Validation and test accuracy at the training resolution."""
    network = with_weights(lower(arch), load_weights(weights, arch).state)

    def right(split: Split) -> str:
        losses, correct = evaluate(network, split, SIDE)
        return f"{float(correct.float().mean()):.1%} (loss {float(losses.mean()):.3f})"

    return f"{right(learner.data.val)} on validation, {right(learner.data.test)} on test"


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 16, int(sys.argv[3]) if len(sys.argv) > 3 else 0)
