"""`Exporter`: writes models, and proves them: same outputs as torch, time by the clock, accuracy as exported.

Images are passed around as `batches.inputs` makes them. Model files take them with the mean and deviation of their own
weights (see `metadata.describe_model`), so they are brought to these wherever a file is run.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from nas import __version__
from nas.bench.bench import Bench
from nas.bench.measure import measure, measure_many
from nas.design.architecture import Architecture
from nas.design.files import write_bytes
from nas.design.graph import lower
from nas.design.shipping.metadata import describe_model
from nas.design.size import Size
from nas.errors import NasError
from nas.jobs import ClassScores, Score
from nas.latency.statistic import LatencyName
from nas.latency.table import LatencyTable
from nas.latency.timing import Measurement
from nas.nets.data.dataset import Data, Split
from nas.nets.network import with_weights
from nas.nets.tasks.find import task_of
from nas.nets.tasks.task import Judged, Outputs, judge_batches
from nas.nets.training.batches import inputs, renormalised
from nas.nets.weights.weights_file import State, load_weights
from nas.runtimes import Runtime
from nas.runtimes.graphs.quantise import calibrate_ranges
from nas.runtimes.graphs.texts import add_texts
from nas.runtimes.onnx_runtime import OnnxRuntime
from nas.ship.comparison import Comparison, compare_outputs
from nas.ship.predictions import PREDICTIONS, draw_predictions

_COMPARED = 4  # images on which exported and torch outputs are compared
_CALIBRATED = 128  # images that give an int8 model its ranges
# Logits are of the order of ten and float32 sums of a thousand terms differ in the fifth digit.
_TOLERANCE = 1e-2


class Exporter:
    """The `Ships` of a data set, a bench and, for the usual speed, a table; it times the median or a quantile."""

    def __init__(self, data: Data, bench: Bench, table: LatencyTable | None, latency: LatencyName = "p50") -> None:
        self._data, self._bench, self._table, self._latency = data, bench, table, latency
        self.suffix = bench.runtime.suffix or ".onnx"

    def measure(self, architectures: Sequence[Architecture]) -> list[Measurement]:
        """Whole networks with random weights, timed in turns."""
        return measure_many([lower(arch) for arch in architectures], self._bench, self._table, latency=self._latency)

    def export(self, architecture: Architecture, weights: Path, out: Path) -> float:
        """Write the model; the largest difference between its outputs and torch's on images of the data set.

        Raises NasError where they differ by more than float32 explains. An int8 model differs by its rounding: what
        that costs is in its accuracy.
        """
        side = architecture.resolution
        compared = inputs(self._data.val.read(slice(_COMPARED), side), side)
        seen = calibration_images(self._data, side)
        return export_model(architecture, weights, out, self._format, compared, seen, self._data.classes).difference

    def time(self, architecture: Architecture, weights: Path, model: Path) -> Measurement:
        """The exported model by the clock, in the runtime it ships on; torch runs the weights it was written from."""
        if self._bench.runtime.suffix:
            return measure(model.read_bytes(), self._bench, self._table, latency=self._latency)
        arrays = _arrays(load_weights(weights, architecture).state)
        return measure(lower(architecture), self._bench, self._table, arrays, latency=self._latency)

    def validate(self, architecture: Architecture, model: Path) -> Score:
        """Accuracy of the exported model on the validation split, at the resolution it was exported for."""
        return self._look(architecture, model, self._data.val).score

    def test(self, architecture: Architecture, model: Path) -> tuple[Score, ClassScores]:
        """The same on the test split, and class by class."""
        judged = self._look(architecture, model, self._data.test)
        return judged.score, judged.score_classes(len(self._data.classes))

    def draw(self, architecture: Architecture, model: Path) -> tuple[tuple[str, bytes], ...]:
        """Captions and JPEGs of some test images with what the exported model sees in them; none of a classifier."""
        if architecture.task == "classification":
            return ()
        test = self._data.test
        which = torch.arange(min(PREDICTIONS, len(test))) * len(test) // min(PREDICTIONS, len(test))
        few = test.pick(which)
        parts = list(self._outputs(architecture, model, few))
        outputs = tuple(torch.cat(column) for column in zip(*parts, strict=True))
        drawn = draw_predictions(lower(architecture), outputs, few.images.cpu(), few.labels.cpu(), self._data.classes)
        return tuple((one.caption, one.jpeg) for one in drawn)

    def _look(self, architecture: Architecture, model: Path, split: Split) -> Judged:
        """Loss and answer of every image of a split."""
        return judge_batches(task_of(lower(architecture)), self._outputs(architecture, model, split), split.labels)

    def _outputs(self, architecture: Architecture, model: Path, split: Split) -> Iterator[Outputs]:
        """What the exported model gives for the images of a split, batch by batch."""
        session, batch = self._format.load(model), self._format.batch
        for start in range(0, len(split), batch):
            pixels = split.read(slice(start, start + batch), architecture.resolution)
            images = renormalised(inputs(pixels, architecture.resolution), architecture)
            found = session.outputs(_filled(images, batch))
            yield tuple(torch.from_numpy(output)[: len(pixels)] for output in found)

    @property
    def _format(self) -> Runtime:
        """What writes and reads the files: torch has none of its own and ships ONNX."""
        return self._bench.runtime if self._bench.runtime.suffix else OnnxRuntime(batch=self._bench.runtime.batch)


def calibration_images(data: Data, resolution: Size) -> torch.Tensor:
    """Training images, evenly over the split, that an int8 model takes the ranges of its activations from."""
    step = max(1, len(data.train) // _CALIBRATED)
    return inputs(data.train.read(slice(0, step * _CALIBRATED, step), resolution), resolution)


def export_model(
    architecture: Architecture,
    weights: Path,
    out: Path,
    runtime: Runtime,
    images: torch.Tensor,
    calibration: torch.Tensor | None = None,
    classes: Sequence[str] = (),
) -> Comparison:
    """Write a model, read it back, and compare its outputs with torch's on images [N, 3, R, R].

    Raises NasError where float32 differs by more than rounding explains. An int8 model takes its ranges from the
    calibration images [M, 3, R, R]. The file says what `describe_model` says.
    """
    graph, loaded = lower(architecture), load_weights(weights, architecture)
    if loaded.fresh:
        raise NasError(f"{weights}: lacks {', '.join(loaded.fresh)}, so there is no whole network to export.")
    ranges = None
    if runtime.precision == "int8":
        seen = renormalised(images if calibration is None else calibration, architecture)
        ranges = calibrate_ranges(graph, _arrays(loaded.state), (image[None].contiguous().numpy() for image in seen))
    content = runtime.encode(graph, _arrays(loaded.state), ranges)
    texts = describe_model(architecture, classes, __version__)
    write_bytes(out, add_texts(content, runtime.suffix or ".onnx", texts))
    network = with_weights(graph, loaded.state).eval()
    with torch.inference_mode():
        expected = [output.numpy() for output in network.outputs(images.contiguous())]
    told = compare_outputs(run_model(out, architecture, runtime, images), expected)
    if runtime.precision != "int8" and not told.difference <= _TOLERANCE * max(1.0, told.largest):
        raise NasError(
            f"{out}: the exported model's outputs differ from torch's by {told.difference:g}, more than rounding "
            "explains. The model must not be used; please report this with its architecture."
        )
    return told


def run_model(model: Path, architecture: Architecture, runtime: Runtime, images: torch.Tensor) -> list[np.ndarray]:
    """The outputs [N, …] of a model file for images [N, 3, R, R] as `batches.inputs` makes them."""
    session, own = runtime.load(model), renormalised(images, architecture)
    batches = torch.split(own, runtime.batch)
    found = [[output[: len(batch)] for output in session.outputs(_filled(batch, runtime.batch))] for batch in batches]
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]


def _filled(images: torch.Tensor, batch: int) -> np.ndarray:
    """A last batch made whole with copies of its first image: models have fixed shapes."""
    missing = batch - len(images)
    whole = torch.cat([images, images[:1].expand(missing, -1, -1, -1)]) if missing else images
    return whole.contiguous().numpy()


def _arrays(state: State) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in state.items()}
