"""Polygons and run-length codes as pixels, against closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.tasks.segmentation.sample import VOID
from nas.tasks.segmentation.shapes import decode_runs, draw_polygon, expand_runs, lay_shape


@given(st.tuples(st.integers(-4, 24), st.integers(-4, 24), st.integers(0, 24), st.integers(0, 24)), st.booleans())
def test_draw_polygon_fills_exactly_the_pixels_of_a_rectangle(box: tuple[int, int, int, int], backwards: bool) -> None:
    x, y, width, height = box
    points = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], dtype=np.float64)
    expected = np.zeros((16, 20), dtype=bool)
    expected[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)] = True
    assert np.array_equal(draw_polygon(points[::-1] if backwards else points, (20, 16)), expected)


@given(st.lists(st.tuples(st.floats(-5, 25), st.floats(-5, 25)), min_size=3, max_size=8))
def test_draw_polygon_takes_the_pixels_whose_centres_are_inside(points: list[tuple[float, float]]) -> None:
    """The even-odd rule, one pixel at a time: edges to the left of a centre are counted."""
    drawn = draw_polygon(np.array(points), (20, 16))
    for row, column in ((0, 0), (3, 7), (8, 10), (15, 19)):
        x, y, inside = column + 0.5, row + 0.5, False
        for (x1, y1), (x2, y2) in zip(points, points[1:] + points[:1], strict=True):
            if (y1 <= y) == (y2 <= y):
                continue
            crossing = x1 + (y - y1) * (x2 - x1) / (y2 - y1)
            if abs(crossing - x) < 1e-6 or min(abs(y1 - y), abs(y2 - y)) < 1e-6:
                return  # on the edge, rounding decides
            inside ^= crossing < x
        assert drawn[row, column] == inside


def test_draw_polygon_has_the_area_of_a_circle() -> None:
    angles = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    points = np.stack([50 + 40 * np.cos(angles), 50 + 40 * np.sin(angles)], axis=1)
    assert draw_polygon(points, (100, 100)).sum() == pytest.approx(np.pi * 40**2, rel=0.005)


def test_decode_runs_goes_down_the_columns() -> None:
    found = decode_runs([1, 2, 3], (3, 2))
    assert found is not None
    assert found.astype(int).tolist() == [[0, 1, 0], [1, 0, 0]]


@pytest.mark.parametrize("counts", [[1, 2], [-1, 7], [1.0, 5], [True, 5], ["1", 5], [10**30], []])
def test_decode_runs_refuses_runs_that_do_not_fill_the_image(counts: list[object]) -> None:
    assert decode_runs(counts, (3, 2)) is None


def compress(runs: list[int]) -> str:
    """COCO's compression, as maskApi.c's rleToString has it."""
    text = ""
    for place, run in enumerate(runs):
        value = run - runs[place - 2] if place > 2 else run
        more = True
        while more:
            digit, value = value & 31, value >> 5
            more = value != -1 if digit & 16 else value != 0
            text += chr((digit | 32 if more else digit) + 48)
    return text


@given(st.lists(st.integers(0, 10**8), max_size=30))
def test_expand_runs_undoes_the_compression(runs: list[int]) -> None:
    assert expand_runs(compress(runs)) == runs


def test_expand_runs_reads_the_code_of_a_known_mask() -> None:
    """Runs 6, 1, 40, 4: differences begin with the fourth, 4 - 1 = 3; 40 = 8 + 32 is the digits 8 and 1."""
    assert expand_runs("61X13") == [6, 1, 40, 4]


@pytest.mark.parametrize("text", ["X", "61X", "é", " ", "o" * 50])
def test_expand_runs_refuses_what_is_no_code(text: str) -> None:
    assert expand_runs(text) is None


def test_lay_shape_makes_pixels_of_two_classes_void_in_any_order() -> None:
    one, other = np.array([[True, True, False]]), np.array([[False, True, True]])
    masks = []
    for shapes in ([(one, 1), (other, 2), (one, 1)], [(other, 2), (one, 1), (other, 2)]):
        mask = np.zeros((1, 3), dtype=np.uint8)
        for bits, label in shapes:
            lay_shape(mask, bits, label)
        masks.append(mask.tolist())
    assert masks == [[[1, VOID, 2]]] * 2
