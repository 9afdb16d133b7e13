"""`nas table merge`, `diff` and `subset`: what one does with table files; nothing is measured."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.api.options.resolution import parse_resolutions, told_sides
from nas.cli.text.output import Json, emit
from nas.design.space import load_space

if TYPE_CHECKING:
    from nas.latency.table import LatencyTable
    from nas.latency.table_file.combine import Difference

First = Annotated[str, typer.Argument(metavar="A", help="A latency table.")]
Second = Annotated[str, typer.Argument(metavar="B", help="Another latency table.")]
OutFile = Annotated[Path, typer.Option(help="File to write.")]
AllowFailedTables = Annotated[bool, typer.Option("--allow-failed", help="Take tables whose validation failed, too.")]


def table_merge(
    a: First, b: Second, out: OutFile, allow_failed: AllowFailedTables = False, as_json: Json = False
) -> None:
    """The entries of two tables of the same conditions in one file, under the first one's calibration and report card.

    Of an entry in both, a measured one is kept over an interpolated or imported one, else the one of more rounds.

    Example: nas table merge large.jsonl small.jsonl --out both.jsonl
    """
    from nas.latency.table import write_table
    from nas.latency.table_file.combine import merge

    found = merge(_passed(a, allow_failed), _passed(b, allow_failed))
    write_table(out, found.table)
    document = {
        "table": str(out),
        "entries": len(found.table.timings),
        "added": found.added,
        "conflicts": found.conflicts,
        "replaced": found.replaced,
    }
    text = (
        f"{out}: {len(found.table.timings)} entries, {found.added} of them only in {b}; {found.conflicts} were in both "
        f"with different times, of which {found.replaced} were taken from {b}. Calibration and report card are those "
        f"of {a}: see with 'nas table check {out}' how well they hold for the rest."
    )
    emit(document, as_json, text)


def table_diff(a: First, b: Second, as_json: Json = False) -> None:
    """What sets two tables apart: conditions and other header fields, entries, and prices where both have one.

    Example: nas table diff yesterday.jsonl today.jsonl
    """
    from nas.latency.table_file.combine import diff

    found = diff(_read(a), _read(b))
    emit(found, as_json, _diff_text(a, b, found))


def table_subset(
    a: First,
    out: OutFile,
    space: Annotated[str, typer.Option(help="A shipped space or a TOML file.")],
    resolution: Annotated[
        str | None, typer.Option(help="Input in pixels, 224 or 192x320, or several; default: the table's own.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Only the entries that a space needs. Calibration and report card stay those of the whole table.

    Example: nas table subset both.jsonl --space mobilenet_v3_small --out small.jsonl
    """
    from nas.latency.table import write_table
    from nas.latency.table_file.combine import subset

    table = _read(a)
    sides = parse_resolutions(resolution) if resolution else table.header.resolutions
    found = subset(table, load_space(space).at(*sides))
    write_table(out, found)
    header = found.header
    document = {
        "table": str(out),
        "space": header.space,
        "resolutions": header.resolutions,
        "entries": len(found.timings),
        "left_out": len(table.timings) - len(found.timings),
    }
    text = (
        f"{out}: {len(found.timings)} of {len(table.timings)} entries, all that {header.space} needs at "
        f"{told_sides(header.resolutions)} px. Calibration and report card are those of {a}."
    )
    emit(document, as_json, text)


def _read(name: str) -> "LatencyTable":
    from nas.latency.table import read_table
    from nas.latency.table_file.shipped import table_path

    return read_table(table_path(name))


def _passed(name: str, allow_failed: bool) -> "LatencyTable":
    from nas.latency.trust import require_passed

    table = _read(name)
    require_passed(table, name, allow_failed)
    return table


def _diff_text(a: str, b: str, found: "Difference") -> str:
    lines = [f"{name}: {one!r} in {a}, {other!r} in {b}" for name, (one, other) in found.fields.items()]
    lines.append(
        f"entries: {found.common} in both, {len(found.only_first)} only in {a}, {len(found.only_second)} only in {b}"
    )
    if found.quantiles:
        low, p10, middle, p90, high = found.quantiles
        lines.append(
            f"prices of {b} over those of {a}: median {middle:.3f}, 10 % to 90 % {p10:.3f} to {p90:.3f}, "
            f"all {low:.3f} to {high:.3f}; furthest from the median:"
        )
    lines += [f"{c.ratio:8.3f}  {c.first_ms:9.4f} ms  {c.second_ms:9.4f} ms  {c.key}" for c in found.worst]
    return "\n".join(lines)
