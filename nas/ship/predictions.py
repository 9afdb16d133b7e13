"""`draw_predictions`: what an exported model sees in a few images, beside what is there."""

import numpy as np
import torch
from msgspec import Struct
from numpy.typing import NDArray
from PIL import Image

from nas.design.dense.anchors import lay_anchors
from nas.design.dense.detections import detect
from nas.design.graph import Graph
from nas.nets.tasks.task import Outputs
from nas.tasks.drawing import draw_boxes, encode, lay_mask

PREDICTIONS = 12
_SEEN = 0.3  # the score from which a box is drawn
_GAP_PX = 8
_CLASS, _WIDTH, _HEIGHT = 4, 6, 7  # columns of a detector's labels


class DrawnPrediction(Struct, frozen=True):
    """A JPEG, what is there on the left and what was seen on the right, and what is on it."""

    caption: str
    jpeg: bytes


def draw_predictions(
    graph: Graph, outputs: Outputs, images: torch.Tensor, labels: torch.Tensor, classes: tuple[str, ...]
) -> list[DrawnPrediction]:
    """Images uint8 [N, 3, H, W] with their labels and with the outputs for them; none of a classifier."""
    pictures = [Image.fromarray(one.permute(1, 2, 0).numpy()) for one in images]
    if graph.task == "detection":
        anchors = lay_anchors(graph.anchors)
        scores, boxes = (output.numpy() for output in outputs)
        return [
            _draw_boxes(picture, rows, scores[n], boxes[n], anchors, classes)
            for n, (picture, rows) in enumerate(zip(pictures, labels.numpy(), strict=True))
        ]
    if graph.task == "segmentation":
        return [_draw_masks(*one, classes) for one in zip(pictures, labels.numpy(), outputs[0], strict=True)]
    return []


def _draw_boxes(
    picture: Image.Image,
    rows: NDArray[np.float32],
    scores: NDArray[np.float32],
    boxes: NDArray[np.float32],
    anchors: NDArray[np.float32],
    classes: tuple[str, ...],
) -> DrawnPrediction:
    """At the aspect of the original image."""
    width, height = int(rows[0, _WIDTH]), int(rows[0, _HEIGHT])
    whole = picture.resize((max(1, round(picture.height * width / max(1, height))), picture.height))
    size = np.array([whole.width, whole.height, whole.width, whole.height], np.float32)
    there = rows[rows[:, _CLASS] >= 0]
    labels = there[:, _CLASS].astype(np.int64)
    found = detect(scores, boxes, anchors)
    kept = found.scores >= _SEEN
    seen = [f"{classes[k]} {score:.0%}" for k, score in zip(found.labels[kept], found.scores[kept], strict=True)]
    left = draw_boxes(whole, there[:, :4] * size, labels, [classes[k] for k in labels])
    right = draw_boxes(whole, found.boxes[kept] * size, found.labels[kept], seen)
    return _beside(left, right, f"{len(there)} boxes there, {len(seen)} seen")


def _draw_masks(
    picture: Image.Image, mask: NDArray[np.uint8], logits: torch.Tensor, classes: tuple[str, ...]
) -> DrawnPrediction:
    size = tuple(mask.shape)
    larger = torch.nn.functional.interpolate(logits[None].float(), size, mode="bilinear", align_corners=False)
    seen = larger[0].argmax(0).numpy().astype(np.uint8)
    counted = mask < len(classes)
    right = float((seen == mask)[counted].mean()) if counted.any() else 0.0
    return _beside(lay_mask(picture, mask), lay_mask(picture, seen), f"{right:.1%} of the pixels right")


def _beside(left: Image.Image, right: Image.Image, caption: str) -> DrawnPrediction:
    both = Image.new("RGB", (left.width + _GAP_PX + right.width, left.height), (255, 255, 255))
    both.paste(left, (0, 0))
    both.paste(right, (left.width + _GAP_PX, 0))
    return DrawnPrediction(caption, encode(both))
