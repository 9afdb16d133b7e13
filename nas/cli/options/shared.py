"""The options that runs have in common, and the words that they take."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class ObjectiveChoice(StrEnum):
    """What the block search maximises."""

    constraint = "constraint"
    reward = "reward"


class EvaluatorChoice(StrEnum):
    """How the block search scores architectures."""

    supernet = "supernet"
    train = "train"
    zero_cost = "zero-cost"


class SharingChoice(StrEnum):
    """How weights are shared."""

    single_path = "single-path"
    sandwich = "sandwich"


class Sampler(StrEnum):
    """Who proposes architectures."""

    predictor = "predictor"
    tpe = "tpe"
    nsga2 = "nsga2"
    motpe = "motpe"
    random = "random"


class ImportanceChoice(StrEnum):
    """Which channels NetAdapt keeps."""

    l2 = "l2"
    taylor = "taylor"


class Proposals(StrEnum):
    """What NetAdapt may change."""

    channels = "channels"
    all = "all"


class Select(StrEnum):
    """Which of its proposals NetAdapt takes."""

    paired = "paired"
    paper = "paper"


class ModeChoice(StrEnum):
    """How NetAdapt tries its proposals."""

    reference = "reference"
    cheap = "cheap"


class Ending(StrEnum):
    """How the network found is trained in the end."""

    both = "both"
    scratch = "scratch"
    inherited = "inherited"


class RecipeChoice(StrEnum):
    """How networks are trained."""

    modern = "modern"
    paper = "paper"


_TARGET = "The latency to meet: 15ms, 0.015s, 800us; or several: 8ms,10ms,15ms."
Target = Annotated[str, typer.Option(help=_TARGET)]
TargetOrNone = Annotated[str | None, typer.Option(help=_TARGET)]
DataOption = Annotated[str, typer.Option(help="scenes, digits, a folder of class folders, or an .npz file.")]
DEFAULT_DATA = "scenes"
TableOption = Annotated[str | None, typer.Option(help="A latency table; default: this machine's.")]
TrainResolution = Annotated[int | None, typer.Option(min=32, max=1024, help="Side of the training images in pixels.")]
Epochs = Annotated[
    float | None, typer.Option(min=0.1, max=10_000, help="Epochs of the final training; default: by the data.")
]
Delta = Annotated[
    float | None, typer.Option(min=0.001, max=0.5, help="Least share of the latency that a step saves; default 0.01.")
]
Steps = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=100_000,
        help="Mini-batches of fine-tuning: with --mode cheap of what a step takes, default 0; reference: of every "
        "proposal, default 4.",
    ),
]
ImportanceOption = Annotated[
    ImportanceChoice,
    typer.Option(help="Channels NetAdapt keeps. l2: of the largest filters; taylor: that change the loss the most."),
]
ProposalsOption = Annotated[
    Proposals,
    typer.Option(
        help="What NetAdapt changes. channels: widths in blocks; all: stem, head, SE, h-swish, kernels and blocks too."
    ),
]
SelectOption = Annotated[
    Select, typer.Option(help="NetAdapt's choice. paired: loss with its interval; paper: the paper's ratio on top-1.")
]
ModeOption = Annotated[
    ModeChoice,
    typer.Option(help="reference: NetAdapt tunes every proposal; cheap: looks untrained, cuts several at once."),
]
ExportSteps = Annotated[
    bool, typer.Option("--export-steps", help="Write every step of NetAdapt to RUN/steps: model, network, weights.")
]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed of all that is random.")]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1, max=4096, envvar="NAS_WORKERS",
        help="Processes that train; default: one a core, up to four. More than one start Ray.",
    ),
]  # fmt: skip
RayAddress = Annotated[
    str | None, typer.Option(help="A Ray cluster to train on: auto, HOST:PORT or ray://HOST:PORT; --workers of it.")
]
EndingOption = Annotated[
    Ending,
    typer.Option(help="How the network found is trained; of both the better on validation ships."),
]
Baselines = Annotated[
    bool, typer.Option("--baselines/--no-baselines", help="Train MobileNetV3 scaled to the same latency, to compare.")
]
RecipeOption = Annotated[RecipeChoice, typer.Option(help="How networks are trained, baselines too.")]
OutOption = Annotated[Path | None, typer.Option(help="The run folder; an unfinished run in it goes on.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Start over in a run folder that exists.")]
