"""`nas train`: one network, trained."""

from typing import Annotated

import typer

from nas.api.options.structs import TrainOptions
from nas.cli.options.takes import takes
from nas.cli.text.output import Json, emit, log
from nas.design.dense.head import METRICS
from nas.design.size import describe_size

ArchOrWeights = Annotated[
    str,
    typer.Argument(
        metavar="ARCH",
        help="A known network's name, an architecture.json, a file of weights, a run folder, or a name of weights: "
        "pretrained:NAME, timm:NAME, torchvision:NAME.",
    ),
]


@takes(TrainOptions)
def train(arch: ArchOrWeights, options: TrainOptions, as_json: Json = False) -> None:
    """Train a network, at the end at its own resolution; the accuracy is of the validation split.

    Example: nas train mobilenet_v3_small --data digits --out small.safetensors
    """
    from nas.api.training import train_network
    from nas.nets.worker import prepare_process

    prepare_process()
    trained = train_network(arch, options, log)
    score, resolution = trained.score, trained.architecture.resolution
    low, high = score.accuracy_ci95
    document = {
        "name": trained.name,
        "data": trained.data,
        "classes": trained.classes,
        "recipe": options.recipe,
        "augment": trained.augment,
        "teacher": options.teacher,
        "epochs": trained.epochs,
        "train_resolution": trained.train_resolution,
        "resolution": resolution,
        "task": trained.task,
        "metric": METRICS[trained.task],
        "accuracy": score.accuracy,
        "accuracy_ci95": (low, high),
        "notes": trained.notes,
        "seconds": trained.seconds,
        "seed": options.seed,
        "weights": str(trained.weights),
    }
    of = "" if trained.task == "classification" else f"{METRICS[trained.task]} "
    text = (
        f"{trained.name}: {score.accuracy:.1%} {of}of {score.count} validation images at {describe_size(resolution)} px"
    )
    emit(document, as_json, f"{text} ({low:.1%} to {high:.1%}), weights in {trained.weights}")
