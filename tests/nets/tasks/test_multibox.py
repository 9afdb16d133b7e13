"""The loss of SSD: torchvision's as the oracle, ignored boxes and images without objects in closed form."""

import math
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nas.design.dense.anchors import encode_boxes, lay_anchors
from nas.nets.tasks.boxes.anchors import encode_corners, find_corners, place_anchors
from nas.nets.tasks.boxes.matching import match_anchors
from nas.nets.tasks.detection import Detection
from tests.nets.tasks.made_boxes import MAPS, QUADRANTS, labels_of, random_boxes, random_labels, random_outputs

TASK = Detection(MAPS)
ANCHORS = len(lay_anchors(MAPS))
CLASSES = 5
LOG2 = math.log(2)


def torchvisions_loss(models: ModuleType, scores: Tensor, boxes: Tensor, labels: Tensor) -> Tensor:
    """The sum of both its losses."""
    ssd, utils = models.detection.ssd, models.detection._utils
    corners = find_corners(torch.from_numpy(lay_anchors(MAPS)))
    targets, matched = [], []
    for rows in labels:
        objects = rows[rows[:, 4] > 0]
        targets.append({"boxes": objects[:, :4], "labels": objects[:, 4].long()})
        overlap = models.detection.ssd.box_ops.box_iou(objects[:, :4], corners)
        matched.append(utils.SSDMatcher(0.5)(overlap) if len(objects) else torch.full((len(corners),), -1))
    own = SimpleNamespace(box_coder=utils.BoxCoder(weights=(10.0, 10.0, 5.0, 5.0)), neg_to_pos_ratio=3.0)
    outputs = {"bbox_regression": boxes, "cls_logits": scores}
    found = ssd.SSD.compute_loss(own, targets, outputs, [corners] * len(labels), matched)
    total: Tensor = found["bbox_regression"] + found["classification"]
    return total


@pytest.mark.parametrize("counts", [(3, 0, 1, 6), (0, 0), (12,), (1, 1, 1)])
@pytest.mark.parametrize("seed", range(4))
def test_loss_and_its_gradients_are_torchvisions(
    counts: tuple[int, ...], seed: int, torchvision_models: ModuleType
) -> None:
    labels = random_labels(np.random.default_rng(seed), counts, CLASSES)
    outputs = random_outputs(seed, len(counts), ANCHORS, CLASSES)
    own, theirs = TASK.loss(outputs, labels, 0.0), torchvisions_loss(torchvision_models, *outputs, labels)
    torch.testing.assert_close(own, theirs)
    for mine, other in zip(torch.autograd.grad(own, outputs), torch.autograd.grad(theirs, outputs), strict=True):
        torch.testing.assert_close(mine, other)
    assert bool(own > 0) == any(counts)


def test_losses_of_images_with_objects_are_torchvisions_of_each_alone(torchvision_models: ModuleType) -> None:
    labels = random_labels(np.random.default_rng(9), (2, 7, 1), CLASSES)
    scores, boxes = random_outputs(9, 3, ANCHORS, CLASSES)
    alone = [torchvisions_loss(torchvision_models, scores[[n]], boxes[[n]], labels[[n]]) for n in range(3)]
    torch.testing.assert_close(TASK.losses((scores, boxes), labels), torch.stack(alone))


def test_match_anchors_forces_the_best_anchor_of_an_object_and_the_last_of_two() -> None:
    anchors = place_anchors(QUADRANTS, torch.device("cpu"))
    labels = labels_of(
        [(0.1, 0.1, 0.2, 0.2, 1), (0.3, 0.3, 0.4, 0.4, 2)], [(0.0, 0.0, 0.5, 0.5, 1), (0, 0, 0.4, 0.4, 3)]
    )
    found = match_anchors(labels, anchors)
    assert found.classes.tolist() == [[2, 0, 0, 0], [3, 0, 0, 0]]
    assert not found.offsets[:, 1:].any()
    assert not found.ignored.any()


