"""The options of a search and of NetAdapt, with their defaults: the only place that has them."""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from nas.algorithms.budgets import BUDGET_NAMES
from nas.algorithms.pipeline.context import (
    EndingName,
    EvaluatorName,
    Mode,
    Objective,
    ProposalKinds,
    SamplerName,
    Selection,
)
from nas.api.options.augment import read_augment
from nas.api.options.common import (
    AllowFailed,
    AugmentOption,
    Count,
    DataOption,
    Epochs,
    HeadOption,
    LatencyOption,
    MeanOption,
    NormEpsOption,
    PaddingOption,
    RecipeOption,
    SeedOption,
    SpaceOption,
    StdOption,
    TableOption,
    TaskOption,
    VoidOption,
    WeightsOption,
)
from nas.api.options.declare import DATA, FIND, LATENCY, MOST, NETADAPT, RESULT, SEARCH, TRAINING, option
from nas.api.options.limits import read_limits
from nas.api.options.setup import BatchOption, PrecisionOption, Setup
from nas.jobs import AugmentName, ImportanceName, SharingRule


class RunOptions(Setup, frozen=True, kw_only=True):
    """The options that every run has, as typed."""

    target_latency: Annotated[str, option(MOST, "The latency to meet: 15ms, 0.015s, 800us; or several: 8ms,10ms,15ms.")]
    latency: LatencyOption = "p50"
    resolution: Annotated[
        str | None,
        option(
            FIND,
            "Input in pixels, 224 or height x width, 192x320; of several one is chosen. Default: by data and target.",
        ),
    ] = None
    data: DataOption = "scenes"
    task: TaskOption = None
    head: HeadOption = None
    void: VoidOption = None
    images: Annotated[Annotated[int, Meta(ge=10)] | None, option(DATA, "Train on so many images; default: all.")] = None
    table: TableOption = None
    allow_failed: AllowFailed = False
    delta: Annotated[
        Annotated[float, Meta(ge=0.001, le=0.5)] | None,
        option(NETADAPT, "Least share of the latency that a step saves; default 0.01."),
    ] = None
    steps: Annotated[
        Annotated[int, Meta(ge=0, le=100_000)] | None,
        option(
            NETADAPT,
            "Mini-batches of fine-tuning: with --mode cheap of what a step takes, default 0; reference: of every "
            "proposal, default 4.",
        ),
    ] = None
    importance: Annotated[
        ImportanceName,
        option(NETADAPT, "Channels kept. l2: of the largest filters; taylor: that change the loss most."),
    ] = "taylor"
    proposals: Annotated[
        ProposalKinds,
        option(
            NETADAPT,
            "What is changed. channels: widths in blocks; all: stem, head, SE, activations, kernels and blocks too.",
        ),
    ] = "channels"
    select: Annotated[
        Selection, option(NETADAPT, "The choice. paired: loss with its interval; paper: the paper's ratio on top-1.")
    ] = "paired"
    mode: Annotated[
        Mode, option(NETADAPT, "reference: every proposal is tuned; cheap: looks untrained, cuts several at once.")
    ] = "cheap"
    export_steps: Annotated[bool, option(NETADAPT, "Write every step to RUN/steps: model, network, weights.")] = False
    epochs: Annotated[Epochs | None, option(TRAINING, "Epochs of the final training; default: by the data.")] = None
    train_resolution: Annotated[
        Annotated[int, Meta(ge=32, le=1024)] | None,
        option(TRAINING, "Shorter side of the first training images in pixels."),
    ] = None
    ending: Annotated[
        EndingName | None,
        option(
            TRAINING,
            "How the network found is trained; of both the better on validation ships. Default: both, or inherited "
            "where weights are given.",
        ),
    ] = None
    keep: Annotated[str | None, option(FIND, "Parts of the network that may not change, like stem,s0,s2b1,head.")] = (
        None
    )
    max_parameters: Annotated[
        str | None, option(FIND, "The most parameters that a network may have: 2500000 or 2.5M.")
    ] = None
    max_macs: Annotated[
        str | None, option(FIND, "The most multiply-adds that a network may take for an image: 300M or 1.2G.")
    ] = None
    baselines: Annotated[bool, option(TRAINING, "Train MobileNetV3 scaled to the same latency, to compare.")] = True
    recipe: RecipeOption = "modern"
    augment: AugmentOption = None
    workers: Annotated[
        Annotated[int, Meta(ge=1, le=4096)] | None,
        option(
            TRAINING,
            "Processes that train; default: one a core, up to four. More than one start Ray.",
            variable="NAS_WORKERS",
        ),
    ] = None
    ray_address: Annotated[
        str | None,
        option(TRAINING, "A Ray cluster to train on: auto, HOST:PORT or ray://HOST:PORT; --workers of it."),
    ] = None
    seed: SeedOption = 0
    out: Annotated[Path | None, option(MOST, "The run folder; an unfinished run in it goes on.")] = None
    fresh: Annotated[bool, option(RESULT, "Start over in a run folder that exists.")] = False

    @property
    def keep_parts(self) -> tuple[str, ...]:
        """The names of the parts to keep."""
        return tuple(part.strip() for part in self.keep.split(",")) if self.keep else ()

    @property
    def augment_names(self) -> tuple[AugmentName, ...] | None:
        """The augmentations asked for; None leaves them to the recipe. Raises NasError for an unknown name."""
        return read_augment(self.augment)

    @property
    def limits(self) -> dict[str, int]:
        """The limits of the budgets that were given, by name; raises NasError for a text that is no number."""
        return read_limits({name: getattr(self, f"max_{name}") for name in BUDGET_NAMES})

    def __post_init__(self) -> None:
        _ = self.limits, self.augment_names  # what is wrong is refused before anything is loaded


