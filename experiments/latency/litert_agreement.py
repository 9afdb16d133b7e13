"""Does a TFLite file emitted from a plan agree with litert-torch's conversion, in outputs and in time?

litert-torch brings some 60 packages, so give it an environment of its own:

    python3 -m venv oracle
    oracle/bin/pip install '.[litert]' litert-torch
    OMP_NUM_THREADS=1 oracle/bin/python experiments/latency/litert_agreement.py --network mobilenet_v3_small-1-224

Both files, each opened twice, run in this process at one thread, single runs in turns; a ratio is of low deciles, one
a round of 100 turns; their medians and spreads over the rounds are printed.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import litert_torch
import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from nas.design.graph import Graph, lower
from nas.design.known import known
from nas.nets.network import build
from nas.runtimes.graphs.onnx_graph import random_weights
from nas.runtimes.graphs.tflite_graph import to_tflite
from nas.runtimes.runtime import Array

TURNS = 100


def lively_weights(graph: Graph) -> dict[str, Array]:
    """Random weights whose batch norms all do something."""
    rng = np.random.default_rng(0)
    weights = random_weights(graph)
    for name, value in weights.items():
        if ".norm." in name or name.endswith(".bias"):
            weights[name] = rng.uniform(0.5, 1.5, value.shape).astype(np.float32)
    return weights


class ChannelsLast(torch.nn.Module):
    """A network that takes [N, S, S, C], as TFLite's applications do."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.network(image.permute(0, 3, 1, 2))


def converted(graph: Graph, weights: dict[str, Array], image: torch.Tensor, path: Path) -> tuple[bytes, float]:
    """litert-torch's file of the same network, and the seconds it took."""
    network = build(graph).eval()
    network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()}, strict=False)
    began = time.perf_counter()
    litert_torch.convert(ChannelsLast(network).eval(), (image,)).export(str(path))
    return path.read_bytes(), time.perf_counter() - began


def opened(content: bytes, image: Array) -> tuple[Callable[[], None], Array, list[str]]:
    """What runs it once, its output, and the names of its ops."""
    interpreter: Any = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    output = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return interpreter.invoke, output, [op["op_name"] for op in interpreter._get_ops_details()]


def low_deciles(runs: list[Callable[[], None]]) -> list[float]:
    """Milliseconds of each, from single runs in turns."""
    taken: list[list[float]] = [[] for _ in runs]
    for _ in range(TURNS):
        for run, times in zip(runs, taken, strict=True):
            began = time.perf_counter()
            run()
            times.append((time.perf_counter() - began) * 1e3)
    return [float(np.quantile(times, 0.1)) for times in taken]


def counts(names: list[str]) -> str:
    return ", ".join(f"{names.count(name)} {name}" for name in sorted(set(names)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="mobilenet_v3_small-1-224")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--file", type=Path, default=Path("theirs.tflite"), help="where litert-torch's file goes")
    chosen = parser.parse_args()
    graph = lower(known(chosen.network))
    weights = lively_weights(graph)
    image = torch.randn((1, graph.inputs[0].size, graph.inputs[0].size, 3), generator=torch.Generator().manual_seed(0))
    began = time.perf_counter()
    ours = to_tflite(graph, weights)
    our_s = time.perf_counter() - began
    theirs, their_s = converted(graph, weights, image, chosen.file)
    print(f"{chosen.network}: ours {len(ours)} bytes in {our_s:.2f} s, theirs {len(theirs)} bytes in {their_s:.1f} s")
    # Each twice, in memory of its own: how much two of the same differ is what a difference must exceed.
    runs, outputs, ops = zip(*(opened(content, image.numpy()) for content in (ours, theirs, ours, theirs)), strict=True)
    print(f"our ops:   {counts(ops[0])}\ntheir ops: {counts(ops[1])}")
    difference = np.abs(outputs[0] - outputs[1]).max() / np.abs(outputs[1]).max()
    print(f"largest difference of outputs, of the largest output: {difference:.1e}")
    rounds = np.array([low_deciles(list(runs)) for _ in range(chosen.rounds)])
    print("ms (ours, theirs, ours, theirs):", *(f"{ms:.3f}" for ms in np.median(rounds, axis=0)))
    say("ours / theirs", rounds[:, 0::2].sum(axis=1) / rounds[:, 1::2].sum(axis=1))
    say("ours / ours", rounds[:, 0] / rounds[:, 2])
    say("theirs / theirs", rounds[:, 1] / rounds[:, 3])


def say(name: str, ratios: NDArray[np.float64]) -> None:
    print(f"{name}: median {np.median(ratios):.3f}, from {ratios.min():.3f} to {ratios.max():.3f}")


if __name__ == "__main__":
    main()
