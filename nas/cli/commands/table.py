"""`nas table`: build, show and check latency tables."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import asdict, replace

from nas.api.options.resolution import resolved
from nas.api.options.setup import open_bench, setup_of
from nas.api.options.structs import TableOptions
from nas.cli.commands.table_files import table_diff, table_merge, table_subset
from nas.cli.options.takes import takes
from nas.cli.text.latency_text import entries_text, report_card_text, table_text
from nas.cli.text.output import Json, emit, log, progress_bar
from nas.design.files import resolve
from nas.design.space import load_space
from nas.latency.table_file.shipped import table_path

if TYPE_CHECKING:
    from nas.latency.table import LatencyTable

TableFile = Annotated[str, typer.Argument(metavar="FILE", help="A latency table: a path, or a shipped one's name.")]
BoardOption = Annotated[str | None, typer.Option("--device", help="The board it is of, ssh://USER@HOST[:PORT].")]

table_app = typer.Typer(help="Build, show, check, port and combine latency tables.", no_args_is_help=True)


@table_app.command("build")
@takes(TableOptions)
def table_build(options: TableOptions, as_json: Json = False) -> None:
    """Time every op of a space on a device, calibrate on whole networks, validate on others.

    Example: nas table build --space mobilenet_v3_large --runtime onnxruntime --out table.jsonl
    """
    from nas.bench.tables.build import build_table
    from nas.bench.tables.held_out import QUICK, STRICT, USUAL

    held_out = QUICK if options.quick else STRICT if options.strict else USUAL
    chosen, side = resolved(load_space(options.space), options.resolution)
    bench, out = open_bench(options, log), options.out
    with progress_bar() as progress:
        table = build_table(chosen, bench, out, options.seed, side, options.budget, held_out, progress)
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
    from nas.latency.table import read_table

    table = read_table(table_path(file))
    listed = [entries_text(table)] if rows else []
    document = {**_summary(table), "timings": table.timings}
    emit(document, as_json, "\n\n".join([table_text(table), *listed]))


@table_app.command("check")
def table_check(
    file: TableFile,
    space: Annotated[str | None, typer.Option(help="Space to draw from; default: the table's own.")] = None,
    device: BoardOption = None,
    count: Annotated[int, typer.Option(min=2, max=200, help="How many fresh networks.")] = 20,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 1_000_003,
    as_json: Json = False,
) -> None:
    """Measure fresh held-out networks and print the report card.

    Example: nas table check table.jsonl
    """
    from nas.bench.tables.check import check_table
    from nas.latency.table import read_table

    table = read_table(table_path(file))
    chosen = load_space(space or table.header.space).at(*table.header.resolutions)
    bench = open_bench(setup_of(table.header, device), log)
    with progress_bar() as progress:
        found = check_table(table, chosen, bench, count, seed, progress)
    document = {**asdict(found), "statistic": table.header.statistic}
    emit(document, as_json, report_card_text(found, table.header.statistic))


@table_app.command("import")
def table_import(
    file: TableFile,
    out: Annotated[Path, typer.Option(help="File to write.")],
    space: Annotated[str | None, typer.Option(help="Space to draw from; default: the table's own.")] = None,
    device: BoardOption = None,
    count: Annotated[int, typer.Option(min=5, max=200, help="How many networks are measured here.")] = 8,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
    as_json: Json = False,
) -> None:
    """Take over the table of a sibling device: a few networks measured here give one scale, if it holds.

    Example: nas table import phone.jsonl --out this-phone.jsonl
    """
    from nas.bench.tables.recognise import import_table
    from nas.latency.table import read_table, write_table

    theirs = read_table(table_path(file))
    bench = open_bench(setup_of(theirs.header, device), log)
    with progress_bar() as progress:
        chosen = load_space(space or theirs.header.space).at(*theirs.header.resolutions)
        table = import_table(theirs, Path(file).name, chosen, bench, count, seed, progress)
    write_table(out, table)
    emit(_summary(table), as_json, table_text(table))


@table_app.command("widen")
def table_widen(
    file: TableFile,
    arch: Annotated[str, typer.Argument(metavar="ARCH", help="A known network's name or an architecture.json.")],
    device: BoardOption = None,
    as_json: Json = False,
) -> None:
    """Measure the cuts of a network at so few widths that all others can be priced without the device, interpolated.

    Example: nas table widen table.jsonl mobilenet_v3_large
    """
    from nas.bench.pricer import Pricer
    from nas.bench.tables.widen import widen
    from nas.latency.table import read_table

    path = table_path(file)
    table = read_table(path)
    name, architecture = resolve(arch)
    with progress_bar() as progress:
        pricer = Pricer(table, open_bench(setup_of(table.header, device), log), path, progress)
        measured = sum(widen(pricer, replace(architecture, resolution=side)) for side in table.header.resolutions)
    document = {"table": str(path), "measured": measured, "entries": len(pricer.table.timings)}
    emit(
        document, as_json, f"{path}: {measured} entries measured for the cuts of {name}, {document['entries']} in all."
    )


table_app.command("merge")(table_merge)
table_app.command("diff")(table_diff)
table_app.command("subset")(table_subset)


def _summary(table: "LatencyTable") -> dict[str, object]:
    return {**asdict(table.header), "entries": len(table.timings)}
