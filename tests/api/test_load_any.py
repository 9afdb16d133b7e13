"""What a folder is read as for training: its own task, or the one of the network."""

from pathlib import Path

import numpy as np
import pytest
import torch

from nas.api.inspecting import load_any
from nas.errors import InvalidData, NasError
from nas.nets.data.limit import limited
from tests.nets.pictures import classes, fill
from tests.tasks.made import save_image, save_mask, save_text, save_voc, voc_object


@pytest.fixture
def boxed(tmp_path: Path) -> Path:
    for number in range(20):
        save_voc(tmp_path, f"{number}", [voc_object(name, (9, 7, 40, 30)) for name in ("dog", "cat")], image=None)
        save_image(tmp_path / "JPEGImages" / f"{number}.jpg", seed=number)
    return tmp_path


@pytest.fixture
def masked(tmp_path: Path) -> Path:
    for number in range(20):
        save_image(tmp_path / "images" / f"{number}.png", seed=number)
        save_mask(tmp_path / "masks" / f"{number}.png", np.arange(48 * 64).reshape(48, 64) // 1024)
    return tmp_path


def test_load_any_reads_boxes_as_detection(boxed: Path) -> None:
    said: list[str] = []
    data = load_any(str(boxed), largest=32, say=said.append)
    assert (data.task, data.name, data.classes) == ("detection", boxed.name, ("background", "cat", "dog"))
    assert [len(part) for part in (data.train, data.val, data.test)] == [12, 4, 4]
    assert data.train.labels.dtype == torch.float32
    assert data.train.labels.shape == (12, 2, 8)
    assert sorted(data.train.labels[0, :, 4].tolist()) == [1, 2]
    assert (data.train.images.dtype, data.size, data.photos, data.mirror) == (torch.uint8, 40, True, True)
    assert "2 classes (cat, dog); images: 12 train, 4 val (split off), 4 test (split off)" in data.line
    assert said == [f"Reading boxes in Pascal VOC XML (Annotations/0.xml) in {boxed}."]


def test_load_any_reads_masks_as_segmentation(masked: Path) -> None:
    data = load_any(str(masked), largest=(48, 64), task="segmentation")
    assert (data.task, data.classes, data.size) == ("segmentation", ("0", "1", "2"), (48, 64))
    assert data.train.labels.dtype == torch.uint8
    assert torch.equal(data.train.labels[0], torch.arange(48 * 64).reshape(48, 64).div(1024, rounding_mode="floor"))


def test_load_any_takes_the_value_of_void(masked: Path) -> None:
    data = load_any(str(masked), largest=(48, 64), void=1)
    assert data.classes == ("0", "2")
    assert torch.unique(data.train.labels).tolist() == [0, 1, 255]


def test_load_any_digest_tells_content_and_splits_apart(boxed: Path) -> None:
    first = load_any(str(boxed), largest=32).digest
    assert load_any(str(boxed), largest=32).digest == first
    assert load_any(str(boxed), largest=32, seed=1).digest != first
    save_voc(boxed, "0", [voc_object(name, (9, 7, 41, 30)) for name in ("dog", "cat")], image=None)
    assert load_any(str(boxed), largest=32).digest != first


def test_limited_takes_images_of_detection_by_seed(boxed: Path) -> None:
    data = load_any(str(boxed), largest=32)
    few, same, other = (limited(data, 5, seed) for seed in (1, 1, 2))
    assert len(few.train) == 5
    assert torch.equal(few.train.images, same.train.images)
    assert not torch.equal(few.train.images, other.train.images)
    assert few.val is data.val
    assert few.digest != data.digest


def test_load_any_reads_folders_of_classes_as_classification(tmp_path: Path) -> None:
    data = load_any(str(classes(tmp_path, 9)))
    assert (data.task, data.classes) == ("classification", ("cat", "dog"))
    assert data.train.labels.dtype == torch.int64
    assert load_any("digits").task == "classification"


def test_load_any_reads_classes_beside_boxes_unless_a_task_is_asked_for(tmp_path: Path) -> None:
    """As it did when there was no other task to train for."""
    classes(tmp_path / "images", 9)
    for path in (tmp_path / "images").glob("*/*.png"):
        save_text(tmp_path / "labels" / path.parent.name / f"{path.stem}.txt", "0 0.5 0.5 0.5 0.5\n")
    assert load_any(str(tmp_path), task="detection").task == "detection"
    assert load_any(str(tmp_path / "images")).task == "classification"


def test_load_any_refuses_boxes_for_a_classifier(boxed: Path) -> None:
    told = r"is data for detection \(boxes in Pascal VOC XML .*\), not for classification, which the network or --task"
    with pytest.raises(InvalidData, match=told):
        load_any(str(boxed), task="classification")


def test_load_any_refuses_photos_for_a_detector(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match=r"holds no data for detection. Looked for COCO JSON"):
        load_any(str(fill(tmp_path / "photos", 3)), task="detection")


@pytest.mark.parametrize("spec", ["digits", "photos.zip", ""])
def test_load_any_refuses_what_is_no_folder_for_a_detector(spec: str) -> None:
    with pytest.raises(InvalidData, match=r"is no folder. Data for detection is a folder with images"):
        load_any(spec, task="detection")


def test_load_any_refuses_void_of_what_has_no_masks(boxed: Path) -> None:
    with pytest.raises(NasError, match=r"--void 3 is for masks, but .* holds boxes in Pascal VOC XML"):
        load_any(str(boxed), void=3)
    with pytest.raises(NasError, match="--void 3 is for masks, but digits is data for classification"):
        load_any("digits", void=3)
