"""`nas search` and `nas netadapt`: options in, a run folder out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli.commands.resume import resume
from nas.cli.options.bench import (
    AllowFailed,
    BatchOption,
    DeviceOption,
    Gap,
    Latency,
    LatencyOption,
    Precision,
    PrecisionOption,
    RuntimeName,
    Setup,
    Threads,
)
from nas.cli.options.resolution import SearchResolution, parse_resolution, resolved_or_auto
from nas.cli.options.shared import (
    DEFAULT_DATA,
    Baselines,
    DataOption,
    Delta,
    Ending,
    EndingOption,
    Epochs,
    EvaluatorChoice,
    ExportSteps,
    Fresh,
    ImportanceChoice,
    ImportanceOption,
    ModeChoice,
    ModeOption,
    ObjectiveChoice,
    OutOption,
    Proposals,
    ProposalsOption,
    RayAddress,
    RecipeChoice,
    RecipeOption,
    Sampler,
    SeedOption,
    Select,
    SelectOption,
    SharingChoice,
    Steps,
    TableOption,
    Target,
    TargetOrNone,
    TrainResolution,
    Workers,
)
from nas.cli.options.start_network import Mean, NormEps, PaddingOption, Std, open_network, read_given
from nas.cli.text.output import Json
from nas.design.space import load_space
from nas.errors import NasError

if TYPE_CHECKING:
    from nas.search.pipeline.context import SamplerName


def search(
    target_latency: Target,
    space: Annotated[str, typer.Option(help="A shipped space or a TOML file.")] = "mobilenet_v3_large",
    data: DataOption = DEFAULT_DATA,
    runtime: RuntimeName = "onnxruntime",
    precision: PrecisionOption = Precision.float32,
    threads: Threads = 1,
    batch: BatchOption = 1,
    device: DeviceOption = None,
    gap_ms: Gap = 0.0,
    latency: LatencyOption = Latency.p50,
    table: TableOption = None,
    allow_failed: AllowFailed = False,
    resolution: SearchResolution = None,
    train_resolution: TrainResolution = None,
    evaluator: Annotated[
        EvaluatorChoice,
        typer.Option(help="Score architectures by shared weights, train each, or count their parameters."),
    ] = EvaluatorChoice.supernet,
    sharing: Annotated[
        SharingChoice,
        typer.Option(help="A step of shared weights: one network, or the largest, the smallest and two more."),
    ] = SharingChoice.single_path,
    sampler: Annotated[Sampler | None, typer.Option(help="Who proposes; default: by the evaluator.")] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Architectures scored; default: by the evaluator.")] = None,
    trial_epochs: Annotated[
        float | None, typer.Option(min=0.1, max=10_000, help="Epochs of a trial, or of the shared weights.")
    ] = None,
    epochs: Epochs = None,
    headroom: Annotated[
        float | None,
        typer.Option(min=1.0, max=3.0, help="How far above the target the blocks may be; default: the table's error."),
    ] = None,
    objective: Annotated[ObjectiveChoice, typer.Option(help="Accuracy under the constraint, or MnasNet's reward.")] = (
        ObjectiveChoice.constraint
    ),
    reward_exponent: Annotated[
        float, typer.Option(min=-2.0, max=0.0, help="Of latency in the reward: -0.07, or -0.15 for small networks.")
    ] = -0.07,
    pareto: Annotated[
        bool, typer.Option("--pareto", help="Find the whole front between the targets; train none to the end.")
    ] = False,
    delta: Delta = None,
    steps: Steps = None,
    importance: ImportanceOption = ImportanceChoice.taylor,
    proposals: ProposalsOption = Proposals.channels,
    select: SelectOption = Select.paired,
    mode: ModeOption = ModeChoice.cheap,
    export_steps: ExportSteps = False,
    ending: EndingOption = Ending.both,
    baselines: Baselines = True,
    seed: SeedOption = 0,
    recipe: RecipeOption = RecipeChoice.modern,
    workers: Workers = None,
    ray_address: RayAddress = None,
    budget: Annotated[
        str | None, typer.Option(help="Time for all of it, like 30m or 2h: what is not asked for is chosen to fit.")
    ] = None,
    images: Annotated[int | None, typer.Option(min=10, help="Train on so many images; default: all.")] = None,
    out: OutOption = None,
    fresh: Fresh = False,
    as_json: Json = False,
) -> None:
    """Find, train, export and prove the most accurate network within a latency target.

    Example: nas search --target-latency 15ms --data photos/ --runtime onnxruntime
    """
    blocks, side = resolved_or_auto(load_space(space), resolution)
    from nas.cli.options.request import RunOptions, SearchOptions
    from nas.cli.running.runs import run

    setup = Setup(runtime, threads, batch, precision.value, device, gap_ms)
    common = RunOptions(
        target_latency, data, setup, table, allow_failed, side, train_resolution, epochs, delta, steps, seed,
        recipe.value, workers, ray_address, budget, images, out, fresh, as_json,
        importance.value, proposals.value, select.value, mode.value, export_steps, ending.value, baselines,
        latency=latency.value,
    )  # fmt: skip
    chosen: SamplerName | None = sampler.value if sampler else None
    run(
        common,
        SearchOptions(
            blocks,
            evaluator.value,
            chosen,
            trials,
            trial_epochs,
            headroom,
            objective.value,
            reward_exponent,
            pareto,
            sharing.value,
        ),
    )


def _alone(ctx: typer.Context) -> None:
    """Raise where `--resume` has company: what else is given would go unheard."""
    given = [param for param in ctx.command.params if param.name and _typed(ctx, param.name)]
    others = [param.opts[0] for param in given if param.name not in {"unfinished", "as_json"}]
    if others:
        raise NasError(
            f"--resume goes on as the run was begun and takes no other options, but {', '.join(others)} "
            f"{'was' if len(others) == 1 else 'were'} given. Leave out what is more, or start another run with --out."
        )


def _typed(ctx: typer.Context, name: str) -> bool:
    """Whether an option comes from the command line."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def netadapt(
    ctx: typer.Context,
    source: Annotated[
        str | None,
        typer.Option(
            "--from", help="ARCH to start from, or weights of a known one: torchvision's or timm's state dict."
        ),
    ] = None,
    target_latency: TargetOrNone = None,
    weights: Annotated[Path | None, typer.Option(help="Weights of ARCH: .safetensors or .pth, ours or theirs.")] = None,
    mean: Mean = None,
    std: Std = None,
    norm_eps: NormEps = None,
    padding: PaddingOption = None,
    data: DataOption = DEFAULT_DATA,
    runtime: RuntimeName = "onnxruntime",
    precision: PrecisionOption = Precision.float32,
    threads: Threads = 1,
    batch: BatchOption = 1,
    device: DeviceOption = None,
    gap_ms: Gap = 0.0,
    latency: LatencyOption = Latency.p50,
    table: TableOption = None,
    allow_failed: AllowFailed = False,
    resolution: SearchResolution = None,
    train_resolution: TrainResolution = None,
    epochs: Epochs = None,
    delta: Delta = None,
    steps: Steps = None,
    importance: ImportanceOption = ImportanceChoice.taylor,
    proposals: ProposalsOption = Proposals.channels,
    select: SelectOption = Select.paired,
    mode: ModeOption = ModeChoice.cheap,
    export_steps: ExportSteps = False,
    ending: EndingOption = Ending.both,
    baselines: Baselines = True,
    seed: SeedOption = 0,
    recipe: RecipeOption = RecipeChoice.modern,
    workers: Workers = None,
    ray_address: RayAddress = None,
    out: OutOption = None,
    fresh: Fresh = False,
    as_json: Json = False,
    unfinished: Annotated[
        Path | None, typer.Option("--resume", help="Go on with an unfinished run; takes no other options.")
    ] = None,
) -> None:
    """Shrink a network layer by layer until it meets a latency target, without the block search.

    Example: nas netadapt --from mobilenet_v3_large --target-latency 5ms --data photos/
    """
    if unfinished is not None:
        _alone(ctx)
        resume(unfinished, as_json)
        return
    if source is None or target_latency is None:
        missing = [name for name, value in (("--from", source), ("--target-latency", target_latency)) if value is None]
        raise NasError(f"{' and '.join(missing)} must be given, or --resume RUN. See: nas netadapt --help")
    start = open_network(source, weights, read_given(mean, std, norm_eps, padding), "--from")
    architecture, weights = start.architecture, start.weights
    side = parse_resolution(resolution, architecture.resolution)
    from nas.cli.options.request import NetAdaptOptions, RunOptions
    from nas.cli.running.runs import run

    setup = Setup(runtime, threads, batch, precision.value, device, gap_ms)
    common = RunOptions(
        target_latency, data, setup, table, allow_failed, side, train_resolution, epochs, delta,
        steps, seed, recipe.value, workers, ray_address, None, None, out, fresh, as_json,
        importance.value, proposals.value, select.value, mode.value, export_steps, ending.value, baselines,
        latency=latency.value,
    )  # fmt: skip
    run(common, NetAdaptOptions(architecture, weights))
