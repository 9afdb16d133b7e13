"""`nas data`: what is understood of a data set, without training anything."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.api.options.resolution import parse_one
from nas.cli.text.output import Json, emit
from nas.cli.text.task_tables import (
    counts_table,
    format_detection,
    format_segmentation,
    format_tables,
    left_out_table,
    pair_table,
)
from nas.design.architecture import LEAST_SIDE
from nas.design.size import describe_size

if TYPE_CHECKING:
    from nas.api.inspecting import AnyInspection
    from nas.nets.data.reading.inspection import Inspection


class Task(StrEnum):
    """What `--task` may say."""

    classification = "classification"
    detection = "detection"
    segmentation = "segmentation"


def data(
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH",
            help="scenes, digits, a folder of images, with boxes or masks, an archive, a table, shards, hf:OWNER/NAME, "
            "or an .npz file.",
        ),
    ],
    task: Annotated[Task | None, typer.Option(help="What the data is for, instead of what is recognised.")] = None,
    void: Annotated[
        int | None, typer.Option(min=0, max=255, help="The value of masks that counts for nothing, usually 255.")
    ] = None,
    samples: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write a page with twelve images and their boxes or masks there."),
    ] = None,
    resolution: Annotated[
        str | None,
        typer.Option(help="The largest resolution that will be used, default 256; 192x320 is height x width."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the splits that the data set lacks.")] = 0,
    as_json: Json = False,
) -> None:
    """Show what is read from a data set: task, layout, classes, splits, what is left out and why, copies, warnings.

    Example: nas data photos/
    """
    from nas.api.inspecting import SAMPLES_PAGE, inspect_path
    from nas.cli.text.output import log

    size = None if resolution is None else parse_one(resolution, least=LEAST_SIDE)
    found = inspect_path(path, task.value if task else None, void, samples, size, seed, log)
    emit(found, as_json, _text(found))
    if samples is not None:
        log(f"Samples: {samples / SAMPLES_PAGE}")


def _text(found: "AnyInspection") -> str:
    """Return an inspection as tables and lines."""
    from nas.tasks.detection.inspection import DetectionInspection
    from nas.tasks.segmentation.inspection import SegmentationInspection

    if isinstance(found, DetectionInspection):
        return format_detection(found)
    if isinstance(found, SegmentationInspection):
        return format_segmentation(found)
    tables = [pair_table(_summary(found)), counts_table(found.classes, found.counts), left_out_table(found.left_out)]
    return format_tables(tables, found.notes, found.warnings)


def _summary(found: "Inspection") -> dict[str, str]:
    sides = found.sides
    return {
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
