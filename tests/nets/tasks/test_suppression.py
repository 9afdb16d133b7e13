"""All images at once: what `detect` finds in each alone."""

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from nas.design.dense.anchors import AnchorMap, lay_anchors
from nas.design.dense.detections import USUAL_RULE, DetectionRule, detect
from nas.nets.tasks.boxes.suppression import detect_all
from nas.nets.tasks.detection import Detection
from tests.nets.tasks.made_boxes import MAPS, QUADRANTS, labels_of

RULE = replace(USUAL_RULE, count=100)


def outputs(
    images: int, maps: tuple[AnchorMap, ...], classes: int, spread: float
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float32]], ...]:
    rng = np.random.default_rng(7)
    anchors = lay_anchors(maps)
    scores = rng.normal(0, spread, (images, len(anchors), classes)).astype(np.float32)
    return scores, rng.normal(0, 1.5, (images, len(anchors), 4)).astype(np.float32), anchors


@pytest.mark.parametrize("spread", [0.05, 2.0, 8.0])
@pytest.mark.parametrize(("maps", "classes"), [(MAPS, 2), (MAPS, 4), (QUADRANTS, 3)])
@pytest.mark.parametrize("rule", [RULE, DetectionRule(0.3, 0.3, 20, 7)], ids=["usual", "strict"])
def test_detect_all_finds_what_detect_finds(
    maps: tuple[AnchorMap, ...], classes: int, spread: float, rule: DetectionRule
) -> None:
    scores, boxes, anchors = outputs(18, maps, classes, spread)  # more than are looked at together
    scores[3, :, 0] = 50  # nothing in one image
    found = detect_all(scores, boxes, anchors, rule)
    assert found.shape == (18, rule.count, 6)
    for image, rows in enumerate(found):
        expected = detect(scores[image], boxes[image], anchors, rule)
        count = len(expected.labels)
        assert rows[:count, 4].tolist() == expected.labels.tolist()
        np.testing.assert_array_equal(rows[:count, :4], expected.boxes)
        np.testing.assert_array_equal(rows[:count, 5], expected.scores)
        assert (rows[count:] == [0, 0, 0, 0, -1, 0]).all()
    assert (found[3, :, 4] == -1).all()
    assert (found[4, :, 4] > 0).any() or rule is not RULE


def test_answer_is_the_hundred_best_at_most() -> None:
    scores, boxes, anchors = outputs(2, MAPS, 4, 0.05)
    task = Detection(MAPS)
    found = task.answer((torch.from_numpy(scores), torch.from_numpy(boxes)), labels_of([], []))
    assert found.shape == (2, 100, 6)
    assert (found[..., 4] > 0).all()
    np.testing.assert_array_equal(found.numpy(), detect_all(scores, boxes, anchors, RULE))


def test_answer_of_equal_scores_is_that_of_the_first_class() -> None:
    zeros = np.zeros((1, 4, 3), np.float32), np.zeros((1, 4, 4), np.float32)
    found = detect_all(*zeros, lay_anchors(QUADRANTS), RULE)[0]
    assert found[:9, 4].tolist() == [1, 1, 1, 1, 2, 2, 2, 2, -1]
