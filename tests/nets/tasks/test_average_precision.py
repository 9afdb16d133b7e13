"""COCO's own evaluation as the oracle of ours, which can count images more than once."""

import contextlib
import io
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from nas.jobs import Score
from nas.nets.tasks.boxes.average_precision import measure_precisions
from nas.nets.tasks.boxes.detection_scores import score_detected_classes, score_detections
from nas.nets.tasks.boxes.grouping import find_sizes, list_detections, list_objects
from nas.nets.tasks.boxes.judging import judge_detections
from nas.nets.tasks.resampling import draw_image_weights, find_interval
from tests.nets.tasks.made_boxes import labels_of, random_boxes, random_labels

CLASSES = 5


def made(seed: int, images: int = 14, ignored: float = 0.2, decimals: int = 2) -> tuple[Tensor, Tensor]:
    """Answers and labels: each object is found a few times, more or less well, others are found where none is."""
    rng = np.random.default_rng(seed)
    labels = random_labels(rng, rng.integers(0, 9, images).tolist(), CLASSES, ignored)
    answers = np.zeros((images, 40, 6), np.float32)
    answers[..., :4] = random_boxes(rng, images * 40).reshape(images, 40, 4)
    answers[..., 4] = rng.integers(1, CLASSES, (images, 40))
    answers[..., 5] = 0.7 * rng.random((images, 40))
    for image, rows in enumerate(labels.numpy()):
        for row in rows[rows[:, 4] > 0]:
            for place in rng.integers(0, 40, rng.integers(0, 4)):
                sides = np.tile(row[2:4] - row[:2], 2)
                answers[image, place, :4] = row[:4] + rng.normal(0, 0.04, 4) * sides
                answers[image, place, 4:] = row[4], rng.random()
    answers[..., 5] = answers[..., 5].round(decimals)  # with two some are equal
    answers[rng.random((images, 40)) < 0.2, 4] = -1
    return torch.from_numpy(answers), labels


