"""Is what ships as accurate as what was trained? The exported file's validation accuracy beside the trained network's.

    python experiments/resolution/shipped.py DATA --lite0 WEIGHTS.pth --out LINES.jsonl [--seeds 0 1 2] [--images 2000]

For every seed MobileNetV3-Small from scratch and EfficientNet-Lite0 from its ImageNet weights are trained with the
tool's own job, exported to ONNX with the tool's own exporter, and the file is scored in ONNX Runtime. One thread; each
finished network is one line of LINES.jsonl and is not repeated.
"""

import argparse
import tempfile
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from nas.algorithms.block_search.resolution_choice import largest_useful
from nas.api.options.setup import Setup, open_bench
from nas.api.start_network import open_network
from nas.design.architecture import Architecture
from nas.jobs import Train
from nas.nets.data.dataset import Data, load_data
from nas.nets.data.limit import limited
from nas.nets.weights.traits import Traits
from nas.nets.worker import Worker, prepare_process
from nas.ship.exporter import Exporter


class Line(Struct, frozen=True):
    """One network: accuracies are shares, `images` those it was trained on, `count` those of the validation split."""

    data: str
    start: str
    seed: int
    resolution: int
    images: int
    epochs: float
    trained: float
    exported: float
    count: int
    test: float
    max_output_difference: float


def main() -> None:
    """Train, export and score every network that is not among the lines yet."""
    asked = _parse()
    prepare_process()
    done = _read(asked.out)
    for seed in asked.seeds:
        data = limited(load_data(asked.data, seed), asked.images, seed)
        for start, weights in (("scratch", None), ("lite0", asked.lite0)):
            if (data.name, start, seed) not in done:
                line = _ship(data, start, weights, seed, asked.epochs)
                with asked.out.open("ab") as out:
                    out.write(msgspec.json.encode(line) + b"\n")
                print(f"{line.data} {start} seed {seed}: {line.trained:.1%} trained, {line.exported:.1%} exported")


def _ship(data: Data, start: str, weights: Path | None, seed: int, epochs: float) -> Line:
    network = open_network(
        "mobilenet_v3_small" if weights is None else str(weights), None, Traits(), print
    ).architecture
    arch = replace(network, classes=len(data.classes), resolution=largest_useful(data.sides))
    ships = Exporter(data, open_bench(Setup(), print), None)
    with tempfile.TemporaryDirectory() as folder:
        out, model = Path(folder) / "w.safetensors", Path(folder) / "model.onnx"
        job = Train(arch, 0, epochs, epochs, seed, out, weights, gentle=weights is not None)
        trained = Worker(data)(job).score
        gap = ships.export(arch, out, model)
        return _line(data, start, seed, arch, epochs, (trained.accuracy, gap), ships, model)


def _line(
    data: Data, start: str, seed: int, arch: Architecture, epochs: float, found: tuple[float, float], ships: Exporter,
    model: Path,
) -> Line:  # fmt: skip
    exported, (test, _) = ships.validate(arch, model), ships.test(arch, model)
    return Line(
        data=data.name,
        start=start,
        seed=seed,
        resolution=arch.resolution,
        images=len(data.train),
        epochs=epochs,
        trained=found[0],
        exported=exported.accuracy,
        count=exported.count,
        test=test.accuracy,
        max_output_difference=found[1],
    )


def _read(path: Path) -> set[tuple[str, str, int]]:
    lines = path.read_bytes().splitlines() if path.exists() else []
    return {(one.data, one.start, one.seed) for one in (msgspec.json.decode(line, type=Line) for line in lines)}


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--lite0", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--epochs", type=float, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
