"""Do untrained looks misjudge a smaller resolution beside narrower layers? Loss changes before and after a fine-tune.

    python experiments/resolution/looks.py DATA --lite0 WEIGHTS.pth --out FOLDER [--steps 60] [--seed 0]

EfficientNet-Lite0 is fine-tuned from its ImageNet weights at the largest useful resolution. For each limit (a share of
its MACs, so that no clock is asked) the proposals of NetAdapt that reach it are looked at untrained, as NetAdapt does,
and the resolution with the best of the others is then fine-tuned for `--steps` mini-batches beside the uncut network.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from msgspec.structs import replace
from scipy.stats import kendalltau

from nas.algorithms.block_search.resolution_choice import largest_useful
from nas.algorithms.netadapt.paired_interval import paired_ci95
from nas.algorithms.netadapt.proposals import propose
from nas.api.start_network import open_network
from nas.design.architecture import Architecture
from nas.design.cost import macs
from nas.design.edits.edit import Edit, describe_edit
from nas.design.edits.resize import Resize
from nas.design.graph import lower
from nas.jobs import Adapt, EvaluateEdits, Outcome, Train
from nas.latency.timing import Estimate
from nas.nets.data.dataset import load_data
from nas.nets.weights.traits import Traits
from nas.nets.worker import Worker, prepare_process

LIMITS = (0.9, 0.8, 0.6)
TUNED = 6  # proposals of a limit that are fine-tuned, beside the resolution


class Macs:
    """Prices in millions of MACs."""

    def __call__(self, architecture: Architecture) -> Estimate:
        """One number."""
        return Estimate(macs(lower(architecture)) / 1e6, 0.0, ())

    def known(self, architecture: Architecture) -> Estimate:
        """The same."""
        return self(architecture)

    def ensure(self, architectures: Iterable[Architecture]) -> None:
        """Nothing has to be measured."""


def main() -> None:
    """Fine-tune the network, then look at and tune the proposals of every limit."""
    asked = _parse()
    prepare_process()
    asked.out.mkdir(parents=True, exist_ok=True)
    data = load_data(asked.data, asked.seed)
    learner = Worker(data)
    network = open_network(str(asked.lite0), None, Traits(), print).architecture
    arch = replace(network, classes=len(data.classes), resolution=largest_useful(data.sides))
    weights = asked.out / f"lite0-{asked.seed}.safetensors"
    if not weights.exists():
        trained = learner(Train(arch, 0, 2, 2, asked.seed, weights, asked.lite0, gentle=True))
        print(f"{arch.resolution} px: {trained.score.accuracy:.1%} after two epochs", flush=True)
    for limit in LIMITS:
        _compare(learner, arch, weights, limit, asked)


def _compare(learner: Worker, arch: Architecture, weights: Path, limit: float, asked: argparse.Namespace) -> None:
    prices = Macs()
    proposed = propose(arch, limit * prices(arch).ms, prices, "channels", 0.0, resize=True)
    edits = tuple(one.edit for one in proposed)
    looked = learner(EvaluateEdits(arch, weights, edits, asked.out / "looked", "taylor", repair=True))
    ranked = sorted(zip(edits, looked.edits, strict=True), key=lambda pair: pair[1].score.loss)
    resized = [pair for pair in ranked if isinstance(pair[0], Resize)]
    chosen = [*resized, *[pair for pair in ranked if pair not in resized][:TUNED]]
    control = _tuned(learner, arch, weights, None, asked)
    rows = [
        (
            edit,
            *paired_ci95(np.array(look.losses), np.array(looked.losses)),
            _tuned(learner, arch, weights, edit, asked),
        )
        for edit, look in chosen
    ]
    print(f"\nto {limit:.0%} of the MACs; untrained loss {looked.score.loss:.3f}, tuned {control.score.loss:.3f}")
    after = [paired_ci95(np.array(end.losses), np.array(control.losses)) for *_, end in rows]
    for (edit, change, ci, end), (tuned, tuned_ci) in zip(rows, after, strict=True):
        print(
            f"{describe_edit(arch, edit):<36} untrained {change:+.3f} ({ci[0]:+.3f} to {ci[1]:+.3f})  "
            f"tuned {tuned:+.3f} ({tuned_ci[0]:+.3f} to {tuned_ci[1]:+.3f}), {end.score.accuracy:.1%}",
            flush=True,
        )
    tau = kendalltau([row[1] for row in rows], [tuned for tuned, _ in after]).statistic
    print(f"Kendall's tau of untrained and tuned: {tau:.2f}", flush=True)


def _tuned(learner: Worker, arch: Architecture, weights: Path, edit: Edit | None, asked: argparse.Namespace) -> Outcome:
    out = asked.out / "tuned.safetensors"
    return learner(Adapt(arch, weights, edit, asked.steps, asked.seed, out, "taylor", repair=True))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--lite0", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
