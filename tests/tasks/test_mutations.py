"""Annotation files that are broken at random places end in a sentence or in a count, never in a traceback."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from nas.api.inspecting import inspect_path
from nas.errors import NasError
from nas.tasks.detection.inspection import DetectionInspection
from tests.tasks.made import save_mask, save_text
from tests.tasks.test_masks import colours
from tests.tasks.test_recognition import make_coco_shapes, make_masks, make_voc, make_yolo, make_yolo_polygons

ROUNDS = 60
PIECES = (
    b"",
    b"0",
    b"-1",
    b"1e999",
    b"NaN",
    b"null",
    b"[",
    b"]",
    b"{}",
    b'"',
    b"<",
    b">",
    b"\xff",
    b"\0",
    b"9" * 40,
    b"\n",
)


def mutate(content: bytes, generator: random.Random) -> bytes:
    """Put pieces into a file, or cut parts out of it, at up to three places."""
    for _ in range(generator.randint(1, 3)):
        start = generator.randrange(len(content) + 1)
        end = min(len(content), start + generator.choice((0, 1, 5, 40)))
        content = content[:start] + generator.choice(PIECES) + content[end:]
    return content


def make_palette(root: Path) -> None:
    make_masks(root)
    save_mask(root / "trainannot" / "a.png", colours((1, 2, 3), (4, 5, 6)))
    save_text(root / "class_dict.csv", "name,r,g,b\nroad,1,2,3\nsky,4,5,6\n")


@pytest.mark.parametrize(
    ("make", "file", "task"),
    [
        (make_coco_shapes, "annotations/instances_train.json", "detection"),
        (make_coco_shapes, "annotations/instances_train.json", "segmentation"),
        (make_voc, "Annotations/a.xml", None),
        (make_yolo, "labels/train/a.txt", None),
        (make_yolo, "data.yaml", None),
        (make_yolo_polygons, "labels/train/a.txt", "segmentation"),
        (make_masks, "trainannot/a.png", None),
        (make_palette, "class_dict.csv", None),
        (make_voc, "JPEGImages/a.jpg", None),
    ],
)
def test_inspect_path_answers_broken_files_with_a_sentence(
    tmp_path: Path, make: Callable[[Path], None], file: str, task: str | None
) -> None:
    make(tmp_path)
    content = (tmp_path / file).read_bytes()
    sentences: list[str] = []
    for seed in range(ROUNDS):
        (tmp_path / file).write_bytes(mutate(content, random.Random(seed)))
        try:
            found = inspect_path(str(tmp_path), task, samples=tmp_path / ".samples")  # type: ignore[arg-type]
        except NasError as error:
            sentences.append(str(error))
        else:
            assert not isinstance(found, DetectionInspection) or found.box_sides.get("most", 0) <= 64
    assert all(str(tmp_path) in sentence and sentence.endswith(".") for sentence in sentences), sentences
