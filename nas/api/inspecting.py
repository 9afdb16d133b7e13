"""What is read from a data set of any task, without training; and what of it can be trained on."""

import os
from collections.abc import Sequence
from pathlib import Path

from nas.design.dense.head import TaskName
from nas.design.size import Size
from nas.errors import InvalidData, NasError
from nas.interfaces import Say, say_nothing
from nas.nets.data.dataset import Data, describe_data, load_data, make_data, size_to_store
from nas.nets.data.reading.inspection import Inspection, inspect_data
from nas.report.pages.samples import samples_page
from nas.tasks.detection.inspection import DetectionInspection, inspect_boxes
from nas.tasks.drawing import DrawnSample, colour_of, draw_box_samples, draw_mask_samples
from nas.tasks.loading import LoadedData, load_boxes, load_masks
from nas.tasks.reading import read_detection, read_segmentation
from nas.tasks.recognition import Sign, choose_sign, find_signs
from nas.tasks.segmentation.inspection import SegmentationInspection, inspect_masks
from nas.tasks.source import TaskFolder, open_task_folder

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
    source = open_task_folder(path) if Path(path).expanduser().is_dir() else None
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


def _inspect_detection(source: TaskFolder, sign: Sign, void: int | None, samples: Path | None) -> DetectionInspection:
    if void is not None:
        raise NasError(f"--void {void} is for masks, but {source.root} holds {sign.seen}. Leave it out.")
    data = read_detection(source, sign.format)
    found = inspect_boxes(data, source.left_out)
    if samples is not None:
        _write_samples(samples, source, found.layout, found.classes, draw_box_samples(source, data))
    return found


def _inspect_segmentation(
    source: TaskFolder, sign: Sign, void: int | None, samples: Path | None
) -> SegmentationInspection:
    data = read_segmentation(source, sign.format, void)
    found = inspect_masks(data, source.left_out)
    if samples is not None:
        _write_samples(samples, source, found.layout, found.classes, draw_mask_samples(source, data))
    return found


def _write_samples(
    folder: Path, source: TaskFolder, layout: str, classes: Sequence[str], drawn: Sequence[DrawnSample]
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


def load_any(
    spec: str,
    seed: int = 0,
    largest: Size | None = None,
    say: Say = say_nothing,
    task: TaskName | None = None,
    void: int | None = None,
) -> Data:
    """Return data for training; without a `task` the content of a folder decides which it is for.

    Boxes and masks are read by `load_boxes` and `load_masks`, all else by `load_data`. `largest` is the largest
    resolution that will be used, `void` the value of class images that counts for nothing. Raises InvalidData with the
    rule that was broken, or if the data is not for `task`.
    """
    source = open_task_folder(spec) if spec.strip() and Path(spec).expanduser().is_dir() else None
    if source is None and task not in (None, "classification"):
        raise InvalidData(f"{spec}: is no folder. Data for {task} is a folder with images and their annotations.")
    sign = _choose_to_train(source, task) if source else None
    if source is None or sign is None:
        if void is not None:
            raise NasError(f"--void {void} is for masks, but {spec} is data for classification. Leave it out.")
        return load_data(spec, seed, None if largest is None else size_to_store(largest), say)
    say(f"Reading {sign.seen} in {source.root}.")
    return make_data(Path(spec).name, *_load_sign(source, sign, largest, seed, void))


def _load_sign(source: TaskFolder, sign: Sign, largest: Size | None, seed: int, void: int | None) -> LoadedData:
    if sign.task == "segmentation":
        return load_masks(source, read_segmentation(source, sign.format, void), largest, seed)
    if void is not None:
        raise NasError(f"--void {void} is for masks, but {source.root} holds {sign.seen}. Leave it out.")
    return load_boxes(source, read_detection(source, sign.format), largest, seed)


def _choose_to_train(source: TaskFolder, task: TaskName | None) -> Sign | None:
    """Return what a folder is read as for training, None for classification; that is chosen if it is one of several."""
    signs = find_signs(source)
    tasks = sorted({sign.task for sign in signs})
    if task == "classification" and tasks and "classification" not in tasks:
        seen = "; ".join(sign.seen for sign in signs)
        raise InvalidData(
            f"{source.root}: is data for {' or '.join(tasks)} ({seen}), not for classification, which the network "
            f"or --task asks for. `nas data {os.fspath(source.root)}` shows what is in it."
        )
    return None if task is None and "classification" in tasks else choose_sign(source, signs, task)
