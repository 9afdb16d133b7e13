"""What int8 costs: one network, trained, exported for every runtime in both precisions, tested as exported.

OMP_NUM_THREADS=1 python experiments/latency/int8_accuracy.py --data photos/ --epochs 20
"""

import argparse
import tempfile
from pathlib import Path

from nas.bench.bench import LocalBench
from nas.design.files import resolve
from nas.jobs import Train
from nas.nets.data.dataset import load_data
from nas.nets.worker import Worker, prepare_process
from nas.runtimes import open_runtime
from nas.ship.exporter import Exporter

RUNTIMES = ("onnxruntime", "openvino", "litert")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--network", default="mobilenet_v3_small-1-64")
    parser.add_argument("--epochs", type=float, default=20)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    prepare_process()
    data = load_data(given.data, given.seed)
    _, network = resolve(given.network, len(data.classes))
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.safetensors"
        Worker(data)(Train(network, 0, given.epochs, given.epochs, given.seed, weights))
        print(f"{given.network} on {data.name}, {given.epochs:g} epochs, {len(data.test)} test images")
        for runtime in RUNTIMES:
            for precision in ("float32", "int8"):
                ships = Exporter(data, LocalBench(open_runtime(runtime, precision=precision)), None)
                model = Path(folder) / f"{runtime}-{precision}{ships.suffix}"
                gap = ships.export(network, weights, model)
                score, _ = ships.test(network, model)
                low, high = score.accuracy_ci95
                print(
                    f"{runtime:<12} {precision:<8} {score.accuracy:.1%} ({low:.1%} to {high:.1%}), "
                    f"loss {score.loss:.4f}, logits within {gap:.2g} of torch's, {model.stat().st_size / 2**20:.1f} MiB"
                )


if __name__ == "__main__":
    main()
