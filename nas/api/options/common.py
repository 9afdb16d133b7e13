"""Options that several commands have, each declared once."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from nas.api.options.declare import DATA, FIND, LATENCY, MOST, RESULT, TRAINING, WEIGHTS, option
from nas.design.dense.head import HeadName, TaskName
from nas.design.op import Padding
from nas.jobs import RecipeName
from nas.latency.statistic import LatencyName

Count = Annotated[int, Meta(ge=1)]
Epochs = Annotated[float, Meta(ge=0.1, le=10_000)]

TableOption = Annotated[str | None, option(LATENCY, "A latency table; default: this machine's.")]
AllowFailed = Annotated[bool, option(LATENCY, "Take a table whose validation failed, too.")]
LatencyOption = Annotated[
    LatencyName, option(LATENCY, "The median of runs, or what 90 % or 99 % of all runs keep (for deadlines).")
]
DataOption = Annotated[
    str,
    option(
        MOST,
        "scenes, digits, a folder of class folders, an archive, a table, shards, hf:OWNER/NAME, or an .npz file.",
    ),
]
TaskOption = Annotated[TaskName | None, option(MOST, "What networks are for; default: what the data is of.")]
HeadOption = Annotated[
    HeadName | None,
    option(FIND, "What stands behind the backbone of a detector or segmenter; default: ssdlite, lraspp."),
]
VoidOption = Annotated[
    Annotated[int, Meta(ge=0, le=255)] | None,
    option(DATA, "The value in class images of pixels that count for nothing."),
]
SpaceOption = Annotated[str, option(FIND, "A shipped space or a TOML file.")]
RecipeOption = Annotated[
    RecipeName,
    option(TRAINING, "How networks are trained, baselines too; strong is modern with more augmentation: many epochs."),
]
AugmentOption = Annotated[
    str | None,
    option(
        TRAINING,
        "Changes of training images, like crop,flip,mixup: some of shift, crop, flip, vertical-flip, jitter, "
        "randaugment, erasing, mixup and cutmix, or none. Default: the recipe's.",
    ),
]
SeedOption = Annotated[Annotated[int, Meta(ge=0)], option(RESULT, "Seed of all that is random.")]


WeightsOption = Annotated[
    Path | None,
    option(FIND, "Weights of ARCH: a file, ours or another library's, a run folder, or a name like timm:NAME."),
]
MeanOption = Annotated[str | None, option(WEIGHTS, "Mean of the input, of pixels from 0 to 1, like 0.5,0.5,0.5.")]
StdOption = Annotated[str | None, option(WEIGHTS, "Its standard deviation, like 0.5,0.5,0.5.")]
NormEpsOption = Annotated[
    Annotated[float, Meta(ge=1e-12, le=0.1)] | None, option(WEIGHTS, "Epsilon of the weights' batch norms.")
]
PaddingOption = Annotated[Padding | None, option(WEIGHTS, "Padding of strided convolutions.")]
