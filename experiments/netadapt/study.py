"""NetAdapt's two modes on digits: what they cost, what is left, whether cheap looks order proposals as dear ones do.

    python experiments/netadapt/study.py FOLDER [STEPS [SEED]]

V3-Small at 224 px, 3 epochs on digits at 32 px, one thread, to 80 % of its predicted latency, once by each mode: by the
reference with STEPS mini-batches a proposal (default 16), cheaply with none. The latency is a formula, so that nothing
here is a matter of the clock. Then the network found is tuned for 3 epochs. Started again, it goes on; costs are of all
that FOLDER holds.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import cast

import torch
from descents import Ground, Meter, cost_of, seen
from msgspec.structs import replace

from nas.algorithms.pipeline.context import Mode
from nas.design.architecture import Architecture
from nas.design.graph import lower
from nas.design.known import known
from nas.design.op import Conv, Linear
from nas.jobs import Train
from nas.latency.timing import Estimate, PricedPart
from nas.nets.data.dataset import Split, load_data
from nas.nets.worker import Worker

ARCH = known("mobilenet_v3_small-1-32", 10)
GOAL, EPOCHS = 0.8, 3
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
            parts.append(PricedPart(node.name, str(node.op), count, 0, 1e3 * max(count / 20e9, moved / 10e9)))
        return Estimate(sum(part.ms for part in parts), 0.0, tuple(parts))

    def known(self, architecture: Architecture) -> Estimate:
        return self(architecture)

    def ensure(self, architectures: Iterable[Architecture]) -> None:
        pass


def main(folder: Path, steps: int, seed: int) -> None:
    torch.set_num_threads(1)
    learner, meter = Worker(load_data("digits", seed)), Meter(ARCH)
    source = folder / "source.safetensors"
    if not source.exists():
        learner(Train(ARCH, 0, EPOCHS, EPOCHS, seed, source))
    print(f"{steps} mini-batches a proposal, seed {seed}; source {tested(learner, ARCH, source)}", flush=True)
    ground = Ground(ARCH, source, learner, meter, Formula(), steps, 0.01, seed)
    found = {}
    for mode in ("reference", "cheap"):
        each = ground if mode == "reference" else replace(ground, steps=0)
        found[mode] = descend(each, folder / f"{mode}-{each.steps}", cast(Mode, mode))
    for name, index in (("image passes", 0), ("CPU seconds", 1)):
        dear, few = found["reference"][index], found["cheap"][index]
        print(f"{name}: reference {dear:.0f}, cheap {few:.0f}: {dear / few:.1f} times", flush=True)
    ground.ranks(folder / f"reference-{steps}", RANKED, (max(1, steps // 4), steps))


def descend(ground: Ground, folder: Path, mode: Mode) -> tuple[float, float]:
    """Cost of one descent: passes and seconds of CPU."""
    pool, adapted = ground.opened(folder, mode)
    adapted.shrink(GOAL * adapted.current.predicted_ms)
    last = adapted.current
    passes, cpu = cost_of(folder / "descent.json", pool)
    tuned = folder / "tuned.safetensors"
    if not tuned.exists():
        ground.learner(Train(last.architecture, 0, EPOCHS, EPOCHS, ground.seed, tuned, adapted.weights, gentle=True))
    print(
        f"{mode}: {last.step} steps to {last.predicted_ms / adapted.steps[0].predicted_ms:.3f} of the latency, "
        f"{passes:.0f} passes, {cpu:.0f} s of CPU; "
        f"as it is {tested(ground.learner, last.architecture, adapted.weights)}; "
        f"tuned {tested(ground.learner, last.architecture, tuned)}",
        flush=True,
    )
    return passes, cpu


def tested(learner: Worker, arch: Architecture, weights: Path) -> str:
    """Validation and test accuracy at the training resolution."""

    def right(split: Split) -> str:
        losses, correct = seen(learner, arch, weights, split)
        return f"{float(correct.float().mean()):.1%} (loss {float(losses.mean()):.3f})"

    return f"{right(learner.data.val)} on validation, {right(learner.data.test)} on test"


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 16, int(sys.argv[3]) if len(sys.argv) > 3 else 0)
