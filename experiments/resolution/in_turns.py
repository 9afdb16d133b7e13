"""Exported files of several ways, timed in turns with each other and scored on the same test images.

    python experiments/resolution/in_turns.py DATA LINES.jsonl NAME=MODEL.onnx ... --seed S --whole NETWORK

Every file is a line of LINES.jsonl: its milliseconds, its time as a share of that of the network --whole, spelt as for
`nas price`, which is timed in the same turns with random weights, and which test
images it recognises. Files that say no mean and deviation take ImageNet's. Lines of the same name and seed are
replaced.
"""

import argparse
import json
import random
from pathlib import Path

import numpy as np
import onnx
import torch
from msgspec import Struct
from msgspec import json as coder

from nas.api.options.setup import Setup, open_bench
from nas.bench.bench import Item
from nas.bench.measure import READINGS, measurement
from nas.bench.rounds import Schedule, take_rounds
from nas.design.graph import lower
from nas.design.known import known
from nas.latency.timing import Measurement
from nas.nets.data.dataset import Split, load_data
from nas.nets.network import rescale, rescaling
from nas.nets.training.batches import inputs
from nas.runtimes.onnx_runtime import OnnxRuntime

ROUNDS = 45
BATCH = 50  # images that are resized at once; the files take one


class Line(Struct, frozen=True):
    """A file: milliseconds now and as a share of the whole network's, half the range of thirds of the rounds, hits."""

    name: str
    seed: int
    resolution: int
    ms: float
    share: float
    floor: float
    test: float
    hits: str


def main() -> None:
    asked = parse()
    files = dict(text.split("=", 1) for text in asked.files)
    models = {name: Path(file).read_bytes() for name, file in files.items()}
    split = load_data(asked.data, asked.seed).test
    whole, *times = clock([*models.values()], asked.whole, len(split.labels.unique()))
    found = [line(name, asked.seed, models[name], Path(files[name]), time, whole, split)
             for name, time in zip(models, times, strict=True)]  # fmt: skip
    old = read_lines(asked.out)
    fresh = {(one.name, one.seed) for one in found}
    kept = [one for one in old if (one.name, one.seed) not in fresh]
    asked.out.write_bytes(b"".join(coder.encode(one) + b"\n" for one in [*kept, *found]))
    print(f"{asked.whole}: {whole.measured_ms:.2f} ms")
    for one in found:
        print(f"{one.name}: {one.resolution} px, {one.ms:.2f} ms, {one.share:.3f}, test {one.test:.1%}")


def clock(models: list[bytes], whole: str, classes: int) -> list[Measurement]:
    """The whole network, then the models, in turns; `nominal_ms` is relative to the bench's reference network."""
    bench = open_bench(Setup(), print)
    items = [Item(lower(known(whole, classes)), READINGS), *(Item(model, READINGS) for model in models)]
    with bench.open() as session:
        session.add(items)
        rounds = take_rounds(session, len(items), Schedule(ROUNDS, ROUNDS), random.Random(0))
    return [measurement(rounds, number, bench.runtime.name, 1.0) for number in range(len(items))]


def line(
    name: str, seed: int, model: bytes, path: Path, time: Measurement, whole: Measurement, split: Split
) -> Line:  # fmt: skip
    resolution, hits = score(model, path, split)
    return Line(
        name=name,
        seed=seed,
        resolution=resolution,
        ms=time.measured_ms,
        share=time.settled_ms / whole.settled_ms,
        floor=time.floor_ms / time.measured_ms,
        test=float(np.mean(hits)),
        hits="".join("1" if hit else "0" for hit in hits),
    )


def score(model: bytes, path: Path, split: Split) -> tuple[int, list[bool]]:
    """The resolution that a file takes, and which images it recognises."""
    proto = onnx.load_model_from_string(model)
    said = {one.key: one.value for one in proto.metadata_props}
    resolution = proto.graph.input[0].type.tensor_type.shape.dim[-1].dim_value
    change = rescaling(json.loads(said["mean"]), json.loads(said["std"])) if "mean" in said else None
    session, hits = OnnxRuntime().load(path), []
    for start in range(0, len(split), BATCH):
        images = inputs(split.images[start : start + BATCH], resolution)
        images = rescale(images, *change) if change else images
        labels = split.labels[start : start + BATCH]
        logits = [session(image[None].contiguous().numpy())[0] for image in images]
        hits += (torch.from_numpy(np.stack(logits)).argmax(1) == labels).tolist()
    return resolution, hits


def read_lines(path: Path) -> list[Line]:
    return [coder.decode(one, type=Line) for one in path.read_bytes().splitlines()] if path.exists() else []


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("out", type=Path)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--whole", default="efficientnet_lite0-1-224")
    return parser.parse_args()


if __name__ == "__main__":
    main()
