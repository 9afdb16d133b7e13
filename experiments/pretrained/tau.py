"""Does the sum of a block library's scores rank networks that are put together of it?

    python experiments/pretrained/tau.py RUN --data DATA --share 0.5 --count 30 --tune 0.25

RUN is a folder of `nas search --from` that has trained its library. Networks of equal latency, but for that drawn at
random, are put together and looked at untrained; with `--tune` each is then trained for so many epochs, taught by the
start. Printed is Kendall's tau of what is known before with what is seen after, and its p-value.
"""

import argparse
import random
import time
from pathlib import Path

import torch
from msgspec.structs import replace
from safetensors import safe_open
from scipy.stats import kendalltau

from nas.algorithms.library.choose import Option, choose
from nas.algorithms.pipeline.journal import read_journal
from nas.algorithms.pipeline.records import BlockScores
from nas.design.alternatives import Alternative, alternatives, assembled
from nas.design.known import known
from nas.errors import NasError
from nas.jobs import Assemble, Teacher, Train
from nas.nets.data.dataset import load_data
from nas.nets.weights.recognise import adopted
from nas.nets.weights.weights_file import load_weights
from nas.nets.worker import Worker


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--start", default="efficientnet_lite0")
    parser.add_argument("--weights", type=Path, required=True, help="the pretrained weights that the run began with")
    parser.add_argument("--resolution", type=int, default=96, help="of the library")
    parser.add_argument("--share", type=float, default=0.5, help="of the start's latency at that resolution")
    parser.add_argument("--whole-ms", type=float, required=True, help="the start's latency there, as the run priced it")
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--tune", type=float, default=0.0)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    data, rng = load_data(asked.data, 0), random.Random(0)
    arch = replace(known(asked.start, len(data.classes)), resolution=asked.resolution)
    arch = replace(adopted(asked.weights, asked.start, arch).architecture, classes=len(data.classes))
    arch = replace(arch, resolution=asked.resolution)
    teacher = Teacher(arch, find_teacher(asked.run, arch))
    places = [one for one in read_journal(asked.run / "journal.jsonl") if isinstance(one, BlockScores)]
    named = {one.name: one for group in alternatives(arch) for one in group}
    files = find_pieces(asked.run)
    worker, out = Worker(data), asked.run / "tau.safetensors"
    rows = []
    for number in range(asked.count):
        chosen, score = draw(places, named, (asked.share - 1) * asked.whole_ms, rng)
        library = tuple(files[one.place] for one in chosen)
        job = Assemble(arch, teacher.weights, chosen, library, arch.resolution, out, keep=True)
        looked, began = worker(job), time.perf_counter()
        child = assembled(arch, chosen)
        row = [score, float(child.params), looked.score.loss]
        if asked.tune:
            tuned = Train(child, 0, asked.tune, asked.tune, number, out.with_suffix(".tuned"), out, True, teacher)
            row.append(worker(tuned).score.loss)
        rows.append(row)
        print(number, *(f"{value:.4g}" for value in row), f"{time.perf_counter() - began:.0f} s", flush=True)
    names = ["sum of scores", "parameters", "look untrained", f"after {asked.tune:g} epochs"][: len(rows[0])]
    for first in range(len(names)):
        for second in range(max(2, first + 1), len(names)):
            tau = kendalltau([row[first] for row in rows], [row[second] for row in rows])
            print(f"{names[first]} against loss, {names[second]}: tau {tau.statistic:+.2f}, p {tau.pvalue:.2g}")


def draw(
    places: list[BlockScores], named: dict[str, Alternative], limit_ms: float, rng: random.Random
) -> tuple[tuple[Alternative, ...], float]:
    """A network within the limit whose blocks are preferred at random, and the sum of its scores."""
    options = [[Option(rng.random(), 0.0), *(Option(rng.random(), ms) for ms in place.changes_ms)] for place in places]
    picks = choose(options, limit_ms)
    assert picks is not None
    pairs = [(place, pick - 1) for place, pick in zip(places, picks, strict=True) if pick]
    chosen = tuple(named[place.alternatives[n]] for place, n in pairs)
    return chosen, sum(place.loss_changes[n] for place, n in pairs)


def find_pieces(run: Path) -> dict[str, Path]:
    """The file of every place's alternatives, by what it holds."""
    found = {}
    for path in sorted((run / "library").glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            names = {name.partition(" ")[0] for name in file.keys() if "/" in name}  # noqa: SIM118 - it is no mapping
        found |= dict.fromkeys(names, path)
    return found


def find_teacher(run: Path, arch: object) -> Path:
    """The first file that fits the whole network: the start after its fine-tuning."""
    for path in sorted((run / "library").glob("*.safetensors"), key=lambda one: one.stat().st_mtime):
        try:
            load_weights(path, arch)  # type: ignore[arg-type]
        except NasError:
            continue
        return path
    raise SystemExit(f"{run}/library holds no weights of the start.")


if __name__ == "__main__":
    main()
