"""`nas export`: a network with its weights as a model file, compared with the network that they came from."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import replace

from nas.cli.commands.train import check_writable
from nas.cli.options.bench import BatchOption, Precision, PrecisionOption
from nas.cli.options.start_network import (
    Mean,
    NormEps,
    PaddingOption,
    Start,
    Std,
    at_resolution,
    open_network,
    read_given,
)
from nas.cli.text.output import Json, emit, log
from nas.design.cost import params
from nas.design.plan import lower
from nas.errors import NasError

if TYPE_CHECKING:
    from torch import Tensor

    from nas.nets.data.dataset import Data
    from nas.runtimes import Runtime
    from nas.ship.exporter import Comparison

_COMPARED = 64  # images of a data set that outputs are compared on


class Format(StrEnum):
    """What `nas export` can write."""

    onnx = "onnx"
    tflite = "tflite"


def export(
    arch: Annotated[
        str, typer.Argument(metavar="ARCH", help="A known network's name, an architecture.json or a file of weights.")
    ],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    weights: Annotated[
        Path | None, typer.Option(help="Weights of ARCH: ours, torchvision's, timm's or EfficientNet-PyTorch's.")
    ] = None,
    kind: Annotated[Format, typer.Option("--format", help="The format to write.")] = Format.onnx,
    precision: PrecisionOption = Precision.float32,
    data: Annotated[
        str | None, typer.Option(help="Images to compare outputs on and, for int8, to take ranges from.")
    ] = None,
    resolution: Annotated[int | None, typer.Option(min=32, max=2048, help="Default: the resolution of ARCH.")] = None,
    mean: Mean = None,
    std: Std = None,
    norm_eps: NormEps = None,
    padding: PaddingOption = None,
    batch: BatchOption = 1,
    as_json: Json = False,
) -> None:
    """Write a network with its weights for a runtime, and compare its outputs with those of where they came from.

    Example: nas export mobilenet_v3_small --weights small.safetensors --format onnx --out small.onnx
    """
    from nas.nets.data.dataset import load_data
    from nas.runtimes import open_runtime

    check_writable(out)
    if precision is Precision.int8 and data is None:
        raise NasError("--precision int8 needs --data: the ranges of its activations come from real images.")
    runtime = open_runtime("onnxruntime" if kind is Format.onnx else "litert", 1, batch, precision.value)
    start = at_resolution(open_network(arch, weights, read_given(mean, std, norm_eps, padding)), resolution)
    if start.weights is None:
        raise NasError(f"--weights must be given: {start.name} is a network without weights.")
    _require_classifier(start)
    document, text = _write(
        start,
        start.weights,
        out,
        runtime,
        load_data(data, 0, max(256, start.architecture.resolution)) if data else None,
    )
    emit({"name": start.name, "format": kind.value, "precision": precision.value, **document}, as_json, text)


def _require_classifier(start: Start) -> None:
    fresh = start.seed.fresh if start.seed else ()
    if fresh:
        raise NasError(
            f"{start.weights}: lacks {', '.join(fresh)}, so nothing says what the outputs would mean. "
            f"Train them first: nas train {start.name} --weights {start.weights} --data DATA"
        )


def _write(
    start: Start, weights: Path, out: Path, runtime: "Runtime", data: "Data | None"
) -> tuple[dict[str, object], str]:
    """Write the file; what there is to say of it, as a document and as a text."""
    from nas.nets.training.batches import inputs, random_images
    from nas.ship.exporter import calibration_images, export_model

    arch, seed = start.architecture, start.seed
    seen = calibration_images(data, arch.resolution) if data else None
    images, where = random_images(arch.resolution), "noise"
    if data is not None:
        step = max(1, len(data.val) // _COMPARED)
        images, where = inputs(data.val.images[::step][:_COMPARED], arch.resolution), data.name
    classes = data.classes if data and len(data.classes) == arch.classes else seed.labels if seed else ()
    comparison = export_model(arch, weights, out, runtime, images, seen, classes)
    source, original = _compare_original(start, weights, out, runtime, images)
    document = {
        "resolution": arch.resolution,
        "classes": arch.classes,
        "params": params(lower(arch)),
        "mean": arch.mean,
        "std": arch.std,
        "norm_eps": arch.norm_eps,
        "padding": arch.padding,
        "max_output_difference": comparison.difference,
        "compared_on": where,
        "original": source,
        "original_difference": original.difference if original else None,
        "original_agreement": original.agreement if original else None,
        "notes": seed.notes if seed else (),
        "out": str(out),
    }
    best = original or comparison
    text = f"{start.name}: {document['params']:,} parameters in {out}; compared with {source or 'torch'} on {where}: "
    return document, text + _describe(best)


def _compare_original(
    start: Start, weights: Path, out: Path, runtime: "Runtime", images: "Tensor"
) -> "tuple[str | None, Comparison | None]":
    """The network that the weights came from and how its outputs compare; None if its library is not here."""
    from nas.nets.training.batches import renormalised
    from nas.ship.exporter import compare_outputs, run_model
    from nas.ship.original import find_original

    if start.seed is None or start.seed.library == "nas":
        return None, None
    original = find_original(weights, replace(start.seed, architecture=start.architecture))
    if original is None:
        log(f"{start.seed.library} cannot be asked here, so outputs are compared with torch's own only.")
        return None, None
    expected = original(renormalised(images, start.architecture).contiguous()).numpy()
    return original.name, compare_outputs(run_model(out, start.architecture, runtime, images), expected)


def _describe(comparison: "Comparison") -> str:
    """A comparison in words."""
    return (
        f"outputs within {comparison.difference:.2g}, of up to {comparison.largest:.3g}; "
        f"the same class first on {round(comparison.agreement * comparison.count)} of {comparison.count} images"
    )