class SearchOptions(RunOptions, frozen=True, kw_only=True, tag="search"):
    """The options of a search. What is None follows from the data and the evaluator."""

    source: Annotated[
        tuple[str, ...],
        option(
            MOST,
            "Pretrained weights to begin with instead of a space; of several the best goes on. A file, a run folder, "
            "pretrained:NAME, timm:NAME or torchvision:NAME.",
            "--from",
        ),
    ] = ()
    space: SpaceOption = "mobilenet_v3_large"
    budget: Annotated[
        str | None, option(MOST, "Time for all of it, like 30m or 2h: what is not asked for is chosen to fit.")
    ] = None
    evaluator: Annotated[
        EvaluatorName | None,
        option(
            SEARCH,
            "Score architectures by shared weights (supernet, the default where the budget is enough), train each, or "
            "count their parameters.",
        ),
    ] = None
    sharing: Annotated[
        SharingRule, option(SEARCH, "A step of shared weights: one network, or the largest, the smallest and two more.")
    ] = "single-path"
    sampler: Annotated[SamplerName | None, option(SEARCH, "Who proposes; default: by the evaluator.")] = None
    trials: Annotated[Count | None, option(SEARCH, "Architectures scored; default: by the evaluator.")] = None
    trial_epochs: Annotated[Epochs | None, option(SEARCH, "Epochs of a trial, or of the shared weights.")] = None
    headroom: Annotated[
        Annotated[float, Meta(ge=1, le=3)] | None,
        option(SEARCH, "How far above the target the blocks may be; default: the table's error."),
    ] = None
    objective: Annotated[Objective, option(SEARCH, "Accuracy under the constraint, or MnasNet's reward.")] = (
        "constraint"
    )
    reward_exponent: Annotated[
        Annotated[float, Meta(ge=-2, le=0)],
        option(SEARCH, "Of latency in the reward: -0.07, or -0.15 for small networks."),
    ] = -0.07
    pareto: Annotated[bool, option(SEARCH, "Find the whole front between the targets; train none to the end.")] = False
    mean: MeanOption = None
    std: StdOption = None
    norm_eps: NormEpsOption = None
    padding: PaddingOption = None


class NetAdaptOptions(RunOptions, frozen=True, kw_only=True, tag="netadapt"):
    """The options of NetAdapt without a search."""

    source: Annotated[
        str,
        option(
            MOST,
            "ARCH to start from, or weights of a known one: a file, a run folder, pretrained:NAME, timm:NAME or "
            "torchvision:NAME.",
            "--from",
        ),
    ]
    weights: WeightsOption = None
    mean: MeanOption = None
    std: StdOption = None
    norm_eps: NormEpsOption = None
    padding: PaddingOption = None


