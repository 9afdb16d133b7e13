"""`Exporter`: writes models, and proves them: same outputs as torch, time by the clock, accuracy as exported."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from nas.bench.measure import measure, measure_many
from nas.design.architecture import Architecture
from nas.design.files import write_bytes
from nas.design.plan import lower
from nas.errors import NasError
from nas.latency.table import LatencyTable
from nas.latency.timing import Measurement
from nas.nets.batches import inputs
from nas.nets.build import build
from nas.nets.data import Data
from nas.nets.score import score
from nas.nets.weights import State, load_weights
from nas.runtimes import Model, Runtime
from nas.runtimes.onnx_graph import to_onnx
from nas.runtimes.onnx_runtime import OnnxRuntime
from nas.search.ports import Score

_COMPARED = 4  # images on which exported and torch outputs are compared
# Logits are of the order of ten and float32 sums of a thousand terms differ in the fifth digit.
_TOLERANCE = 1e-2


class Exporter:
    """The `Ships` of a data set, a runtime and, for the machine's nominal speed, a table."""

    def __init__(self, data: Data, runtime: Runtime, table: LatencyTable | None) -> None:
        self._data, self._runtime, self._table = data, runtime, table

    def measure(self, architectures: Sequence[Architecture]) -> list[Measurement]:
        """Whole networks with random weights, timed in turns."""
        models = [self._runtime.compile(lower(arch)) for arch in architectures]
        return measure_many(models, self._runtime, self._table)

    def export(self, architecture: Architecture, weights: Path, out: Path) -> float:
        """Write the ONNX model; the largest difference between its outputs and torch's on images of the data set.

        Raises NasError where they differ by more than float32 explains.
        """
        images = inputs(self._data.val.images[:_COMPARED], architecture.resolution)
        return export_onnx(architecture, weights, out, images)

    def time(self, architecture: Architecture, weights: Path, model: Path) -> Measurement:
        """The exported model by the clock, in the runtime it ships on."""
        return measure(self._load(architecture, weights, model), self._runtime, self._table)

    def test(self, architecture: Architecture, model: Path) -> Score:
        """Accuracy of the exported model on the test split, at the resolution it was exported for."""
        session, split = OnnxRuntime().load(model), self._data.test
        losses, correct = [], []
        for number in range(len(split)):
            images = inputs(split.images[number : number + 1], architecture.resolution)
            logits = torch.from_numpy(session(images.contiguous().numpy()))
            label = split.labels[number : number + 1]
            losses.append(torch.nn.functional.cross_entropy(logits, label))
            correct.append(logits.argmax(1)[0] == label[0])
        return score(torch.stack(losses), torch.stack(correct))

    def _load(self, architecture: Architecture, weights: Path, model: Path) -> Model:
        """ONNX Runtime runs the file itself; torch runs the weights that the file was written from."""
        if isinstance(self._runtime, OnnxRuntime):
            return self._runtime.load(model)
        return self._runtime.compile(lower(architecture), _arrays(load_weights(weights, architecture).state))


def export_onnx(architecture: Architecture, weights: Path, out: Path, images: torch.Tensor) -> float:
    """Write a model, read it back, and compare its outputs with torch's on images [N, 3, R, R].

    Returns the largest absolute difference; raises NasError where it is more than float32 explains.
    """
    plan = lower(architecture)
    state = load_weights(weights, architecture).state
    write_bytes(out, to_onnx(plan, _arrays(state)).SerializeToString())
    session = OnnxRuntime().load(out)
    network = build(plan).eval()
    network.load_state_dict(state, strict=False)
    with torch.inference_mode():
        expected = network(images.contiguous()).numpy()
    found = np.concatenate([session(image[None].contiguous().numpy()) for image in images])
    difference = float(np.abs(found - expected).max())
    if not difference <= _TOLERANCE * max(1.0, float(np.abs(expected).max())):
        raise NasError(
            f"{out}: the exported model's outputs differ from torch's by {difference:g}, more than rounding explains. "
            "The model must not be used; please report this with its architecture."
        )
    return difference


def _arrays(state: State) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in state.items()}
