"""`nas train` and `nas export`: one network, trained and written as ONNX."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import replace

from nas.cli.benches import Batch, Precision, PrecisionOption
from nas.cli.options import DEFAULT_DATA, DataOption, Recipe, RecipeOption
from nas.cli.output import Json, emit, log
from nas.design.architecture import Architecture
from nas.design.cost import params
from nas.design.files import resolve
from nas.design.plan import lower
from nas.errors import NasError

if TYPE_CHECKING:
    from nas.search.ports import Teacher

Arch = Annotated[str, typer.Argument(metavar="ARCH", help="A known network's name or an architecture.json.")]


class Format(StrEnum):
    """What `nas export` can write."""

    onnx = "onnx"
    tflite = "tflite"


def train(
    arch: Arch,
    data: DataOption = DEFAULT_DATA,
    out: Annotated[Path, typer.Option(help="The weights file to write.")] = Path("weights.safetensors"),
    epochs: Annotated[float | None, typer.Option(min=0, max=10_000, help="Default: by the number of images.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Start from these weights and fine-tune gently.")] = None,
    train_resolution: Annotated[int | None, typer.Option(min=8, max=2048, help="Side of the training images.")] = None,
    recipe: RecipeOption = Recipe.modern,
    teacher: Annotated[str | None, typer.Option(help="ARCH of a network to learn from beside the labels.")] = None,
    teacher_weights: Annotated[Path | None, typer.Option(help="Its weights.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of data splits, weights and order.")] = 0,
    as_json: Json = False,
) -> None:
    """Train a network, at the end at its own resolution; the accuracy is of the validation split.

    Example: nas train mobilenet_v3_small --data digits --out small.safetensors
    """
    from nas.nets.data import load_data
    from nas.nets.learner import Learner, prepare_process
    from nas.nets.recipe import RECIPES, default_epochs
    from nas.nets.weights import load_weights
    from nas.search.ports import Train

    prepare_process()
    _writable(out)
    found = load_data(data, seed, max(256, resolve(arch, 10)[1].resolution))
    for line in (found.line, *found.notes):
        log(line)
    name, network = _network(arch, len(found.classes))
    if weights is not None and (fresh := load_weights(weights, network).fresh):
        log(f"{weights} is of other classes; made anew: {', '.join(fresh)}.")
    taught = _teacher(teacher, teacher_weights, len(found.classes))
    chosen = replace(RECIPES[recipe.value], small=train_resolution)
    total = default_epochs(found) if epochs is None else epochs
    gentle, small = weights is not None, chosen.small_resolution(network.resolution)
    share = chosen.full_share_of(gentle)
    log(
        f"Training {name} for {total:g} epochs of {len(found.train)} images: {1 - share:.0%} of them at {small} px, "
        f"the last {share:.0%} at {network.resolution} px."
    )
    trained = Learner(found, chosen)(Train(network, 0, total, total, seed, out, weights, gentle, taught))
    low, high = trained.score.accuracy_ci95
    document = {
        "name": name,
        "data": found.name,
        "classes": found.classes,
        "recipe": recipe.value,
        "teacher": teacher,
        "epochs": total,
        "train_resolution": small,
        "resolution": network.resolution,
        "accuracy": trained.score.accuracy,
        "accuracy_ci95": (low, high),
        "seconds": trained.seconds,
        "seed": seed,
        "weights": str(out),
    }
    text = f"{name}: {trained.score.accuracy:.1%} of {trained.score.count} validation images at {network.resolution} px"
    emit(document, as_json, f"{text} ({low:.1%} to {high:.1%}), weights in {out}")


def export(
    arch: Arch,
    weights: Annotated[Path, typer.Option(help="Weights: our .safetensors or a torchvision state dict.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    kind: Annotated[Format, typer.Option("--format", help="The format to write.")] = Format.onnx,
    precision: PrecisionOption = Precision.float32,
    data: Annotated[str | None, typer.Option(help="Images that int8 takes its ranges from.")] = None,
    batch: Batch = 1,
    as_json: Json = False,
) -> None:
    """Write a network with its weights for a runtime, and compare the outputs with torch's.

    Example: nas export mobilenet_v3_small --weights small.safetensors --format onnx --out small.onnx
    """
    from nas.nets.batches import noise
    from nas.nets.data import load_data
    from nas.nets.weights import stored_classes
    from nas.runtimes import open_runtime
    from nas.ship.exporter import calibration_images, export_model

    _writable(out)
    if precision is Precision.int8 and data is None:
        raise NasError("--precision int8 needs --data: the ranges of its activations come from real images.")
    runtime = open_runtime("onnxruntime" if kind is Format.onnx else "litert", 1, batch, precision.value)
    classes = stored_classes(weights)
    name, network = resolve(arch, classes)
    seen = calibration_images(load_data(data, 0, max(256, network.resolution)), network.resolution) if data else None
    gap = export_model(replace(network, classes=classes), weights, out, runtime, noise(network.resolution), seen)
    size = params(lower(replace(network, classes=classes)))
    document = {
        "name": name,
        "format": kind.value,
        "precision": precision.value,
        "resolution": network.resolution,
        "classes": classes,
        "params": size,
        "max_output_difference": gap,
        "out": str(out),
    }
    emit(document, as_json, f"{name}: {size:,} parameters in {out}, outputs within {gap:.1e} of torch's")


def _teacher(arch: str | None, weights: Path | None, classes: int) -> "Teacher | None":
    """The teacher of both options, checked before anything is trained."""
    from nas.nets.weights import load_weights
    from nas.search.ports import Teacher

    if (arch is None) != (weights is None):
        raise NasError("--teacher and --teacher-weights belong together: give the network and its weights.")
    if arch is None or weights is None:
        return None
    network = replace(resolve(arch, classes)[1], classes=classes)
    if fresh := load_weights(weights, network).fresh:
        raise NasError(
            f"{weights}: {', '.join(fresh)} are of other classes than the data's {classes}. Train it on them."
        )
    return Teacher(network, weights)


def _writable(path: Path) -> None:
    """Say that a file cannot be written before the training, not after."""
    probe = path.absolute().with_name(f".{path.name}.partial")
    try:
        if path.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise NasError(
            f"{path}: cannot be written ({error.strerror}). Give --out a file in a writable folder."
        ) from error


def _network(arch: str, classes: int) -> tuple[str, Architecture]:
    """Name and network of an argument, for this number of classes."""
    name, network = resolve(arch, classes)
    if network.classes != classes:
        log(f"{name} has {network.classes} classes, the data {classes}: its classifier is made anew.")
    return name, replace(network, classes=classes)
