"""`nas search` and `nas netadapt`: options in, a run folder out."""

from pathlib import Path
from typing import Annotated

import typer

from nas.api.options.declare import spell
from nas.api.options.structs import NetAdaptOptions, SearchOptions
from nas.cli.options.takes import takes
from nas.cli.text.output import Json, log
from nas.errors import NasError

HOME = Path("runs")


@takes(SearchOptions)
def search(options: SearchOptions, as_json: Json = False) -> None:
    """Find, train, export and prove the most accurate network within a latency target.

    Example: nas search --target-latency 15ms --data photos/ --runtime onnxruntime
    """
    from nas.api.runs import run_subject, search_subject
    from nas.cli.text.run_text import show_run, terminal

    show_run(run_subject(options, search_subject(options, log), HOME, terminal()), as_json)


@takes(NetAdaptOptions, required=False)
def netadapt(
    options: NetAdaptOptions | None,
    ctx: typer.Context,
    unfinished: Annotated[
        Path | None, typer.Option("--resume", help="Go on with an unfinished run; takes no other options.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Shrink a network layer by layer until it meets a latency target, without the block search.

    Example: nas netadapt --from mobilenet_v3_large --target-latency 5ms --data photos/
    """
    from nas.api.runs import netadapt_subject, run_subject
    from nas.cli.commands.resume import resume
    from nas.cli.text.run_text import show_run, terminal

    if unfinished is not None:
        _require_alone(ctx)
        resume(unfinished, as_json)
        return
    if options is None:
        missing = [name for name in ("--from", spell("target_latency")) if not _typed(ctx, name)]
        raise NasError(f"{' and '.join(missing)} must be given, or --resume RUN. See: nas netadapt --help")
    show_run(run_subject(options, netadapt_subject(options, log), HOME, terminal()), as_json)


def _require_alone(ctx: typer.Context) -> None:
    """Raise where `--resume` has company: what else is given would go unheard."""
    given = [param.opts[0] for param in ctx.command.params if _typed(ctx, param.opts[0])]
    others = [option for option in given if option not in {"--resume", "--json"}]
    if others:
        raise NasError(
            f"--resume goes on as the run was begun and takes no other options, but {', '.join(others)} "
            f"{'was' if len(others) == 1 else 'were'} given. Leave out what is more, or start another run with --out."
        )


def _typed(ctx: typer.Context, option: str) -> bool:
    """Whether an option comes from the command line."""
    name = next(param.name for param in ctx.command.params if option in param.opts)
    source = ctx.get_parameter_source(name) if name else None
    return source is not None and source.name == "COMMANDLINE"
