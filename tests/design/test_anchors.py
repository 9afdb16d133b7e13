"""Anchors, boxes and detections in closed form; tests/nets compares them with torchvision's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nas.design.dense.anchors import decode_boxes, encode_boxes, lay_anchors
from nas.design.dense.detections import DetectionRule, detect
from nas.design.dense.ssdlite import SsdLite
from nas.design.graph import lower
from nas.design.known import known

ANCHORS = np.array([[0.25, 0.5, 0.5, 0.5], [0.75, 0.5, 0.5, 0.5]], np.float32)
SIDES = st.floats(0.05, 0.9)


def test_anchors_of_the_published_detector() -> None:
    maps = lower(known("ssdlite320_mobilenet_v3_large")).anchors
    assert [(one.rows, one.columns, len(one.sides)) for one in maps] == [
        (20, 20, 6), (10, 10, 6), (5, 5, 6), (3, 3, 6), (2, 2, 6), (1, 1, 6),
    ]  # fmt: skip
    laid = lay_anchors(maps)
    assert laid.shape == (3234, 4)
    assert laid[0].tolist() == pytest.approx([0.025, 0.025, 0.2, 0.2])
    assert laid[-1].tolist() == pytest.approx([0.5, 0.5, 0.95 / 3**0.5, 1.0])


def test_a_reduced_first_map_has_a_small_square_and_the_first_ratio() -> None:
    arch = replace(known("ssdlite_mobilenet_v3_large"), dense=SsdLite(reduced_first=True))
    first, *others = lower(arch).anchors
    assert first.sides == ((0.1, 0.1), (0.2 * 2**0.5, 0.2 / 2**0.5), (0.2 / 2**0.5, 0.2 * 2**0.5))
    assert len(lay_anchors([first, *others])) == 3 * 400 + 6 * 139


def test_only_detectors_have_anchors() -> None:
    assert lower(known("mobilenet_v2")).anchors == lower(known("lraspp_mobilenet_v3_large")).anchors == ()


def test_zeros_stand_for_the_anchors_themselves() -> None:
    assert decode_boxes(np.zeros((2, 4), np.float32), ANCHORS).tolist() == [[0, 0.25, 0.5, 0.75], [0.5, 0.25, 1, 0.75]]


@given(st.lists(st.tuples(SIDES, SIDES, SIDES, SIDES), min_size=2, max_size=2))
def test_encoded_boxes_decode_to_themselves(given: list[tuple[float, float, float, float]]) -> None:
    starts, sides = np.split(np.array(given, np.float32), 2, axis=1)
    boxes = np.concatenate([starts, starts + sides], axis=1)
    np.testing.assert_allclose(decode_boxes(encode_boxes(boxes, ANCHORS), ANCHORS), boxes, atol=1e-5)


def test_detect_keeps_the_best_of_boxes_of_one_class_that_overlap() -> None:
    anchors = np.concatenate([ANCHORS, ANCHORS])
    boxes = np.zeros((4, 4), np.float32)
    boxes[2:, 0] = 0.5  # moved by a twentieth of an anchor
    scores = np.array([[0, 5, 0], [0, 0, 4], [0, 6, 0], [0, 3, 0]], np.float32)
    found = detect(scores, boxes, anchors, DetectionRule(least_score=0.5))
    assert found.labels.tolist() == [1, 2, 1]
    expected = [[0.025, 0.25, 0.525, 0.75], [0.5, 0.25, 1, 0.75], [0.525, 0.25, 1, 0.75]]
    np.testing.assert_allclose(found.boxes, expected, atol=1e-6)
    assert (np.diff(found.scores) <= 0).all()


def test_detect_finds_nothing_in_background() -> None:
    scores = np.array([[9, 0], [9, 0]], np.float32)
    found = detect(scores, np.zeros((2, 4), np.float32), ANCHORS)
    assert (found.boxes.shape, found.labels.shape, found.scores.shape) == ((0, 4), (0,), (0,))
