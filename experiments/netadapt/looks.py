"""Which quick look at a cut tells what it costs once the network is tuned?

    python experiments/netadapt/looks.py --data DATA --source SOURCE

Of a trained MobileNetV3-Large each group of channels is cut to a share of its width, one at a time. What the loss is
after an epoch of gentle tuning is compared, over all cuts, with what quick looks say: nothing but new norm statistics,
a few mini-batches of each cut or of all together, in each the channels of a random one masked, and least squares behind
the cut, on all or some of the images to decide by. Kendall's tau with a 95 % interval from bootstrap samples of cuts.
"""

import argparse
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from descents import seen
from scipy.stats import kendalltau
from torch import Tensor

from nas.design.architecture import Architecture
from nas.design.channels import ChannelGroup
from nas.design.edits.edit import Narrow, cuts, edited, width_of
from nas.design.graph import lower
from nas.design.known import known
from nas.jobs import Adapt, Train
from nas.nets.data.dataset import load_data
from nas.nets.network import with_weights
from nas.nets.pruning.importance import Importance, sample, taylor
from nas.nets.pruning.inherit import inherit
from nas.nets.supernet.supernet import SinglePath, SupernetEvaluator, share
from nas.nets.training.batches import placed
from nas.nets.training.loop import TrainingRun
from nas.nets.training.optim import optimiser_of
from nas.nets.weights.weights_file import load_weights, save_weights, state_of
from nas.nets.worker import Worker

LEAST = 8  # channels that a cut leaves
REPAIRED = "repaired"


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--source", type=Path, required=True, help="weights that photos.py has trained")
    parser.add_argument("--share", type=float, default=0.35)
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--masked", type=int, nargs="*", default=[40, 160], help="mini-batches of all cuts together")
    parser.add_argument("--images", type=int, nargs="*", default=[128, 256, 512], help="of those to decide by")
    asked = parser.parse_args()
    data = load_data(asked.data, 0)
    arch, learner = known("mobilenet_v3_large-1-64", len(data.classes)), Worker(data)
    out, start = asked.source.with_name("look.safetensors"), asked.source.with_name("start.safetensors")
    widths = [(cut, width_of(arch, cut)) for cut in cuts(arch)]
    edits = [Narrow(cut, max(LEAST, int(width * asked.share) // 8 * 8)) for cut, width in widths if width > LEAST]
    children = [edited(arch, edit) for edit in edits]
    masked = {steps: trained_together(learner, arch, asked.source, children, steps) for steps in asked.masked}
    found: dict[str, list[float]] = {}
    for edit, child in zip(edits, children, strict=True):
        for steps, way in ((0, "new norm statistics"), (8, "8 mini-batches"), (32, "32 mini-batches"), (0, REPAIRED)):
            outcome = learner(Adapt(arch, asked.source, edit, steps, 0, out, "taylor", way == REPAIRED))
            found.setdefault(way, []).append(outcome.score.loss)
            if way == "new norm statistics":
                start.write_bytes(out.read_bytes())
        for images in asked.images:
            every = np.linspace(0, len(outcome.losses) - 1, images).astype(int)
            found.setdefault(f"{REPAIRED}, {images} images", []).append(float(np.array(outcome.losses)[every].mean()))
        for steps, evaluate in masked.items():
            found.setdefault(f"{steps} masked mini-batches", []).append(evaluate(child).score.loss)
        learner(Train(child, 0, asked.epochs, asked.epochs, 0, out, start, gentle=True))
        losses = [seen(learner, child, out, split).losses for split in (data.val, data.test)]
        found.setdefault("tuned", []).append(float(torch.cat(losses).mean()))
        print(edit.name, edit.width, {way: round(values[-1], 3) for way, values in found.items()}, flush=True)
    truth, whole = found.pop("tuned"), found[REPAIRED]
    for way, values in found.items():
        nearness = f"; with {REPAIRED} {tau(values, whole)}" if way.startswith(f"{REPAIRED},") else ""
        print(f"{way}: tau {tau(values, truth)}{nearness}", flush=True)


def tau(values: list[float], others: list[float]) -> str:
    """Kendall's tau and its interval."""
    one, other, rng = np.array(values), np.array(others), np.random.default_rng(0)
    samples = [rng.integers(len(one), size=len(one)) for _ in range(2000)]
    low, high = np.nanquantile([kendalltau(one[s], other[s]).statistic for s in samples], (0.025, 0.975))
    return f"{kendalltau(one, other).statistic:.2f} ({low:.2f} to {high:.2f})"


def trained_together(
    learner: Worker, arch: Architecture, source: Path, children: list[Architecture], steps: int
) -> SupernetEvaluator:
    """All cuts trained in one run: with its channels in the order of their importance, each is a leading part."""
    state, recipe, data = load_weights(source, arch).state, learner.recipe, learner.data
    scores = taylor(with_weights(lower(arch), state), sample(data.train, arch.resolution, recipe.batch))
    with patch("nas.nets.pruning.inherit._largest", by_importance):
        network = placed(with_weights(lower(arch), inherit(lower(arch), lower(arch), state, ButOfClasses(scores))))
    course = TrainingRun(0, steps, steps, recipe.gentle_rate, arch.resolution, 0, data.photos)
    one_of_all = SinglePath(lambda rng: rng.choice(children))
    share(network, optimiser_of(network, recipe), one_of_all, data.train, course, recipe)
    path = source.with_name(f"masked-{steps}.safetensors")
    save_weights(path, state_of(network))
    return SupernetEvaluator(path, arch, data, recipe)


class ButOfClasses:
    """The importance of channels; classes stay in their order."""

    def __init__(self, scores: Importance) -> None:
        self.scores, self.rows = scores, scores.rows

    def channels(self, group: ChannelGroup) -> Tensor:
        classes = "head_classifier" in group.producers
        return torch.zeros(group.width) if classes else self.scores.channels(group)


def by_importance(scores: Tensor, count: int) -> Tensor:
    """All channels, the most important first."""
    return scores.argsort(descending=True, stable=True)[:count]


if __name__ == "__main__":
    main()
