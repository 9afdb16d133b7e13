"""Does refitting the layer behind a cut by least squares pay, once the network is tuned?

    python experiments/netadapt/repair.py --data DATA --source SOURCE --seed 0

All expansions of a trained MobileNetV3-Large are cut to a share of their width, by Taylor importance. Block by block,
the projection is then fitted by ridge regression so that on training images it gives what it gave before the cut (He
et al. 2017, "Channel pruning", section 3.1). With and without: the loss after nothing but new norm statistics, after a
few mini-batches as in a step of NetAdapt, and after epochs of gentle tuning.
"""

import argparse
from pathlib import Path

import torch
from descents import seen
from torch import Tensor

from nas.design.architecture import Architecture
from nas.design.edits.edit import CutInner, apply, cuts, width_of
from nas.design.graph import lower
from nas.design.known import known
from nas.jobs import Adapt, Train
from nas.nets.data.dataset import load_data
from nas.nets.network import Network, with_weights
from nas.nets.pruning.importance import sample, taylor
from nas.nets.pruning.inherit import inherit
from nas.nets.training.batches import inputs
from nas.nets.weights.weights_file import State, load_weights, save_weights, state_of
from nas.nets.worker import Worker

IMAGES, ROWS, RIDGE = 512, 16384, 1e-3


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--source", type=Path, required=True, help="weights that photos.py has trained")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.75, 0.5])
    parser.add_argument("--epochs", type=float, nargs="+", default=[1.0, 4.0])
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    data = load_data(asked.data, 0)
    arch, learner = known("mobilenet_v3_large-1-64", len(data.classes)), Worker(data)
    state = load_weights(asked.source, arch).state
    parent = with_weights(lower(arch), state)
    scores = taylor(parent, sample(data.train, 64, 32))
    images = inputs(data.train.images[torch.randperm(len(data.train))[:IMAGES]], 64)
    for share in asked.shares:
        child = narrowed(arch, share)
        cut = inherit(lower(arch), lower(child), state, scores)
        ways = {"as it is": cut, "repaired": repaired(parent, with_weights(lower(child), cut), images)}
        for way, start in ways.items():
            # A file of weights is known by its name: no two starts have one.
            path, out = asked.source.with_name(f"{share:g} {way}.start"), asked.source.with_name("repair.out")
            save_weights(path, start)
            told = []
            for steps in (0, 8):
                learner(Adapt(child, path, None, steps, asked.seed, out))
                told.append(f"{steps} mini-batches {losses(learner, child, out)}")
            for epochs in asked.epochs:
                learner(Train(child, 0, epochs, epochs, asked.seed, out, path, gentle=True))
                told.append(f"{epochs:g} epochs {losses(learner, child, out)}")
            print(f"seed {asked.seed}, {share:.0%} of the expansions, {way}: {'; '.join(told)}", flush=True)


def narrowed(arch: Architecture, share: float) -> Architecture:
    for cut in cuts(arch):
        width = width_of(arch, cut)
        if isinstance(cut, CutInner) and (least := max(8, int(width * share) // 8 * 8)) < width:
            arch = apply(arch, cut, least)
    return arch


@torch.inference_mode()
def repaired(parent: Network, child: Network, images: Tensor) -> State:
    """The state of `child`, its projections fitted one after the other."""
    parent.eval()
    child.eval()
    for node in child.graph.nodes:
        if node.name.endswith("_project"):
            before, after = (network.get_submodule(f"{node.name}.conv") for network in (parent, child))
            _, wanted = passed(parent, before, images)
            given, _ = passed(child, after, images)
            picked = torch.randperm(len(given), generator=torch.Generator().manual_seed(0))[:ROWS]
            x, y = given[picked].double(), wanted[picked].double()
            square = x.T @ x
            square += RIDGE * square.diagonal().mean() * torch.eye(len(square), dtype=square.dtype)
            # Towards the weights as they are: what the images do not tell stays.
            old = after.weight.flatten(1).T.double()
            fitted = old + torch.linalg.solve(square, x.T @ (y - x @ old))
            after.weight.copy_(fitted.T.float()[:, :, None, None])
    return state_of(child)


def passed(network: Network, layer: torch.nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """What a layer is given, and what it makes of it: a row a pixel."""
    rows: list[tuple[Tensor, Tensor]] = []

    def note(_: torch.nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
        rows.append((given[0].movedim(1, -1).flatten(0, -2), made.movedim(1, -1).flatten(0, -2)))

    hook = layer.register_forward_hook(note)
    network(images)
    hook.remove()
    return rows[0]


def losses(learner: Worker, arch: Architecture, weights: Path) -> str:
    judged = seen(learner, arch, weights, learner.data.test)
    loss, hits = judged.losses, judged.answers
    return f"{float(loss.mean()):.3f} ({float(hits.float().mean()):.1%})"


if __name__ == "__main__":
    main()
