"""Tables of what `nas data` found: of classes, boxes, masks, and of what was left out."""

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from nas.nets.data.reading.left_out import LeftOut
    from nas.tasks.detection.inspection import DetectionInspection
    from nas.tasks.segmentation.inspection import SegmentationInspection

_WIDTH = 120
_MOST_CLASSES = 40  # rows; of more classes the largest and the smallest are shown


def format_tables(tables: Sequence[Table], notes: Sequence[str], warnings: Sequence[str]) -> str:
    """Return tables that have rows, then notes and warnings, as text."""
    out = Console(file=io.StringIO(), width=_WIDTH, color_system=None)
    for table in tables:
        if table.row_count:
            out.print(table)
    for kind, lines in (("Note", notes), ("Warning", warnings)):
        for line in lines:
            if line.startswith("Left out:"):
                continue  # these are in the table
            out.print(f"{kind}: {line}", markup=False, highlight=False, soft_wrap=True)
    written = out.file
    assert isinstance(written, io.StringIO)
    return written.getvalue()


def format_detection(found: "DetectionInspection") -> str:
    """Return what is known of data with boxes as tables and lines."""
    rows = {
        "task": found.task,
        "layout": found.layout,
        "classes": str(len(found.classes)),
        "images": _list_splits(found.splits),
        "images without boxes": _list_splits(found.images_without_boxes),
        "boxes": _list_splits({split: sum(counts) for split, counts in found.counts.items()}),
        "sizes of boxes": _format_sizes(found.box_sides, "the square root of the area"),
        "shorter sides": _format_sizes(found.sides, "of the images"),
    }
    for kind in ("crowd", "difficult", "truncated"):
        counts = {split: flags[kind] for split, flags in found.flags.items()}
        rows |= {f"{kind} boxes": _list_splits(counts)} if any(counts.values()) else {}
    classes = counts_table(found.classes, found.counts, "boxes")
    tables = [pair_table(rows), classes, _area_table(found.box_areas), left_out_table(found.left_out)]
    return format_tables(tables, found.notes, found.warnings)


def format_segmentation(found: "SegmentationInspection") -> str:
    """Return what is known of data with masks as tables and lines."""
    rows = {
        "task": found.task,
        "layout": found.layout,
        "classes": str(len(found.classes)),
        "images": _list_splits(found.splits),
        "void": ", ".join(f"{split} {share:.1%}" for split, share in found.void.items()) + " of the pixels",
        "shorter sides": _format_sizes(found.sides, "of the images"),
    }
    classes = counts_table(found.classes, found.counts, "pixels")
    shown = counts_table(found.classes, found.images_with, "images that show it", share=False)
    tables = [pair_table(rows), classes, shown, left_out_table(found.left_out)]
    return format_tables(tables, found.notes, found.warnings)


def pair_table(rows: Mapping[str, str]) -> Table:
    """Return names and values as a table without heads."""
    table = Table("", "", show_header=False)
    for name, value in rows.items():
        table.add_row(name, escape_markup(value))
    return table


def counts_table(
    classes: Sequence[str], counts: Mapping[str, Sequence[int]], noun: str = "", share: bool = True
) -> Table:
    """Return what each class has by split, and its share of the first; of many classes the largest and the smallest."""
    first = next(iter(counts))
    heads = [f"{split} {noun}".strip() for split in counts] + ([f"share of {first}"] if share else [])
    table = Table("class", *heads)
    for column in table.columns[1:]:
        column.justify = "right"
    leading, count = counts[first], len(classes)
    order = range(count) if count <= _MOST_CLASSES else sorted(range(count), key=lambda k: -leading[k])
    half, total = _MOST_CLASSES // 2, max(sum(leading), 1)
    for place, k in enumerate(order):
        if count <= _MOST_CLASSES or place < half or place >= count - half:
            numbers = [str(values[k]) for values in counts.values()]
            table.add_row(escape_markup(classes[k]), *numbers, *([f"{leading[k] / total:.1%}"] if share else []))
        elif place == half:
            table.add_row(f"... {count - _MOST_CLASSES} more", *[""] * len(heads))
    return table


def left_out_table(rows: "Sequence[LeftOut]") -> Table:
    """Return what was left out, why, and three examples."""
    table = Table("left out", "count", "examples")
    for row in rows:
        table.add_row(escape_markup(row.reason), str(row.count), escape_markup(", ".join(row.examples)))
    return table


def _area_table(areas: Mapping[str, Mapping[str, float]]) -> Table:
    table = Table("boxes", "small (below 32² px)", "medium", "large (above 96² px)")
    for split, shares in areas.items():
        table.add_row(split, *(f"{shares[size]:.1%}" for size in ("small", "medium", "large")))
    return table


def _list_splits(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{split} {count}" for split, count in counts.items())


def _format_sizes(sizes: Mapping[str, int], noun: str) -> str:
    if not sizes:
        return "none"
    quantiles = f"10, 50 and 90 %: {sizes['p10']}, {sizes['p50']}, {sizes['p90']} px"
    return f"{noun}: {sizes['least']} to {sizes['most']} px; {quantiles}"


def escape_markup(text: str) -> str:
    """Return text in which no character is taken for a style."""
    from rich.markup import escape

    return escape(text)