class TrainOptions(Struct, frozen=True, kw_only=True):
    """The options of training one network."""

    data: DataOption = "scenes"
    task: TaskOption = None
    head: HeadOption = None
    void: VoidOption = None
    out: Annotated[Path, option(RESULT, "The weights file to write.")] = Path("weights.safetensors")
    epochs: Annotated[
        Annotated[float, Meta(ge=0, le=10_000)] | None, option(TRAINING, "Default: by the number of images.")
    ] = None
    weights: Annotated[
        Path | None,
        option(TRAINING, "Start from these weights and fine-tune gently: a file, a run folder, or a name."),
    ] = None
    train_resolution: Annotated[
        Annotated[int, Meta(ge=8, le=2048)] | None,
        option(TRAINING, "Shorter side of the first training images in pixels."),
    ] = None
    recipe: RecipeOption = "modern"
    augment: AugmentOption = None
    teacher: Annotated[
        str | None, option(TRAINING, "ARCH or run folder of a network to learn from beside the labels.")
    ] = None
    teacher_weights: Annotated[Path | None, option(TRAINING, "Its weights, if it has none.")] = None
    seed: SeedOption = 0
    mean: MeanOption = None
    std: StdOption = None
    norm_eps: NormEpsOption = None
    padding: PaddingOption = None

    @property
    def augment_names(self) -> tuple[AugmentName, ...] | None:
        """The augmentations asked for; None leaves them to the recipe. Raises NasError for an unknown name."""
        return read_augment(self.augment)

    def __post_init__(self) -> None:
        _ = self.augment_names


class ExportOptions(Struct, frozen=True, kw_only=True):
    """The options of writing a network as a model file."""

    out: Annotated[Path, option(RESULT, "The file to write.")]
    format: Annotated[Literal["onnx", "tflite"], option(RESULT, "The format to write.")] = "onnx"
    precision: PrecisionOption = "float32"
    batch: BatchOption = 1
    nms: Annotated[
        bool,
        option(RESULT, "Put non-maximum suppression into a detector (ONNX): it then gives boxes, class and score."),
    ] = False
    resolution: Annotated[
        str | None, option(RESULT, "Input in pixels: 224, or height x width like 192x320; default: that of ARCH.")
    ] = None
    data: Annotated[str | None, option(DATA, "Images to compare outputs on and, for int8, to take ranges from.")] = None
    task: TaskOption = None
    void: VoidOption = None
    weights: WeightsOption = None
    mean: MeanOption = None
    std: StdOption = None
    norm_eps: NormEpsOption = None
    padding: PaddingOption = None


class PriceOptions(Setup, frozen=True, kw_only=True):
    """The options of a price."""

    table: TableOption = None
    allow_failed: AllowFailed = False
    latency: LatencyOption = "p50"


class MeasureOptions(Setup, frozen=True, kw_only=True):
    """The options of a measurement."""

    table: Annotated[
        str | None, option(LATENCY, "The latency table whose speed to tell too; default: this device's own, if any.")
    ] = None
    latency: LatencyOption = "p50"


class GuidelineOptions(Setup, frozen=True, kw_only=True):
    """The options of measuring rules of thumb."""

    only: Annotated[
        tuple[str, ...], option(MOST, "A guideline by name; may be given several times. Default: all.")
    ] = ()
    out: Annotated[Path | None, option(MOST, "A folder for guidelines.json and guidelines.html.")] = None


class TableOptions(Setup, frozen=True, kw_only=True):
    """The options of building a latency table."""

    out: Annotated[Path, option(RESULT, "File to write.")]
    space: SpaceOption = "mobilenet_v3_large"
    resolution: Annotated[
        str | None,
        option(
            FIND,
            "Input in pixels, default 224, or height x width like 192x320. Of several (160,192,224) one is chosen.",
        ),
    ] = None
    quick: Annotated[bool, option(LATENCY, "Validate on 10 held-out networks.")] = False
    strict: Annotated[bool, option(LATENCY, "Validate on 59 held-out networks.")] = False
    seed: SeedOption = 0
    budget: Annotated[Annotated[float, Meta(ge=1)], option(LATENCY, "Seconds; three rounds are always taken.")] = 150.0
