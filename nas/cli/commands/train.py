"""`nas train`: one network, trained."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import replace

from nas import __version__
from nas.cli.options.shared import DEFAULT_DATA, DataOption, RecipeChoice, RecipeOption
from nas.cli.options.start_network import Mean, NormEps, PaddingOption, Std, open_network, read_given
from nas.cli.text.output import Json, emit, log
from nas.design.files import write_bytes
from nas.design.metadata import describe_weights, with_header
from nas.errors import NasError

if TYPE_CHECKING:
    from nas.jobs import Teacher

ArchToTrain = Annotated[
    str, typer.Argument(metavar="ARCH", help="A known network's name, an architecture.json or a file of weights.")
]


def train(
    arch: ArchToTrain,
    data: DataOption = DEFAULT_DATA,
    out: Annotated[Path, typer.Option(help="The weights file to write.")] = Path("weights.safetensors"),
    epochs: Annotated[float | None, typer.Option(min=0, max=10_000, help="Default: by the number of images.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Start from these weights and fine-tune gently.")] = None,
    train_resolution: Annotated[int | None, typer.Option(min=8, max=2048, help="Side of the training images.")] = None,
    recipe: RecipeOption = RecipeChoice.modern,
    teacher: Annotated[str | None, typer.Option(help="ARCH of a network to learn from beside the labels.")] = None,
    teacher_weights: Annotated[Path | None, typer.Option(help="Its weights.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of data splits, weights and order.")] = 0,
    mean: Mean = None,
    std: Std = None,
    norm_eps: NormEps = None,
    padding: PaddingOption = None,
    as_json: Json = False,
) -> None:
    """Train a network, at the end at its own resolution; the accuracy is of the validation split.

    Example: nas train mobilenet_v3_small --data digits --out small.safetensors
    """
    from nas.jobs import Train
    from nas.nets.data.dataset import load_data
    from nas.nets.training.recipe import RECIPES, default_epochs
    from nas.nets.weights.weights_file import load_weights
    from nas.nets.worker import Worker, prepare_process

    prepare_process()
    check_writable(out)
    start = open_network(arch, weights, read_given(mean, std, norm_eps, padding))
    found = load_data(data, seed, max(256, start.architecture.resolution))
    for line in (found.line, *found.notes):
        log(line)
    weights, name, network = start.weights, start.name, replace(start.architecture, classes=len(found.classes))
    if weights is not None and (fresh := load_weights(weights, network).fresh):
        log(f"{weights} has no classifier of these classes; made anew: {', '.join(fresh)}.")
    taught = _teacher(teacher, teacher_weights, len(found.classes))
    chosen = replace(RECIPES[recipe.value], small=train_resolution)
    total = default_epochs(found) if epochs is None else epochs
    gentle, small = weights is not None, chosen.small_resolution(network.resolution)
    share = chosen.full_share
    ahead = f"{1 - share:.0%} of them at {small} px, the last {share:.0%} " if small < network.resolution else ""
    log(f"Training {name} for {total:g} epochs of {len(found.train)} images, {ahead}at {network.resolution} px.")
    trained = Worker(found, chosen)(Train(network, 0, total, total, seed, out, weights, gentle, taught))
    write_bytes(out, with_header(out.read_bytes(), describe_weights(network, found.classes, __version__)))
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
        "notes": start.seed.notes if start.seed else (),
        "seconds": trained.seconds,
        "seed": seed,
        "weights": str(out),
    }
    text = f"{name}: {trained.score.accuracy:.1%} of {trained.score.count} validation images at {network.resolution} px"
    emit(document, as_json, f"{text} ({low:.1%} to {high:.1%}), weights in {out}")


def _teacher(arch: str | None, weights: Path | None, classes: int) -> "Teacher | None":
    """The teacher of both options, checked before anything is trained."""
    from nas.jobs import Teacher
    from nas.nets.weights.traits import Traits
    from nas.nets.weights.weights_file import load_weights

    if (arch is None) != (weights is None):
        raise NasError("--teacher and --teacher-weights belong together: give the network and its weights.")
    if arch is None or weights is None:
        return None
    network = replace(open_network(arch, weights, Traits(), "--teacher").architecture, classes=classes)
    if fresh := load_weights(weights, network).fresh:
        raise NasError(
            f"{weights}: {', '.join(fresh)} are of other classes than the data's {classes}. Train it on them."
        )
    return Teacher(network, weights)


def check_writable(path: Path) -> None:
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