@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_encode_corners_does_what_encode_boxes_does(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    boxes, anchors = random_boxes(rng, count), random_boxes(rng, count) + np.array([0, 0, 0.1, 0.1], np.float32)
    own = encode_corners(torch.from_numpy(boxes), torch.from_numpy(anchors))
    np.testing.assert_allclose(own.numpy(), encode_boxes(boxes, anchors), rtol=1e-4, atol=1e-4)


def zeros(images: int = 1) -> tuple[Tensor, Tensor]:
    """Outputs of two classes that say nothing: each anchor costs ln 2."""
    return torch.zeros(images, 4, 2), torch.zeros(images, 4, 4)


def test_losses_count_one_object_and_its_three_negatives() -> None:
    assert Detection(QUADRANTS).losses(zeros(), labels_of([(0, 0, 0.5, 0.5, 1)])).tolist() == pytest.approx([4 * LOG2])


def test_losses_leave_anchors_on_ignored_boxes_out_of_the_negatives() -> None:
    labels = labels_of([(0, 0, 0.5, 0.5, 1), (0.5, 0, 1, 0.4, 1, 1), (0, 0.5, 0.2, 1, 1, 1)])
    assert Detection(QUADRANTS).losses(zeros(), labels).tolist() == pytest.approx([3 * LOG2])


def test_losses_keep_an_object_that_lies_on_an_ignored_box() -> None:
    labels = labels_of([(0, 0, 1, 1, 1, 1), (0, 0, 0.5, 0.5, 1, 1), (0, 0, 0.5, 0.5, 1)])
    assert Detection(QUADRANTS).losses(zeros(), labels).tolist() == pytest.approx([4 * LOG2])


def test_losses_count_three_negatives_of_an_image_without_objects() -> None:
    labels = labels_of([], [(0, 0, 0.5, 0.5, 1, 1)], [(0.5, 0, 1, 0.5, 1, 1), (0, 0.5, 0.5, 1, 1, 1)])
    assert Detection(QUADRANTS).losses(zeros(3), labels).tolist() == pytest.approx([3 * LOG2, 3 * LOG2, 2 * LOG2])


def test_loss_of_a_batch_is_divided_by_all_its_positives() -> None:
    labels = labels_of([(0, 0, 0.5, 0.5, 1), (0.5, 0.5, 1, 1, 1)], [(0, 0, 0.5, 0.5, 1)], [])
    assert float(Detection(QUADRANTS).loss(zeros(3), labels, 0.0)) == pytest.approx(8 * LOG2 / 3)


def test_loss_has_finite_gradients_where_there_is_nothing_to_learn() -> None:
    outputs = random_outputs(0, 1, 4, 3)
    loss = Detection(QUADRANTS).loss(outputs, labels_of([(0.3, 0.3, 0.3, 0.8, 1)]), 0.1)  # a box without area is none
    assert loss.item() == 0
    assert all(not gradient.any() for gradient in torch.autograd.grad(loss, outputs))


def test_loss_smooths_the_classes_alone() -> None:
    scores, boxes = torch.zeros(1, 4, 2), torch.zeros(1, 4, 4)
    scores[0, 0] = torch.tensor([0.0, 2.0])
    labels = labels_of([(0, 0, 0.5, 0.5, 1)])
    plain, smooth = (float(Detection(QUADRANTS).loss((scores, boxes), labels, share)) for share in (0.0, 0.2))
    assert smooth - plain == pytest.approx(0.2 * 2.0 / 2)  # a tenth of the probability goes to a logit that is 2 less


def test_loss_refuses_outputs_of_other_anchors() -> None:
    with pytest.raises(ValueError, match="are of 5 anchors, but the network has 4"):
        Detection(QUADRANTS).loss((torch.zeros(1, 5, 2), torch.zeros(1, 5, 4)), labels_of([]), 0.0)
