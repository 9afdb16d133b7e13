"""`nas price`, `nas measure` and `nas table`: latency from a table and by the clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli.latency_text import card_text, measure_text, price_text, table_text
from nas.cli.output import Json, emit, log, progress_console
from nas.design.architecture import Architecture
from nas.design.cost import macs, op_macs, op_params, params
from nas.design.files import resolve
from nas.design.plan import Plan, lower
from nas.design.space import load_space
from nas.latency.entry import entries
from nas.latency.timing import Estimate

if TYPE_CHECKING:
    from nas.bench.rounds import Progress
    from nas.latency.table import LatencyTable

Arch = Annotated[str, typer.Argument(metavar="ARCH", help="A known network's name or an architecture.json.")]
RuntimeName = Annotated[str, typer.Option("--runtime", help="onnxruntime or torch.")]
TableFile = Annotated[str, typer.Argument(metavar="FILE", help="A latency table.")]

table_app = typer.Typer(help="Build, show and check latency tables.", no_args_is_help=True)


@contextmanager
def progress_bar() -> Iterator["Progress"]:
    """A bar on stderr, as a `Progress`."""
    from rich.progress import Progress as Bar

    with Bar(console=progress_console, transient=True) as bar:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=max(total, done))

        yield show


def price(
    arch: Arch,
    table: Annotated[str | None, typer.Option(help="A latency table; default: this machine's own.")] = None,
    runtime: RuntimeName = "onnxruntime",
    as_json: Json = False,
) -> None:
    """Parameters, multiply-adds and the predicted latency of a network, op by op.

    Without --table this machine's cached table is used; where there is none, predicted_ms is null.
    Entries that a table lacks are measured and kept.

    Example: nas price mobilenet_v3_large-0.75-192 --json
    """
    name, architecture = resolve(arch)
    estimate = _estimate(architecture, table, runtime)
    plan = lower(architecture)
    ops = _priced_ops(estimate) if estimate else _bare_ops(plan)
    document = {
        "name": name,
        "resolution": architecture.resolution,
        "params": params(plan),
        "macs": macs(plan),
        "predicted_ms": estimate.ms if estimate else None,
        "error_bound_ms": estimate.error_bound_ms if estimate else None,
        "ops": ops,
    }
    emit(document, as_json, price_text(document, estimate))


def _estimate(architecture: Architecture, table: str | None, runtime: str) -> Estimate | None:
    from nas.bench.machine import conditions
    from nas.bench.pricer import Pricer
    from nas.cli.tables import keeps_entries, table_path
    from nas.latency.cache import find_table
    from nas.latency.table import read_table
    from nas.runtimes import open_runtime

    named = table_path(table) if table else None
    known = read_table(named) if named else None
    opened = open_runtime(known.header.conditions.runtime if known else runtime)
    here = conditions(opened)
    path = named or find_table(here, resolution=architecture.resolution) or find_table(here)
    if path is None:
        return None
    keeps = path if keeps_entries(path) else None
    with progress_bar() as progress:
        pricer = Pricer(known or read_table(path), opened, keeps, progress=progress)
        estimate = pricer(architecture)
    if pricer.measured:
        log(f"Measured {pricer.measured} entries that {path} lacked{', and kept them there' if keeps else ''}.")
    return estimate


def _priced_ops(estimate: Estimate) -> list[dict[str, object]]:
    return [
        {"name": part.name, "op": part.key, "params": part.params, "macs": part.macs, "ms": part.ms}
        for part in estimate.parts
    ]


def _bare_ops(plan: Plan) -> list[dict[str, object]]:
    return [
        {
            "name": entry.name,
            "op": entry.key,
            "params": sum(op_params(op) for op in entry.ops),
            "macs": sum(op_macs(op) for op in entry.ops),
            "ms": None,
        }
        for entry in entries(plan)
    ]


def measure(arch: Arch, runtime: RuntimeName = "onnxruntime", as_json: Json = False) -> None:
    """Latency of a whole network by the clock: batch 1, one thread, in turns with a reference network.

    Example: nas measure mobilenet_v3_small --runtime onnxruntime --json
    """
    from nas.bench.measure import measure as take
    from nas.runtimes import open_runtime

    name, architecture = resolve(arch)
    opened = open_runtime(runtime)
    found = take(opened.compile(lower(architecture)), opened)
    document = {
        "runtime": found.runtime,
        "measured_ms": found.measured_ms,
        "p10_ms": found.p10_ms,
        "p90_ms": found.p90_ms,
        "runs": found.runs,
        "contended": found.contended,
        "floor_ms": found.floor_ms,
    }
    emit(document, as_json, measure_text(name, found))


@table_app.command("build")
def table_build(
    out: Annotated[Path, typer.Option(help="File to write.")],
    space: Annotated[str, typer.Option(help="A shipped space or a TOML file.")] = "mobilenet_v3_large",
    runtime: RuntimeName = "onnxruntime",
    resolution: Annotated[int, typer.Option(min=32, max=2048, help="Side of the input in pixels.")] = 224,
    seed: Annotated[int, typer.Option(help="Seed of orders and of held-out networks.")] = 0,
    budget: Annotated[float, typer.Option(min=1, help="Seconds; three rounds are always taken.")] = 150,
    as_json: Json = False,
) -> None:
    """Time every op of a space on this machine, calibrate on whole networks, validate on others.

    Example: nas table build --space mobilenet_v3_large --runtime onnxruntime --out table.jsonl
    """
    from nas.bench.build import build_table
    from nas.runtimes import open_runtime

    with progress_bar() as progress:
        table = build_table(load_space(space), open_runtime(runtime), out, seed, resolution, budget, progress)
    emit(_summary(table), as_json, table_text(table))


@table_app.command("show")
def table_show(
    file: TableFile,
    rows: Annotated[bool, typer.Option("--entries", help="List every entry in the text form too.")] = False,
    as_json: Json = False,
) -> None:
    """What a table is of and how well it predicts.

    Example: nas table show table.jsonl
    """
    from nas.cli.tables import table_path
    from nas.latency.table import read_table

    table = read_table(table_path(file))
    listed = [f"{timing.ms:9.4f} ms  {key}" for key, timing in table.timings.items()] if rows else []
    document = {**_summary(table), "timings": table.timings}
    emit(document, as_json, "\n".join([table_text(table), *listed]))


@table_app.command("check")
def table_check(
    file: TableFile,
    space: Annotated[str | None, typer.Option(help="Space to draw from; default: the table's own.")] = None,
    count: Annotated[int, typer.Option(min=2, max=200, help="How many fresh networks.")] = 20,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 1_000_003,
    as_json: Json = False,
) -> None:
    """Measure fresh held-out networks and print the report card.

    Example: nas table check table.jsonl
    """
    from nas.bench.check import check_table
    from nas.cli.tables import table_path
    from nas.latency.table import read_table
    from nas.runtimes import open_runtime

    table = read_table(table_path(file))
    chosen = load_space(space or table.header.space)
    with progress_bar() as progress:
        runtime = open_runtime(table.header.conditions.runtime)
        found = check_table(table, chosen, runtime, count, seed, progress)
    emit(found, as_json, card_text(found))


def _summary(table: "LatencyTable") -> dict[str, object]:
    from msgspec.structs import asdict

    return {**asdict(table.header), "entries": len(table.timings)}
