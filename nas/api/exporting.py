"""`export`: a network with its weights as a model file, compared with the network that they came from."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from nas.api.check import check_network, spell_resolution
from nas.api.inspecting import load_any
from nas.api.options.keywords import read_options, takes_options
from nas.api.options.python_names import say_in_python
from nas.api.options.resolution import parse_one
from nas.api.options.structs import ExportOptions
from nas.api.start_network import Start, at_resolution, open_network, read_given
from nas.api.threads import one_thread
from nas.design.architecture import Architecture
from nas.design.cost import params
from nas.design.dense.head import TaskName
from nas.design.files import require_writable, write_bytes
from nas.design.graph import lower
from nas.design.shipping.example import write_example
from nas.errors import NasError
from nas.interfaces import Say, say_nothing
from nas.nets.data.dataset import Data
from nas.nets.training.batches import inputs, random_images, renormalised
from nas.runtimes import Runtime, open_runtime
from nas.runtimes.graphs.onnx_detections import DETECTIONS, with_detections
from nas.runtimes.graphs.texts import add_texts
from nas.ship.comparison import Comparison, compare_outputs
from nas.ship.exporter import calibration_images, export_model, run_model
from nas.ship.original import find_original

if TYPE_CHECKING:
    from torch import Tensor

_COMPARED = 64  # images of a data set that outputs are compared on


class Exported(Struct, frozen=True):
    """A model file: how its outputs compare with torch's, and with those of the library the weights came from.

    `example` is a program that runs it on a photo; of a classifier there is none.
    """

    name: str
    architecture: Architecture
    params: int
    out: Path
    compared_on: str
    comparison: Comparison
    original: str | None
    original_comparison: Comparison | None
    example: Path | None
    notes: tuple[str, ...]


@takes_options(ExportOptions)
def export(
    architecture: Architecture | str | Path,
    weights: str | Path | None = None,
    out: str | Path = "model.onnx",
    *,
    data: str | Path | None = None,
    log: Say = say_nothing,
    **options: Any,
) -> Exported:
    """Write a network with its weights for a runtime, and compare its outputs with those of where they came from.

    Args:
        architecture: a network, a known one's name, an architecture.json, a file or a name of weights, or a run folder.
        weights: a file of them, ours or another library's, a run folder, or a name like `timm:NAME`.
        out: the model file; one that ends in .tflite is LiteRT's unless `format` says otherwise.
        data: images to compare on and, for int8, to take the ranges of activations from.
        log: is told what is going on.
        options: those of `nas export`, with underscores.

    Returns:
        What was written and how it compares.

    Raises:
        NasError: where the weights do not fit, or outputs differ by more than rounding explains.
    """
    kind = {"format": "tflite"} if str(out).endswith(".tflite") else {}
    given = {"weights": weights, "data": None if data is None else str(data), "out": out}
    size = spell_resolution(options.get("resolution"))
    asked = read_options(ExportOptions, {**kind, **options, "resolution": size, **given})
    say = say_in_python(log)
    check_network("architecture", architecture)
    with one_thread():
        return export_network(architecture, asked, say)


def export_network(source: Architecture | str | Path, options: ExportOptions, say: Say) -> Exported:
    """The same with options that were read."""
    require_writable(options.out)
    if options.precision == "int8" and options.data is None:
        raise NasError("--precision int8 needs --data: the ranges of its activations come from real images.")
    kind = "onnxruntime" if options.format == "onnx" else "litert"
    runtime = open_runtime(kind, 1, options.batch, options.precision)
    given = read_given(options.mean, options.std, options.norm_eps, options.padding)
    size = None if options.resolution is None else parse_one(options.resolution)
    start = at_resolution(open_network(source, options.weights, given, say), size)
    if start.weights is None:
        raise NasError(f"--weights must be given: {start.name} is a network without weights.")
    _require_classifier(start)
    if options.nms:
        _require_detector(start, options)
    data = _load_images(start.architecture, options.data, options, say) if options.data else None
    made = _write(start, start.weights, options.out, runtime, data, say)
    if options.nms:
        _put_suppression(start.architecture, options.out)
    return made


def _require_detector(start: Start, options: ExportOptions) -> None:
    if start.architecture.task != "detection":
        raise NasError(f"--nms is for detectors, and {start.name} is for {start.architecture.task}. Leave it out.")
    if options.format != "onnx" or options.batch != 1:
        raise NasError("--nms is there for ONNX and one image at once only: leave it out, or --format and --batch.")


def _put_suppression(arch: Architecture, out: Path) -> None:
    """Exchange a detector's file, which was compared, for one that gives its detections."""
    content = with_detections(out.read_bytes(), lower(arch))
    write_bytes(out, add_texts(content, ".onnx", {"outputs": json.dumps([DETECTIONS])}))


def _load_images(arch: Architecture, spec: str, options: ExportOptions, say: Say) -> Data:
    """Images for a network; those for a detector or segmenter may be of any task, as their labels are not used."""
    usual: TaskName | None = "classification" if arch.task == "classification" else None
    return load_any(spec, 0, arch.resolution, say, options.task or usual, options.void)


def _require_classifier(start: Start) -> None:
    fresh = start.seed.fresh if start.seed else ()
    if fresh:
        raise NasError(
            f"{start.weights}: lacks {', '.join(fresh)}, so nothing says what the outputs would mean. "
            f"Train them first: nas train {start.name} --weights {start.weights} --data DATA"
        )


def _write(start: Start, weights: Path, out: Path, runtime: Runtime, data: Data | None, say: Say) -> Exported:
    arch, seed = start.architecture, start.seed
    seen = calibration_images(data, arch.resolution) if data else None
    images, where = random_images(arch.resolution), "noise"
    if data is not None:
        step = max(1, len(data.val) // _COMPARED)
        pixels = data.val.read(slice(0, step * _COMPARED, step), arch.resolution)
        images, where = inputs(pixels, arch.resolution), data.name
    named = data is not None and data.task == arch.task and len(data.classes) == arch.classes
    classes = data.classes if data and named else seed.labels if seed else ()
    comparison = export_model(arch, weights, out, runtime, images, seen, classes)
    original, beside = _compare_original(start, weights, out, runtime, images, say)
    return Exported(
        name=start.name,
        architecture=arch,
        params=params(lower(arch)),
        out=out,
        compared_on=where,
        comparison=comparison,
        original=original,
        original_comparison=beside,
        example=_write_example(arch, out, runtime),
        notes=seed.notes if seed else (),
    )


def _write_example(arch: Architecture, out: Path, runtime: Runtime) -> Path | None:
    """Beside a detector or segmenter lies the program that turns its outputs into boxes or a map of classes."""
    if arch.task == "classification":
        return None
    path = out.with_name(f"{out.stem}_example.py")
    write_bytes(path, write_example(runtime.suffix or ".onnx", arch.task, out.name, path.name).encode())
    return path


def _compare_original(
    start: Start, weights: Path, out: Path, runtime: Runtime, images: "Tensor", say: Say
) -> tuple[str | None, Comparison | None]:
    """The network that the weights came from and how its outputs compare; None if its library is not here."""
    if start.seed is None or start.seed.library == "nas":
        return None, None
    original = find_original(weights, replace(start.seed, architecture=start.architecture))
    if original is None:
        say(f"{start.seed.library} cannot be asked here, so outputs are compared with torch's own only.")
        return None, None
    found = original(renormalised(images, start.architecture).contiguous())
    expected = [output.numpy() for output in found]
    return original.name, compare_outputs(run_model(out, start.architecture, runtime, images), expected)
