"""`with_detections`: a detector's ONNX file that gives a box for each object, not what it says of every anchor."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from nas.design.dense.anchors import LARGEST_LOG, OFFSET_WEIGHTS, lay_anchors
from nas.design.dense.detections import USUAL_RULE, DetectionRule
from nas.design.graph import Graph

DETECTIONS = "detections"


class _Tail:
    """Nodes behind a model's outputs, and the constants that they need."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model

    def push(self, kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        self.model.graph.node.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def floats(self, name: str, values: float | NDArray[np.floating[Any]]) -> str:
        return self._constant(name, np.asarray(values, np.float32))

    def whole(self, name: str, values: int | list[int]) -> str:
        return self._constant(name, np.asarray(values, np.int64))

    def _constant(self, name: str, values: NDArray[np.generic]) -> str:
        self.model.graph.initializer.append(numpy_helper.from_array(values, name))
        return name


def with_detections(content: bytes, graph: Graph, rule: DetectionRule = USUAL_RULE) -> bytes:
    """The file with one output `detections` [n, 6]: left, top, right, bottom as shares, class, score; the best first.

    It is for one image at once. n differs from image to image and is at most `rule.count`. As in `detect`, but that
    all boxes above the least score are candidates. The suppression is ONNX's own operator.
    """
    model = onnx.load_from_string(content)
    tail = _Tail(model)
    boxes, shares = _boxes(tail, graph), _shares(tail)
    limits = (
        tail.whole("nms.most", [rule.candidates]),
        tail.floats("nms.overlap", np.array([rule.most_overlap], np.float32)),
        tail.floats("nms.least", np.array([rule.least_score], np.float32)),
    )
    found = tail.push("NonMaxSuppression", [boxes, shares, *limits], "nms.found")  # [n, 3]: image, class, anchor
    _gather(tail, found, boxes, shares, rule.count)
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(DETECTIONS, TensorProto.FLOAT, ["n", 6]))
    written: bytes = model.SerializeToString()
    return written


def _shares(tail: _Tail) -> str:
    """Probabilities [1, classes - 1, anchors], without the background's."""
    odds = tail.push("Softmax", ["scores"], "nms.odds", axis=2)
    first, end = tail.whole("nms.first", [1]), tail.whole("nms.end", [np.iinfo(np.int64).max])
    objects = tail.push("Slice", [odds, first, end, tail.whole("nms.classes", [2])], "nms.objects")
    return tail.push("Transpose", [objects], "nms.shares", perm=[0, 2, 1])


def _boxes(tail: _Tail, graph: Graph) -> str:
    """Corners [1, anchors, 4] inside the image, as `decode_boxes` computes them."""
    anchors = lay_anchors(graph.anchors)[None]
    halves = tail.whole("nms.halves", [2, 2])
    tail.model.graph.node.append(helper.make_node("Split", ["boxes", halves], ["nms.offsets", "nms.logs"], axis=2))
    moved = tail.push(
        "Mul", ["nms.offsets", tail.floats("nms.sides", anchors[..., 2:] / OFFSET_WEIGHTS[:2])], "nms.moved"
    )
    centres = tail.push("Add", [moved, tail.floats("nms.middles", anchors[..., :2])], "nms.centres")
    logs = tail.push("Mul", ["nms.logs", tail.floats("nms.fifth", 1 / OFFSET_WEIGHTS[2:])], "nms.scaled")
    bounded = tail.push("Min", [logs, tail.floats("nms.largest", LARGEST_LOG)], "nms.bounded")
    grown = tail.push("Exp", [bounded], "nms.grown")
    half = tail.push("Mul", [grown, tail.floats("nms.half", anchors[..., 2:] / 2)], "nms.half_sides")
    low, high = tail.push("Sub", [centres, half], "nms.low"), tail.push("Add", [centres, half], "nms.high")
    corners = tail.push("Concat", [low, high], "nms.corners", axis=2)
    return tail.push("Clip", [corners, tail.floats("nms.zero", 0.0), tail.floats("nms.one", 1.0)], "nms.boxes")


def _gather(tail: _Tail, found: str, boxes: str, shares: str, count: int) -> None:
    """What was found as rows, the best first and at most so many."""
    label = tail.push("Gather", [found, tail.whole("nms.at_class", [1])], "nms.label", axis=1)
    anchor = tail.push("Gather", [found, tail.whole("nms.at_anchor", [2])], "nms.anchor", axis=1)
    score = tail.push("GatherND", [shares, found], "nms.score")
    image = tail.push("Gather", [found, tail.whole("nms.at_image", [0])], "nms.image", axis=1)
    place = tail.push("Concat", [image, anchor], "nms.place", axis=1)
    corners = tail.push("GatherND", [boxes, place], "nms.kept")
    named = tail.push("Add", [label, tail.whole("nms.background", 1)], "nms.named")
    column = tail.push("Cast", [named], "nms.class", to=TensorProto.FLOAT)
    scores = tail.push("Unsqueeze", [score, tail.whole("nms.column", [1])], "nms.scores")
    rows = tail.push("Concat", [corners, column, scores], "nms.rows", axis=1)
    many = tail.push("Min", [tail.push("Shape", [score], "nms.many"), tail.whole("nms.count", [count])], "nms.top")
    tail.model.graph.node.append(helper.make_node("TopK", [score, many], ["nms.best", "nms.order"]))
    tail.push("Gather", [rows, "nms.order"], DETECTIONS, axis=0)
