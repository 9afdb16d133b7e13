"""The size that pictures are stored at, and masks and pictures at another size."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.design.size import central_part, height_width, make_size
from nas.tasks.pictures import read_upright
from nas.tasks.stretching import choose_size, stretch_mask
from tests.tasks.made import save_image


@given(st.integers(8, 400), st.integers(8, 400), st.integers(8, 900), st.integers(8, 900))
def test_choose_size_has_the_aspect_and_at_most_a_quarter_more(height: int, width: int, down: int, across: int) -> None:
    largest = make_size(height, width)
    found = height_width(choose_size([(across, down)], largest))
    assert central_part(found, largest) == (slice(0, found[0]), slice(0, found[1]))  # networks see it whole
    assert min(height, width) <= min(found) <= 1.25 * min(height, width) + 0.5
    if down >= height and across >= width:
        rounded = 0.5 + 0.5 * max(height, width) / min(height, width)
        assert found[0] <= down + rounded
        assert found[1] <= across + rounded


@given(st.integers(1, 40), st.integers(1, 40))
def test_stretch_mask_gives_no_class_that_the_mask_has_not(height: int, width: int) -> None:
    mask = np.random.default_rng(0).integers(0, 256, (13, 17)).astype(np.uint8)
    found = stretch_mask(mask, make_size(height, width))
    assert found.shape == (height, width)
    assert set(np.unique(found)) <= set(np.unique(mask))


def test_stretch_mask_takes_the_pixel_at_each_centre() -> None:
    mask = np.arange(36, dtype=np.uint8).reshape(6, 6)
    assert np.array_equal(stretch_mask(mask, 2), mask[1::3, 1::3])
    assert np.array_equal(stretch_mask(mask, 12), mask.repeat(2, 0).repeat(2, 1))
    assert np.array_equal(stretch_mask(mask, 6), mask)


@pytest.mark.parametrize(("orientation", "size"), [(1, (200, 150)), (6, (150, 200))])
def test_read_upright_reduces_a_jpeg_to_what_is_enough(tmp_path: Path, orientation: int, size: tuple[int, int]) -> None:
    path = str(save_image(tmp_path / "a.jpg", (800, 600), orientation))
    assert read_upright(path, enough_px=150).size == size
    assert max(read_upright(path, enough_px=301).size) == 800
