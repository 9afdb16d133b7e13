"""Non-maximum suppression inside an ONNX file finds what `detect` finds outside of it."""

import numpy as np
import onnxruntime
import pytest

from nas.design.dense.anchors import lay_anchors
from nas.design.dense.detections import DetectionRule, detect
from nas.design.graph import lower
from nas.design.known import known
from nas.runtimes.graphs.onnx_detections import with_detections
from nas.runtimes.graphs.onnx_graph import encode_onnx
from tests.runtimes.graphs import images, lively_weights

GRAPH = lower(known("ssdlite_mobilenet_v1-0.25-64x96", 4))


@pytest.mark.parametrize(("least", "count"), [(0.25, 300), (0.3, 5), (0.999, 300)])
def test_detections_are_those_of_detect(least: float, count: int) -> None:
    """Of all that is found, of the five best, and of nothing."""
    weights, (image, *_) = lively_weights(GRAPH), images(GRAPH)
    rule = DetectionRule(least, most_overlap=0.45, candidates=10_000, count=count)
    plain = encode_onnx(GRAPH, weights, None)
    scores, boxes = onnxruntime.InferenceSession(plain).run(None, {"image": image})
    expected = detect(scores[0], boxes[0], lay_anchors(GRAPH.anchors), rule)
    (found,) = onnxruntime.InferenceSession(with_detections(plain, GRAPH, rule)).run(None, {"image": image})
    assert found.shape == (len(expected.labels), 6)
    assert len(expected.labels) <= count
    np.testing.assert_allclose(found[:, :4], expected.boxes, atol=1e-5)
    np.testing.assert_array_equal(found[:, 4], expected.labels)
    np.testing.assert_allclose(found[:, 5], expected.scores, atol=1e-6)
    assert bool(len(expected.labels)) == (least < 0.9)
