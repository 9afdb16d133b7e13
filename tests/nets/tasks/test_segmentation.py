"""Masks: their loss, the intersection over union of classes, and how they move with their images."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import jaccard_score
from torch import Tensor
from torch.nn import functional as F

from nas.design.graph import lower
from nas.design.known import known
from nas.nets.tasks.find import task_of
from nas.nets.tasks.segmentation import Segmentation
from nas.nets.tasks.task import Judged
from nas.nets.training.augment.views import make_views, sample_views

VOID = 255
TASK = Segmentation()


def masks(*images: list[list[int]]) -> Tensor:
    return torch.tensor(images, dtype=torch.uint8)


def certain(answers: Tensor, classes: int) -> Tensor:
    """Logits [N, C, H, W] whose largest is that of an answer [N, H, W]."""
    return 9 * F.one_hot(answers.long(), classes).permute(0, 3, 1, 2).float()


def judge(answers: Tensor, labels: Tensor, classes: int) -> Judged:
    outputs = (certain(answers, classes),)
    return Judged(TASK, TASK.losses(outputs, labels), TASK.answer(outputs, labels), labels)


def draw(seed: int, *shape: int, high: int, void: float = 0.0) -> Tensor:
    rng = np.random.default_rng(seed)
    values = rng.integers(high, size=shape).astype(np.uint8)
    values[rng.random(shape) < void] = VOID
    return torch.from_numpy(values)


def test_task_of_a_segmenter_is_segmentation() -> None:
    assert task_of(lower(known("lraspp_mobilenet_v3_large"))) == TASK


def test_loss_is_the_mean_over_the_pixels_that_are_not_void() -> None:
    labels = masks([[0, 1], [VOID, VOID]], [[1, 1], [1, VOID]])
    logits = torch.zeros(2, 2, 2, 2)
    logits[0, 0, 0, 0] = math.log(3)  # its class has 3/4
    logits[1, 0, 1, 1] = 50.0  # a void pixel's logits do not matter
    expected = [math.log(4 / 3), math.log(2)]
    assert float(TASK.loss((logits,), labels, 0.0)) == pytest.approx((expected[0] + 4 * expected[1]) / 5)
    own = [(expected[0] + expected[1]) / 2, expected[1]]
    assert TASK.losses((logits,), labels).tolist() == pytest.approx(own)


def test_loss_with_smoothing_gives_each_class_its_share() -> None:
    logits = torch.tensor([2.0, 0.0, 0.0, 0.0]).reshape(1, 4, 1, 1)
    total = math.log(math.exp(2) + 3)
    expected = 0.9 * (total - 2) + 0.1 * (total - 0.5)
    assert float(TASK.loss((logits,), masks([[0]]), 0.1)) == pytest.approx(expected)
    aside = torch.cat([logits, torch.full_like(logits, 7.0)], 3)
    assert float(TASK.loss((aside,), masks([[0, VOID]]), 0.1)) == pytest.approx(expected)


def test_loss_of_nothing_but_void_is_zero_and_teaches_nothing() -> None:
    logits = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    labels = torch.full((2, 4, 4), VOID, dtype=torch.uint8)
    loss = TASK.loss((logits,), labels, 0.1)
    torch.autograd.backward(loss)
    assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert not logits.grad.any()
    assert TASK.losses((logits.detach(),), labels).tolist() == [0, 0]


def test_logits_are_brought_to_the_size_of_the_masks_bilinearly() -> None:
    logits = torch.tensor([[4.0, 0.0], [0.0, 4.0]]).reshape(1, 2, 1, 2)  # at four places: 4, 3, 1, 0 against 0, 1, 3, 4
    labels = masks([[0, 0, 0, 1]])
    margins = [4, 2, -2, 4]
    expected = sum(math.log1p(math.exp(-margin)) for margin in margins) / 4
    assert TASK.losses((logits,), labels).tolist() == pytest.approx([expected])
    assert TASK.answer((logits,), labels).tolist() == [[[2, 1], [3, 2]]]


def test_answer_counts_intersections_and_unions_of_pixels_that_are_not_void() -> None:
    labels = masks([[0, 0, 1, VOID]], [[2, 2, 2, 2]])
    answers = masks([[0, 1, 1, 0]], [[2, 2, 0, 0]])
    judged = judge(answers, labels, 4)
    assert judged.answers.dtype == torch.int64
    assert judged.answers.tolist() == [[[1, 1, 0, 0], [2, 2, 0, 0]], [[0, 0, 2, 0], [2, 0, 4, 0]]]
    assert judged.score.accuracy == pytest.approx((1 / 4 + 1 / 2 + 2 / 4) / 3)  # class 3 does not occur
    assert judged.score.count == 2
    scores = judged.score_classes(4)
    assert scores.values == (1 / 4, 1 / 2, 1 / 2, None)
    assert scores.accuracy == pytest.approx(judged.score.accuracy)
    assert scores.extra == {"pixel accuracy": 4 / 7}


@settings(max_examples=30)
@given(st.integers(0, 1000), st.integers(2, 5), st.integers(1, 4))
def test_mean_iou_is_that_of_sklearn(seed: int, classes: int, images: int) -> None:
    labels = draw(seed, images, 5, 6, high=classes, void=0.2)
    answers = draw(seed + 1, images, 5, 6, high=classes)
    kept = labels != VOID
    expected = jaccard_score(labels[kept], answers[kept], labels=range(classes), average=None, zero_division=0)
    scores = judge(answers, labels, classes).score_classes(classes)
    assert [value or 0.0 for value in scores.values] == pytest.approx(expected.tolist())
    occurs = {*labels[kept].tolist(), *answers[kept].tolist()}
    assert [value is not None for value in scores.values] == [number in occurs for number in range(classes)]
    assert scores.extra["pixel accuracy"] == pytest.approx(float((labels == answers)[kept].float().mean()))


def test_score_of_nothing_but_void_is_zero() -> None:
    labels = torch.full((2, 2, 2), VOID, dtype=torch.uint8)
    judged = judge(torch.zeros_like(labels), labels, 2)
    assert (judged.score.accuracy, judged.score.loss) == (0, 0)
    assert judged.score_classes(2).values == (None, None)


def test_score_interval_of_two_images_is_from_one_to_the_other() -> None:
    labels = masks([[0, 0, 0, 0]], [[0, 0, 0, 0]])
    judged = judge(masks([[0, 1, 1, 1]], [[0, 0, 0, 1]]), labels, 2)
    # Each image is drawn twice in a quarter of the draws; class 1 is never right.
    assert judged.score.accuracy_ci95 == (1 / 8, 3 / 8)
    assert judged.score.accuracy == 1 / 4


def test_score_interval_of_equal_images_has_no_width() -> None:
    labels, answers = masks([[0, 1]]).repeat(9, 1, 1), masks([[0, 0]]).repeat(9, 1, 1)
    score = judge(answers, labels, 2).score
    assert score.accuracy_ci95 == (score.accuracy, score.accuracy) == (0.25, 0.25)


def test_score_interval_of_one_image_says_nothing() -> None:
    assert judge(masks([[0, 1]]), masks([[0, 1]]), 2).score.accuracy_ci95 == (0, 1)


@settings(max_examples=30)
@given(st.integers(0, 1000), st.integers(2, 12))
def test_score_interval_holds_the_score_and_is_the_same_again(seed: int, images: int) -> None:
    labels = draw(seed, images, 2, 2, high=3, void=0.1)
    judged = judge(draw(seed + 1, images, 2, 2, high=3), labels, 3)
    low, high = judged.score.accuracy_ci95
    assert 0 <= low <= judged.score.accuracy <= high <= 1
    assert judged.score == judged.score


def test_score_interval_narrows_with_the_square_root_of_the_images() -> None:
    def width(images: int) -> float:
        labels = draw(0, images, 4, 4, high=2)
        answers = torch.where(torch.rand(images, 1, 1, generator=torch.Generator().manual_seed(1)) < 0.5, labels, 0)
        low, high = judge(answers.to(torch.uint8), labels, 2).score.accuracy_ci95
        return high - low

    assert width(25) / width(400) == pytest.approx(4, rel=0.25)


@pytest.mark.parametrize(("sides", "axis"), [((-1.0, 1.0), 2), ((1.0, -1.0), 1)])
def test_move_by_a_flip_is_torch_flip(sides: tuple[float, float], axis: int) -> None:
    labels = draw(3, 2, 6, 9, high=20, void=0.1)
    views = make_views(torch.tensor([sides, sides]), torch.zeros(2, 2))
    moved = TASK.move(labels, views, (6, 9))
    assert moved.dtype == torch.uint8
    assert torch.equal(moved, torch.flip(labels, (axis,)))


def test_move_without_a_view_takes_the_nearest_pixel() -> None:
    labels = draw(4, 2, 3, 4, high=255)
    assert torch.equal(TASK.move(labels, None, (6, 8)), labels.repeat_interleave(2, 1).repeat_interleave(2, 2))
    assert torch.equal(TASK.move(labels, None, (3, 4)), labels)
    assert torch.equal(TASK.move(labels, None, (1, 4)), labels[:, 1:2])  # the row in the middle


def test_move_leaves_void_what_is_outside_of_the_mask() -> None:
    labels = draw(5, 1, 4, 8, high=7)
    views = make_views(torch.ones(1, 2), torch.tensor([[1.0, 0.0]]))  # half a side to the right
    expected = torch.full((1, 4, 8), VOID, dtype=torch.uint8)
    expected[:, :, :4] = labels[:, :, 4:]
    assert torch.equal(TASK.move(labels, views, (4, 8)), expected)


def test_move_shows_a_quarter_at_twice_the_size() -> None:
    labels = draw(6, 1, 4, 4, high=255)
    views = make_views(torch.full((1, 2), 0.5), torch.full((1, 2), 0.5))
    expected = labels[:, 2:, 2:].repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert torch.equal(TASK.move(labels, views, (4, 4)), expected)


@given(st.integers(0, 1000), st.integers(1, 9), st.integers(1, 9), st.booleans())
def test_move_gives_no_class_that_the_mask_has_not(seed: int, height: int, width: int, viewed: bool) -> None:
    labels = draw(seed, 3, 7, 5, high=250)
    views = torch.eye(3) + 0.6 * torch.randn(3, 3, 3, generator=torch.Generator().manual_seed(seed))
    views[:, 2] = torch.tensor([0.0, 0.0, 1.0])
    moved = TASK.move(labels, views if viewed else None, (height, width))
    assert moved.shape == (3, height, width)
    for before, after in zip(labels, moved, strict=True):
        assert set(after.unique().tolist()) <= {*before.unique().tolist(), VOID}


def test_move_agrees_with_the_image() -> None:
    """A mask that is drawn as an image lies where the image shows it, but for the pixels at its edges."""
    labels = torch.zeros(1, 40, 60, dtype=torch.uint8)
    labels[:, 5:25, 10:50] = 1
    turned = torch.tensor([[0.8, -0.5, 0.1], [0.4, 0.7, -0.1], [0.0, 0.0, 1.0]])[None]
    image = sample_views(labels[:, None].float(), turned, (30, 30), "border")[:, 0]
    mask = TASK.move(labels, turned, (30, 30))
    sure = (image == image.round()) & (mask != VOID)
    assert sure.float().mean() > 0.5
    assert torch.equal(image[sure], mask[sure].float())
    assert {0.0, 1.0} == set(image[sure].tolist())


def test_distil_is_the_mean_divergence_of_pixels() -> None:
    own, taught = torch.zeros(1, 2, 1, 2), torch.zeros(1, 2, 1, 2)
    taught[0, 0, 0, 0] = 2 * math.log(3)  # at a temperature of 2 three quarters to one, beside a pixel that agrees
    expected = 4 * (0.75 * math.log(1.5) + 0.25 * math.log(0.5)) / 2
    found = TASK.distil((own,), (taught,), 2.0)
    assert found is not None
    assert float(found) == pytest.approx(expected)


def test_distil_takes_a_teacher_of_another_resolution() -> None:
    own = torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    larger = own.repeat_interleave(2, 2).repeat_interleave(2, 3)  # halved, its pixels are those of `own`
    found = TASK.distil((own,), (larger,), 3.0)
    assert found is not None
    assert float(found) == pytest.approx(0, abs=1e-6)
