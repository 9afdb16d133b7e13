"""What is read from a data set of any task, without training; and what of it can be trained on."""

import os
from collections.abc import Sequence
from pathlib import Path

from nas.design.size import Size
from nas.errors import InvalidData, NasError
from nas.interfaces import Say, say_nothing
from nas.nets.data.dataset import Data, describe_data, load_data
from nas.nets.data.reading.inspection import Inspection, inspect_data
from nas.report.pages.samples import samples_page
from nas.tasks.detection.inspection import DetectionInspection, inspect_boxes
from nas.tasks.drawing import DrawnSample, colour_of, draw_box_samples, draw_mask_samples
from nas.tasks.reading import read_detection, read_segmentation
from nas.tasks.recognition import Sign, TaskName, choose_sign, find_signs
from nas.tasks.segmentation.inspection import SegmentationInspection, inspect_masks
from nas.tasks.source import Source, open_source

AnyInspection = Inspection | DetectionInspection | SegmentationInspection
SAMPLES_PAGE = "samples.html"
_MOST_LEGEND = 40
_ANNOTATIONS = (".json", ".xml", ".yaml", ".yml", ".txt")


def inspect_path(
    path: str,
    task: TaskName | None = None,
    void: int | None = None,
    samples: Path | None = None,
    resolution: Size | None = None,
    seed: int = 0,
    say: Say = say_nothing,
) -> AnyInspection:
    """Return what is read from a data set; `say` is told what takes long. Without a `task` content decides which it is.

    `samples` is a folder for a page with twelve images and their boxes or masks. `void` is the value of class images
    that counts for nothing. Raises InvalidData with the rule that was broken, or if several tasks are possible.
    """
    source = open_source(path) if Path(path).expanduser().is_dir() else None
    if source is None and task not in (None, "classification"):
        raise InvalidData(f"{path}: is no folder. Give the folder that holds the images and their annotations.")
    if path.lower().endswith(_ANNOTATIONS) and Path(path).is_file():
        raise InvalidData(f"{path}: is an annotation file. Give the folder that holds it and the images.")
    sign = choose_sign(source, find_signs(source), task) if source else None
    if source is None or sign is None:
        _refuse_unused(path, samples, void)
        return inspect_data(*describe_data(path, seed, resolution, say))
    if resolution is not None:
        raise NasError(f"--resolution is for classification, but {path} holds {sign.seen}. Leave it out.")
    if sign.task == "detection":
        return _inspect_detection(source, sign, void, samples)
    return _inspect_segmentation(source, sign, void, samples)


def _refuse_unused(path: str, samples: Path | None, void: int | None) -> None:
    """Raise NasError for what classification has no use for."""
    for name, value, use in (("--samples", samples, "draws them"), ("--void", void, "is for masks")):
        if value is not None:
            raise NasError(
                f"{path}: no boxes or masks were recognised, but {name} {use}. Leave it out, or say --task detection "
                "or --task segmentation to learn what is missing."
            )


def _inspect_detection(source: Source, sign: Sign, void: int | None, samples: Path | None) -> DetectionInspection:
    if void is not None:
        raise NasError(f"--void {void} is for masks, but {source.root} holds {sign.seen}. Leave it out.")
    data = read_detection(source, sign.format)
    found = inspect_boxes(data, source.left_out)
    if samples is not None:
        _write_samples(samples, source, found.layout, found.classes, draw_box_samples(source, data))
    return found


def _inspect_segmentation(source: Source, sign: Sign, void: int | None, samples: Path | None) -> SegmentationInspection:
    data = read_segmentation(source, sign.format, void)
    found = inspect_masks(data, source.left_out)
    if samples is not None:
        _write_samples(samples, source, found.layout, found.classes, draw_mask_samples(source, data))
    return found


def _write_samples(
    folder: Path, source: Source, layout: str, classes: Sequence[str], drawn: Sequence[DrawnSample]
) -> None:
    """Write the page of samples; raises NasError if that is not possible."""
    legend = [(name, "rgb({}, {}, {})".format(*colour_of(k))) for k, name in enumerate(classes[:_MOST_LEGEND])]
    summary = f"{layout}: {len(drawn)} images, evenly spaced among all splits. Large images are shown smaller."
    page = samples_page(source.root.resolve().name, summary, legend, [(one.caption, one.jpeg) for one in drawn])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SAMPLES_PAGE).write_text(page, encoding="utf-8")
    except OSError as error:
        raise NasError(f"{folder}: samples cannot be written there ({error.strerror}).") from error


def load_classification(spec: str, seed: int = 0, largest: Size | None = None, say: Say = say_nothing) -> Data:
    """Return data for training, as `load_data` does; raises InvalidData for that of another task, saying which."""
    if spec.strip() and Path(spec).expanduser().is_dir():
        _refuse_other_task(spec)
    return load_data(spec, seed, largest, say)


def _refuse_other_task(spec: str) -> None:
    signs = find_signs(open_source(spec))
    tasks = sorted({sign.task for sign in signs})
    if not tasks or "classification" in tasks:
        return
    seen = "; ".join(sign.seen for sign in signs)
    raise InvalidData(
        f"{spec}: is data for {' or '.join(tasks)} ({seen}), but search, netadapt, train and export take only "
        f"classification for now. `nas data {os.fspath(spec)}` shows what is in it."
    )
