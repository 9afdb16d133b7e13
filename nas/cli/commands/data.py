"""`nas data`: what is understood of a data set, without training anything."""

import io
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from nas.api.options.resolution import parse_one
from nas.cli.text.output import Json, emit
from nas.design.architecture import LEAST_SIDE
from nas.design.size import describe_size

if TYPE_CHECKING:
    from nas.nets.data.reading.inspection import Inspection

_WIDTH = 120
_MOST_CLASSES = 40  # rows; of more classes the largest and the smallest are shown


def data(
    path: Annotated[str, typer.Argument(metavar="PATH", help="scenes, digits, a folder of images, or an .npz file.")],
    resolution: Annotated[
        str | None,
        typer.Option(help="The largest resolution that will be used, default 256; 192x320 is height x width."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the splits that the data set lacks.")] = 0,
    as_json: Json = False,
) -> None:
    """Show what is read from a data set: layout, classes, splits, what is left out and why, copies, warnings.

    Example: nas data photos/
    """
    from nas.nets.data.dataset import describe_data
    from nas.nets.data.reading.inspection import inspect_data

    description, parts = describe_data(
        path, seed, None if resolution is None else parse_one(resolution, least=LEAST_SIDE)
    )
    found = inspect_data(description, parts)
    emit(found, as_json, _text(found))


def _text(found: "Inspection") -> str:
    """Return an inspection as tables and lines."""
    out = Console(file=io.StringIO(), width=_WIDTH, color_system=None)
    for table in (_summary(found), _classes(found), _left_out(found)):
        if table.row_count:
            out.print(table)
    for kind, lines in (("Note", found.notes), ("Warning", found.warnings)):
        for line in lines:
            if line.startswith("Left out:"):
                continue  # these are in the table
            out.print(f"{kind}: {line}", markup=False, highlight=False, soft_wrap=True)
    written = out.file
    assert isinstance(written, io.StringIO)
    return written.getvalue()


def _summary(found: "Inspection") -> Table:
    table = Table("", "", show_header=False)
    sides = found.sides
    rows = {
        "task": found.task,
        "layout": found.layout,
        "classes": str(len(found.classes)),
        "splits": ", ".join(
            f"{split} {count}{' (split off train)' if split in found.split_off else ''}"
            for split, count in found.splits.items()
        ),
        "largest class": f"{found.largest_share:.1%} of the training images",
        "shorter sides": f"{sides['least']} to {sides['most']} px; 10, 50 and 90 %: {sides['p10']}, {sides['p50']}, "
        f"{sides['p90']} px",
        "stored at": f"{describe_size(found.stored_resolution)} px",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _classes(found: "Inspection") -> Table:
    """Return the images of each class by split; of many classes the largest and the smallest."""
    table = Table("class", *(f"{split}" for split in found.counts), "share of train")
    for column in table.columns[1:]:
        column.justify = "right"
    train, count = found.counts["train"], len(found.classes)
    order = range(count) if count <= _MOST_CLASSES else sorted(range(count), key=lambda k: -train[k])
    half = _MOST_CLASSES // 2
    for place, k in enumerate(order):
        if count <= _MOST_CLASSES or place < half or place >= count - half:
            numbers = [str(counts[k]) for counts in found.counts.values()]
            table.add_row(_plain(found.classes[k]), *numbers, f"{train[k] / sum(train):.1%}")
        elif place == half:
            table.add_row(f"... {count - _MOST_CLASSES} more", *[""] * (len(found.counts) + 1))
    return table


def _left_out(found: "Inspection") -> Table:
    table = Table("left out", "count", "examples")
    for row in found.left_out:
        table.add_row(_plain(row.reason), str(row.count), _plain(", ".join(row.examples)))
    return table


def _plain(text: str) -> str:
    """Return text in which no character is taken for a style."""
    from rich.markup import escape

    return escape(text)
