"""Which quick look at a cut tells what it costs once the network is tuned?

    python experiments/netadapt/looks.py --data DATA --source SOURCE

Of a trained MobileNetV3-Large each group of channels is cut to a share of its width, one at a time. What the loss is
after an epoch of gentle tuning is compared, over all cuts, with what quick looks say: nothing but new norm
statistics, a few mini-batches, and least squares behind the cut. Kendall's tau with a 95 % interval from bootstrap
samples of the cuts.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from descents import seen
from scipy.stats import kendalltau

from nas.design.edit import Narrow, cuts, edited, width_of
from nas.design.known import known
from nas.nets.data import load_data
from nas.nets.learner import Learner
from nas.search.ports import Adapt, Train

LEAST = 8  # channels that a cut leaves


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--source", type=Path, required=True, help="weights that photos.py has trained")
    parser.add_argument("--share", type=float, default=0.35)
    parser.add_argument("--epochs", type=float, default=1.0)
    asked = parser.parse_args()
    data = load_data(asked.data, 0)
    arch, learner = known("mobilenet_v3_large-1-224", len(data.classes)), Learner(data, 64)
    out, start = asked.source.with_name("look.safetensors"), asked.source.with_name("start.safetensors")
    widths = [(cut, width_of(arch, cut)) for cut in cuts(arch)]
    edits = [Narrow(cut, max(LEAST, int(width * asked.share) // 8 * 8)) for cut, width in widths if width > LEAST]
    found: dict[str, list[float]] = {}
    for edit in edits:
        child = edited(arch, edit)
        for steps, repair in ((0, False), (8, False), (32, False), (0, True)):
            outcome = learner(Adapt(arch, asked.source, edit, steps, 0, out, "taylor", repair))
            found.setdefault(f"{steps} mini-batches{', repaired' * repair}", []).append(outcome.score.loss)
            if steps == 0 and not repair:
                start.write_bytes(out.read_bytes())
        learner(Train(child, 0, asked.epochs, asked.epochs, 0, out, start, gentle=True))
        losses = [seen(learner, child, out, split)[0] for split in (data.val, data.test)]
        found.setdefault("tuned", []).append(float(torch.cat(losses).mean()))
        print(edit.name, edit.width, {way: round(values[-1], 3) for way, values in found.items()}, flush=True)
    truth, rng = np.array(found.pop("tuned")), np.random.default_rng(0)
    for way, values in found.items():
        looks = np.array(values)
        samples = [rng.integers(len(edits), size=len(edits)) for _ in range(2000)]
        low, high = np.nanquantile([kendalltau(looks[s], truth[s]).statistic for s in samples], (0.025, 0.975))
        print(f"{way}: tau {kendalltau(looks, truth).statistic:.2f} ({low:.2f} to {high:.2f})", flush=True)


if __name__ == "__main__":
    main()
