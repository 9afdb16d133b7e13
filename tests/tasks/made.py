"""Small data sets with boxes and masks, made in a test."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nas.tasks.detection.inspection import DetectionInspection, inspect_boxes
from nas.tasks.detection.sample import BoxSample, DetectionData
from nas.tasks.reading import read_detection, read_segmentation
from nas.tasks.recognition import FormatName
from nas.tasks.segmentation.sample import Mask, MaskSample, SegmentationData
from nas.tasks.source import Source, open_source
from tests.nets.pictures import picture

ORIENTATION = 0x0112


def save_image(path: Path, size: tuple[int, int] = (64, 48), orientation: int = 1, seed: int = 0) -> Path:
    """A picture of noise, with an EXIF orientation if it is not upright."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = picture(seed, size)
    if orientation == 1:
        image.save(path)
        return path
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image.save(path, exif=exif)
    return path


def save_mask(path: Path, values: NDArray[Any] | Sequence[Sequence[int]]) -> Path:
    """A class image of these values [H, W], or of colours [H, W, 3]."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, dtype=np.uint8)).save(path)
    return path


def save_text(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def voc_object(name: str, corners: Sequence[object], extra: str = "") -> str:
    tags = zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
    return (
        f"<object><name>{name}</name>{extra}<bndbox>"
        + "".join(f"<{tag}>{value}</{tag}>" for tag, value in tags)
        + "</bndbox></object>"
    )


def save_voc(
    root: Path,
    stem: str,
    objects: Sequence[str],
    size: tuple[int, int] | None = (64, 48),
    image: tuple[int, int] | None = (64, 48),
    orientation: int = 1,
) -> None:
    """An image of Pascal VOC's layout with its annotation file, which says `size`."""
    if image is not None:
        save_image(root / "JPEGImages" / f"{stem}.jpg", image, orientation)
    told = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>" if size else ""
    text = f"<annotation><filename>{stem}.jpg</filename>{told}{''.join(objects)}</annotation>"
    save_text(root / "Annotations" / f"{stem}.xml", text)


def coco(images: Sequence[Mapping[str, Any]], annotations: Sequence[Mapping[str, Any]], **more: Any) -> str:
    """COCO JSON with the categories cat (3) and dog (7), if no others are given."""
    categories = [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}]
    return json.dumps({"images": images, "annotations": annotations, "categories": categories, **more})


def coco_box(box: Sequence[float], category: int = 3, image: int = 1, **more: Any) -> dict[str, Any]:
    return {"image_id": image, "category_id": category, "bbox": list(box), **more}


def save_coco(root: Path, annotations: Sequence[Mapping[str, Any]], orientation: int = 1, **image: Any) -> None:
    """One image, `a.jpg` of 64x48 before it is turned, and its COCO JSON."""
    save_image(root / "images" / "a.jpg", orientation=orientation)
    listed = {"id": 1, "file_name": "a.jpg", "width": 64, "height": 48, **image}
    save_text(root / "annotations" / "instances_train.json", coco([listed], annotations))


def save_yolo(root: Path, rows: str, names: str = "names: [cat, dog]\n", orientation: int = 1) -> None:
    """One image of 64x48 and its label file."""
    save_image(root / "images" / "train" / "a.jpg", orientation=orientation)
    save_text(root / "labels" / "train" / "a.txt", rows)
    if names:
        save_text(root / "data.yaml", names)


def detect(root: Path, format: FormatName) -> tuple[DetectionData, Source]:
    source = open_source(str(root))
    return read_detection(source, format), source


def inspect_detection(root: Path, format: FormatName) -> DetectionInspection:
    data, source = detect(root, format)
    return inspect_boxes(data, source.left_out)


def only_sample(root: Path, format: FormatName) -> BoxSample:
    data, _ = detect(root, format)
    [sample] = [one for part in data.splits.values() for one in part]
    return sample


def left_out(source: Source) -> dict[str, int]:
    return {row.reason: row.count for row in source.left_out.all()}


def segment(root: Path, format: FormatName = "masks", void: int | None = None) -> tuple[SegmentationData, Source]:
    source = open_source(str(root))
    return read_segmentation(source, format, void), source


def only_mask(root: Path, format: FormatName = "masks", void: int | None = None) -> Mask:
    data, _ = segment(root, format, void)
    [sample] = [one for part in data.splits.values() for one in part]
    return decoded(sample)


def decoded(sample: MaskSample) -> Mask:
    mask = sample.decode()
    assert not isinstance(mask, str), mask
    return mask
