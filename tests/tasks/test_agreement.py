"""The three formats say one thing: boxes go from one to the next and come back the same, to rounding."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.tasks.detection.sample import BoxSample
from tests.tasks.made import coco, coco_box, only_sample, save_image, save_text, voc_object

WIDTH, HEIGHT = 64, 48
NAMES = ("cat", "dog")
SHARE_DIGITS = 6  # as tools write YOLO text


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """A folder with one image, in which annotations are written again and again."""
    with tempfile.TemporaryDirectory() as folder:
        save_image(Path(folder) / "images" / "a.jpg", (WIDTH, HEIGHT))
        yield Path(folder)


@st.composite
def boxes(draw: st.DrawFn) -> tuple[int, int, int, int, int]:
    """A class and a box of whole pixels within the image, x1, y1, x2, y2 from 0."""
    x1, y1 = draw(st.integers(0, WIDTH - 1)), draw(st.integers(0, HEIGHT - 1))
    return draw(st.integers(0, 1)), x1, y1, draw(st.integers(x1 + 1, WIDTH)), draw(st.integers(y1 + 1, HEIGHT))


def through_voc(root: Path, found: list[tuple[int, int, int, int, int]]) -> BoxSample:
    objects = [voc_object(NAMES[k], (x1 + 1, y1 + 1, x2, y2)) for k, x1, y1, x2, y2 in found]
    save_text(root / "annotations" / "a.xml", f"<annotation>{''.join(objects)}</annotation>")
    return only_sample(root, "voc")


def through_coco(root: Path, sample: BoxSample) -> BoxSample:
    rows = [
        coco_box([x1, y1, x2 - x1, y2 - y1], (3, 7)[label])
        for (x1, y1, x2, y2), label in zip(sample.boxes.tolist(), sample.labels.tolist(), strict=True)
    ]
    save_text(root / "train.json", coco([{"id": 1, "file_name": "a.jpg"}], rows))
    return only_sample(root, "coco")


def through_yolo(root: Path, sample: BoxSample) -> BoxSample:
    scale = np.array([WIDTH, HEIGHT])
    centres = (sample.boxes[:, :2] + sample.boxes[:, 2:]) / 2 / scale
    sides = (sample.boxes[:, 2:] - sample.boxes[:, :2]) / scale
    rows = zip(sample.labels.tolist(), np.concatenate([centres, sides], axis=1).tolist(), strict=True)
    text = "\n".join(f"{label} " + " ".join(f"{value:.{SHARE_DIGITS}f}" for value in row) for label, row in rows)
    save_text(root / "labels" / "a.txt", text)
    return only_sample(root, "yolo")


@settings(max_examples=60, deadline=None)
@given(found=st.lists(boxes(), min_size=1, max_size=6))
def test_boxes_stay_the_same_through_voc_coco_and_yolo(root: Path, found: list[tuple[int, int, int, int, int]]) -> None:
    """Both classes and a box at the upper left corner are added, so that numbers and the first pixel are known."""
    found = [*found, (0, 0, 0, WIDTH, HEIGHT), (1, 0, 0, 1, 1)]
    voc = through_voc(root, found)
    assert voc.boxes.tolist() == [list(map(float, box[1:])) for box in found]
    assert voc.labels.tolist() == [box[0] for box in found]
    for sample in (through_coco(root, voc), through_yolo(root, voc), through_yolo(root, through_coco(root, voc))):
        assert sample.labels.tolist() == voc.labels.tolist()
        np.testing.assert_allclose(sample.boxes, voc.boxes, atol=2 * WIDTH * 10**-SHARE_DIGITS)
