"""The task of a detector as a whole: what it learns of shapes, and of a teacher."""

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from torch import Tensor

from nas.design.architecture import Architecture
from nas.design.graph import lower
from nas.design.known import known
from nas.nets.network import build
from nas.nets.tasks.detection import Detection
from nas.nets.tasks.task import Judged, Task
from tests.nets.tasks.made_boxes import MAPS, QUADRANTS, labels_of, random_outputs

CLASSES = 3


def shapes(count: int, side: int = 64) -> tuple[Tensor, Tensor]:
    """Dark images [N, 3, H, W] with a red or a blue box each, and their labels."""
    rng = np.random.default_rng(0)
    images, rows = torch.zeros(count, 3, side, side) - 1, []
    for number in range(count):
        width, height = rng.integers(side // 4, side // 2, 2)
        left, top = int(rng.integers(0, side - width)), int(rng.integers(0, side - height))
        images[number, 2 * (number % 2), top : top + height, left : left + width] = 2
        rows.append([(left / side, top / side, (left + width) / side, (top + height) / side, 1 + number % 2)])
    return images, labels_of(*rows, size=(side, side))


def small_detector() -> Architecture:
    return replace(known("ssdlite_mobilenet_v3_small-0.35", CLASSES), resolution=64)


def test_a_detector_learns_from_its_task() -> None:
    network = build(lower(small_detector()))
    images, labels = shapes(8)
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    seen = []
    for _ in range(8):
        loss = network.task.loss(network.outputs(images), labels, 0.0)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        seen.append(float(loss.detach()))
    assert seen[-1] < 0.7 * seen[0]
    judged = judge(network.task, tuple(output.detach() for output in network.outputs(images)), labels)
    assert 0 < judged.score.accuracy <= 1
    assert judged.score_classes(CLASSES).accuracy == pytest.approx(judged.score.accuracy)


def judge(task: Task, outputs: tuple[Tensor, ...], labels: Tensor) -> Judged:
    return Judged(task, task.losses(outputs, labels), task.answer(outputs, labels), labels)


def test_losses_can_be_computed_before_and_after_training_in_one_process() -> None:
    task, labels = Detection(QUADRANTS), labels_of([(0, 0, 0.5, 0.5, 1)])
    with torch.inference_mode():
        task.losses((torch.zeros(1, 4, 2), torch.zeros(1, 4, 4)), labels)
    outputs = random_outputs(0, 1, 4, 2)
    assert torch.autograd.grad(task.loss(outputs, labels, 0.0), outputs)[1].any()


def test_distil_is_nothing_for_the_teacher_itself() -> None:
    outputs = random_outputs(0, 2, 9, 4)
    found = Detection(MAPS).distil(outputs, outputs, 2.0)
    assert found is not None
    assert found.item() == pytest.approx(0, abs=1e-6)


def test_distil_learns_nothing_of_other_anchors() -> None:
    assert Detection(MAPS).distil(random_outputs(0, 2, 9, 4), random_outputs(0, 2, 8, 4), 2.0) is None


def test_distil_weighs_anchors_by_the_teachers_objects() -> None:
    sure = torch.tensor([[[0.0, 0.0], [0.0, 0.0], [30.0, 0.0]]]).log_softmax(-1)
    outputs, taught = (sure.clone(), torch.zeros(1, 3, 4)), (sure, torch.zeros(1, 3, 4))
    taught[1][0, 0, 0], taught[1][0, 2] = 3.0, 9.0
    found = Detection(MAPS).distil(outputs, taught, 1.0)
    assert found is not None
    torch.testing.assert_close(found, torch.tensor((3.0 - 0.5) / 2))  # one of two anchors that count alike is off by 3


def test_distil_softens_the_classes() -> None:
    taught = torch.tensor([[[0.0, 4.0]]]), torch.zeros(1, 1, 4)
    outputs = torch.zeros(1, 1, 2), torch.zeros(1, 1, 4)
    found = Detection(MAPS).distil(outputs, taught, 4.0)
    share = torch.tensor(1.0).sigmoid()
    expected = 16 * (share * (2 * share).log() + (1 - share) * (2 * (1 - share)).log())
    torch.testing.assert_close(found, expected)