def evaluate_as_coco(answers: Tensor, labels: Tensor) -> Any:
    """COCO's evaluation."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    sizes = labels[:, 0, 6:].double().numpy()
    truth, found = COCO(), COCO()
    images = [{"id": n + 1, "width": w, "height": h} for n, (w, h) in enumerate(sizes.tolist())]
    categories = [{"id": n} for n in range(1, CLASSES)]
    with contextlib.redirect_stdout(io.StringIO()):
        for coco, rows in ((truth, labels), (found, answers)):
            coco.dataset = {"images": images, "categories": categories, "annotations": list_rows(rows, sizes)}
            coco.createIndex()
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def list_rows(rows: Tensor, sizes: NDArray[np.float64]) -> list[dict[str, Any]]:
    """Boxes as COCO writes them; the sixth column is the score, and whether a box is a crowd."""
    found: list[dict[str, Any]] = []
    for image, row in ((image, row) for image, part in enumerate(rows.double().numpy()) for row in part):
        if row[4] > 0:
            left, top, right, bottom = row[:4] * np.tile(sizes[image], 2)
            box = [left, top, right - left, bottom - top]
            extra = {"image_id": image + 1, "category_id": int(row[4]), "bbox": box, "area": box[2] * box[3]}
            found.append({"id": len(found) + 1, "score": row[5], "iscrowd": int(row[5] == 1), **extra})
    return found


@pytest.mark.parametrize("ignored", [0.0, 0.3])
@pytest.mark.parametrize("seed", range(6))
def test_scores_are_those_of_coco(seed: int, ignored: float) -> None:
    answers, labels = made(seed, ignored=ignored)
    theirs = evaluate_as_coco(answers, labels)
    own = score_detected_classes(answers, labels, CLASSES)
    names = {"mAP@.5": 1, "mAP small": 3, "mAP medium": 4, "mAP large": 5}
    expected = {name: theirs.stats[place] for name, place in names.items() if theirs.stats[place] >= 0}
    assert own.extra == pytest.approx(expected, abs=1e-6)
    assert own.accuracy == pytest.approx(theirs.stats[0], abs=1e-6)
    by_class = theirs.eval["precision"][:, :, :, 0, 2].mean((0, 1))
    assert own.values == (None, *(pytest.approx(value, abs=1e-6) if value >= 0 else None for value in by_class))
    assert 0.05 < own.accuracy < 0.95
    score = score_detections(torch.arange(14.0), answers, labels)
    assert score.accuracy == pytest.approx(own.accuracy)
    assert (score.loss, score.count) == (6.5, 14)


def precisions(answers: Tensor, labels: Tensor, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    found = list_detections(answers.numpy(), find_sizes(labels.numpy()))
    return measure_precisions(judge_detections(found, list_objects(labels.numpy()), (len(labels), CLASSES)), weights)


@settings(max_examples=25)
@given(st.integers(0, 99), st.lists(st.integers(0, 3), min_size=6, max_size=6).filter(any))
def test_an_image_that_counts_twice_is_as_good_as_two_equal_ones(seed: int, counts: list[int]) -> None:
    answers, labels = made(seed, images=6, decimals=7)
    times = torch.tensor(counts)
    copies = answers.repeat_interleave(times, 0), labels.repeat_interleave(times, 0)
    own = precisions(answers, labels, np.array([counts], np.float64))
    np.testing.assert_allclose(own, precisions(*copies, np.ones((1, sum(counts)))), atol=1e-12)


def test_draws_are_measured_alike_alone_and_together() -> None:
    answers, labels = made(0)
    weights = draw_image_weights(14)
    found = precisions(answers, labels, weights)
    assert found.shape == (201, CLASSES, 10)
    np.testing.assert_array_equal(found[77], precisions(answers, labels, weights[77:78])[0])


def boxes_of(*rows: tuple[float, float, float, float, int, float]) -> Tensor:
    """Answers [1, D, 6] of one image."""
    return torch.tensor([rows])


TWO = labels_of([(0, 0, 0.2, 0.2, 1), (0.5, 0.5, 0.9, 0.9, 1)], size=(1000, 1000))


def test_score_of_perfect_answers_is_one() -> None:
    answers = boxes_of((0.5, 0.5, 0.9, 0.9, 1, 0.9), (0, 0, 0.2, 0.2, 1, 0.8))
    assert score_detections(torch.ones(1), answers, TWO) == Score(1.0, (1.0, 1.0), 1.0, 1)


def test_score_of_one_of_two_after_a_wrong_one_is_a_half_at_51_of_101_recalls() -> None:
    answers = boxes_of((0.5, 0.5, 0.9, 0.9, 1, 0.8), (0.3, 0, 0.4, 0.1, 1, 0.9), (0, 0, 0, 0, -1, 0))
    found = score_detected_classes(answers, TWO, 3)
    assert found.accuracy == pytest.approx(0.5 * 51 / 101)
    assert found.values == (None, found.accuracy, None)
    assert set(found.extra) == {"mAP@.5", "mAP large"}


def test_score_forgives_detections_within_an_ignored_box() -> None:
    labels = labels_of([(0, 0, 0.2, 0.2, 1), (0.5, 0.5, 1, 1, 1, 1)])
    inside = [(0.5 + 0.1 * n, 0.5, 0.6 + 0.1 * n, 0.6, 1, 0.9) for n in range(4)]
    assert score_detections(torch.ones(1), boxes_of(*inside, (0, 0, 0.2, 0.2, 1, 0.1)), labels).accuracy == 1.0


def test_score_without_objects_knows_nothing() -> None:
    answers, labels = boxes_of((0, 0, 0.5, 0.5, 1, 0.9)), labels_of([])
    assert score_detections(torch.ones(1), answers, labels) == Score(0.0, (0.0, 1.0), 1.0, 1)
    found = score_detected_classes(answers, labels, 3)
    assert (found.values, found.extra, found.accuracy) == ((None, None, None), {}, 0.0)


def test_interval_narrows_with_the_images_and_contains_the_score() -> None:
    few, many = (score_detections(torch.ones(n), *made(3, images=n)) for n in (10, 160))
    assert few.accuracy_ci95[0] < few.accuracy < few.accuracy_ci95[1]
    narrow, wide = (score.accuracy_ci95[1] - score.accuracy_ci95[0] for score in (many, few))
    assert narrow < wide / 2
    assert score_detections(torch.ones(10), *made(3, images=10)) == few


def test_draw_image_weights_takes_as_many_images_as_there_are() -> None:
    weights = draw_image_weights(7)
    assert weights.shape == (201, 7)
    assert (weights[0] == 1).all()
    assert (weights.sum(1) == 7).all()
    assert weights[1:].mean(0) == pytest.approx(np.ones(7), abs=0.3)
    assert len({tuple(row) for row in weights.tolist()}) > 150


def test_find_interval_leaves_out_draws_without_a_value() -> None:
    assert find_interval(np.array([0.9, np.nan, 0.1, 0.1])) == (0.1, 0.9)
    assert find_interval(np.array([0.5, np.nan])) == (0.0, 1.0)
