"""Boxes move with the pixels of their images."""

import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from nas.nets.tasks.detection import Detection
from nas.nets.training.augment.views import make_views, sample_views
from tests.nets.tasks.made_boxes import QUADRANTS, Row, labels_of

TASK = Detection(QUADRANTS)
SIDE = 64


def view(sides: tuple[float, float] = (1, 1), centre: tuple[float, float] = (0, 0)) -> Tensor:
    return make_views(torch.tensor([sides]), torch.tensor([centre]).float())


def moved(views: Tensor, *rows: Row) -> list[list[float]]:
    return [row[:6] for row in TASK.move(labels_of(rows), views, (SIDE, SIDE))[0].tolist()]


@pytest.mark.parametrize(
    ("views", "expected"),
    [
        (view(), (0.1, 0.2, 0.3, 0.6)),
        (view(sides=(-1, 1)), (0.7, 0.2, 0.9, 0.6)),
        (view(sides=(1, -1)), (0.1, 0.4, 0.3, 0.8)),
        (view(centre=(-0.2, 0.4)), (0.2, 0.0, 0.4, 0.4)),
        (view(sides=(0.5, 0.5), centre=(-0.5, -0.5)), (0.2, 0.4, 0.6, 1.0)),
        (view(sides=(2, 1)), (0.3, 0.2, 0.4, 0.6)),
        (torch.tensor([[[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]]), (0.2, 0.7, 0.6, 0.9)),
    ],
    ids=["same", "mirrored", "upside down", "shifted", "cropped", "shrunk", "turned"],
)
def test_move_takes_a_box_to_where_the_view_shows_it(views: Tensor, expected: tuple[float, ...]) -> None:
    assert moved(views, (0.1, 0.2, 0.3, 0.6, 3)) == [pytest.approx([*expected, 3, 0], abs=1e-6)]


def test_move_drops_an_object_whose_centre_leaves_the_image_and_clips_others() -> None:
    right_half = view(sides=(0.5, 1), centre=(0.5, 0))
    found = moved(right_half, (0.2, 0, 0.7, 1, 1), (0.4, 0, 0.7, 1, 2), (0.1, 0, 0.3, 1, 3))
    assert [row[4] for row in found] == [-1, 2, -1]
    assert found[1][:4] == pytest.approx([0, 0, 0.4, 1], abs=1e-6)


def test_move_keeps_what_is_seen_of_an_ignored_box() -> None:
    found = moved(view(sides=(0.5, 1), centre=(0.5, 0)), (0, 0, 0.7, 1, 1, 1), (0, 0, 0.4, 1, 1, 1))
    assert found[0] == pytest.approx([0, 0, 0.4, 1, 1, 1], abs=1e-6)
    assert found[1][4] == -1


def test_move_keeps_sizes_and_rows_that_are_no_object() -> None:
    labels = labels_of([(0, 0, 1, 1, 1)], [], size=(640, 480))
    found = TASK.move(labels, view((0.5, 0.5), (0.5, 0.5)).repeat(2, 1, 1), (SIDE, SIDE))
    assert found[..., 6:].tolist() == [[[640, 480]]] * 2
    assert found[:, 0, 4].tolist() == [1, -1]


def test_move_without_views_changes_nothing() -> None:
    labels = labels_of([(0.1, 0.2, 0.3, 0.6, 3)])
    assert TASK.move(labels, None, (SIDE, SIDE)) is labels


SHARES, TURNS = st.floats(0.1, 0.6), st.floats(-0.6, 0.6)


@given(SHARES, SHARES, TURNS, st.floats(0.6, 1.5), st.sampled_from([-1, 1]), TURNS, TURNS)
def test_move_finds_the_box_around_the_pixels_that_moved(
    left: float, top: float, angle: float, zoom: float, sign: int, across: float, down: float
) -> None:
    box = [round(SIDE * share) for share in (left, top, left + 0.3, top + 0.25)]
    image = torch.zeros(1, 1, SIDE, SIDE)
    image[..., box[1] : box[3], box[0] : box[2]] = 1
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    views = torch.eye(3)[None].clone()
    views[0, :2, :2] = zoom * turn @ torch.diag(torch.tensor([float(sign), 1.0]))
    views[0, :2, 2] = torch.tensor([across, down])
    shares = [edge / SIDE for edge in box]
    (row,) = moved(views, (shares[0], shares[1], shares[2], shares[3], 1))
    assume(row[4] == 1 and min(row[:4]) > 0 and max(row[:4]) < 1)
    lit = (sample_views(image, views, (SIDE, SIDE), "border")[0, 0] > 0.5).nonzero().flip(1).float()
    seen = [*lit.amin(0).tolist(), *(lit.amax(0) + 1).tolist()]
    assert [SIDE * edge for edge in row[:4]] == pytest.approx(seen, abs=3)
