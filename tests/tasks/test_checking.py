"""Whatever corners a file has: what is kept lies within its image, and every box is kept or counted."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.nets.data.reading.left_out import LeftOuts
from nas.tasks.detection.checking import check_boxes
from nas.tasks.detection.sample import WrittenBox, WrittenData, WrittenImage
from tests.tasks.made import save_image

NUMBER = st.one_of(st.floats(-30, 90), st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([0.0, 48, 64]))


@pytest.fixture(scope="module", params=[1, 6])
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image of 64x48 as stored, upright or on its side."""
    return save_image(tmp_path_factory.mktemp("checking") / "a.jpg", orientation=request.param)


@settings(max_examples=100, deadline=None)
@given(corners=st.lists(st.tuples(NUMBER, NUMBER, NUMBER, NUMBER), max_size=8))
def test_check_boxes_keeps_boxes_within_the_image_or_counts_them(
    image: Path, corners: list[tuple[float, float, float, float]]
) -> None:
    boxes = tuple(WrittenBox(place, found, f"box {place}") for place, found in enumerate(corners))
    written = WrittenData("made", ("a",) * 8, (WrittenImage(str(image), "train", boxes, size=(64, 48)),))
    left_out = LeftOuts(image.parent)
    [sample] = check_boxes(written, left_out).splits["train"]
    assert len(sample.boxes) + sum(row.count for row in left_out.all()) == len(corners)
    assert (sample.boxes[:, :2] < sample.boxes[:, 2:]).all()
    assert (sample.boxes >= 0).all()
    assert (sample.boxes <= np.array([*sample.size, *sample.size])).all()
    assert sample.boxes.dtype == np.float32
