"""Sizes, and that a square is the same however it is written."""

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nas.design.architecture import Architecture, digest
from nas.design.cost import op_macs
from nas.design.edits.resize import resolutions_below
from nas.design.graph import lower
from nas.design.known import KNOWN_NAMES, known
from nas.design.op import Conv, Linear, Pool, SqueezeExcite
from nas.design.size import (
    Size,
    area,
    by_area,
    cover_size,
    describe_size,
    height_width,
    make_size,
    parse_size,
    scale_size,
    shorter_side,
)
from nas.errors import InvalidArchitecture
from nas.latency.prediction.entry import entries
from tests.design.strategies import sizes


@given(sizes(1, 4000))
def test_parse_size_reads_what_describe_size_writes(size: Size) -> None:
    assert parse_size(describe_size(size)) == size


@pytest.mark.parametrize("text", ["192 x 320", "192X320", " 192×320 ", "0192x320"])
def test_parse_size_takes_spaces_and_other_crosses(text: str) -> None:
    assert parse_size(text) == (192, 320)


@pytest.mark.parametrize("text", ["", "192x", "x320", "192*320", "192,320", "-192x320", "1e2", "192x320x3", "1234567"])
def test_parse_size_refuses_what_is_no_size(text: str) -> None:
    assert parse_size(text) is None


@given(st.integers(32, 2000), st.integers(32, 2000), st.integers(1, 60))
def test_scale_size_keeps_the_aspect_as_near_as_the_grid_lets(height: int, width: int, eighths: int) -> None:
    found = scale_size(make_size(height, width), 8 * eighths, step=8)
    rows, columns = height_width(found)
    exact = max(height, width) / min(height, width) * 8 * eighths
    assert shorter_side(found) == 8 * eighths
    assert abs(max(rows, columns) - exact) <= 4
    assert rows % 8 == columns % 8 == 0
    assert height == width or (rows <= columns) == (height < width) or rows == columns


def test_scale_size_of_a_square_is_the_square() -> None:
    assert scale_size(224, 100, step=8) == 100


@given(sizes(8, 500), sizes(8, 500))
def test_cover_size_holds_both_and_keeps_the_aspect(size: Size, other: Size) -> None:
    (height, width), (high, wide) = height_width(size), height_width(other)
    rows, columns = height_width(cover_size(size, other))
    assert rows >= max(height, high)
    assert columns >= max(width, wide)
    assert abs(rows * width - columns * height) <= max(width, height)
    if isinstance(size, int) and isinstance(other, int):
        assert cover_size(size, other) == max(size, other)


def test_by_area_orders_by_pixels() -> None:
    given: list[Size] = [(192, 320), 224, 256, (100, 64)]
    assert sorted(given, key=by_area) == [(100, 64), 224, (192, 320), 256]


def test_resolutions_below_keep_the_aspect_and_fall() -> None:
    found = resolutions_below((192, 320))
    assert found[:3] == ((184, 304), (176, 296), (168, 280))
    assert found[-1] == (32, 56)
    assert resolutions_below(56) == (48, 40, 32)
    assert all(area(one) > area(other) for one, other in itertools.pairwise(found))


def test_a_square_of_two_equal_sides_is_the_square_in_every_key() -> None:
    square = known("mobilenet_v3_small-0.5-224")
    written = msgspec.json.encode(square).replace(b'"resolution":224', b'"resolution":[224,224]')
    for other in (replace(square, resolution=(224, 224)), msgspec.json.decode(written, type=Architecture)):
        assert other == square
        assert digest(other) == digest(square)
        assert msgspec.json.encode(other) == msgspec.json.encode(square)
        assert [entry.key for entry in entries(lower(other))] == [entry.key for entry in entries(lower(square))]
    assert known("mobilenet_v3_small-0.5-224x224") == square


@pytest.mark.parametrize("name", KNOWN_NAMES)
def test_macs_of_a_map_are_those_of_a_pixel_times_its_pixels(name: str) -> None:
    """The maps of a network have the rows of the square network of its height and the columns of that of its width."""
    high, wide, both = (lower(known(f"{name}-0.5-{size}")) for size in ("131", "96", "131x96"))
    for tall, broad, node in zip(high.nodes, wide.nodes, both.nodes, strict=True):
        if isinstance(node.op, Conv | Pool):
            assert isinstance(tall.op, Conv | Pool)
            assert isinstance(broad.op, Conv | Pool)
            assert height_width(node.op.out_size) == (tall.op.out_size, broad.op.out_size)
        if isinstance(node.op, Conv):
            pixels = area(node.op.out_size)
            assert (
                op_macs(node.op) == node.op.kernel**2 * node.op.in_width // node.op.groups * node.op.out_width * pixels
            )
        elif isinstance(node.op, Linear | SqueezeExcite):
            assert op_macs(node.op) == op_macs(tall.op)


def test_macs_in_closed_form() -> None:
    """All sides of 160 x 320 are those of 160 and of 320, so the convolutions are twice and half as many."""
    small, both, large = (known(f"mobilenet_v3_large-1-{size}").macs for size in ("160", "160x320", "320"))
    assert 2 * (both - small) == large - both
    assert known("mobilenet_v3_large-1-320x160").macs == both


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mobilenet_v3_small-1-0x320", "resolution 0 is outside 32 to 2048"),
        ("mobilenet_v3_small-1-192x99999", "resolution 99999 is outside 32 to 2048"),
        ("mobilenet_v3_small-1-0", "resolution 0 is outside 32 to 2048"),
        ("mobilenet_v3_small-1-192x", "like mobilenet_v3_large-0.75-192 or mobilenet_v3_large-1-192x320"),
        ("mobilenet_v3_small-1-x320", "like mobilenet_v3_large-0.75-192 or mobilenet_v3_large-1-192x320"),
        ("mobilenet_v3_small-1-192*320", "like mobilenet_v3_large-0.75-192 or mobilenet_v3_large-1-192x320"),
    ],
)
def test_known_refuses_a_resolution_that_is_none(name: str, message: str) -> None:
    with pytest.raises(InvalidArchitecture, match=message):
        known(name)


def test_lower_names_the_nearest_resolution_that_leaves_a_map() -> None:
    small = replace(known("squeezenet_1_0"), resolution=(12, 64))
    message = (
        r"s2b0_pool leaves nothing of a map of 1 x 14 pixels: give a larger resolution. The nearest .* is (\S+)\.$"
    )
    with pytest.raises(InvalidArchitecture, match=message) as caught:
        lower(small)
    nearest = parse_size(str(caught.value).rsplit(" ", 1)[1].rstrip("."))
    assert nearest is not None
    height, width = height_width(nearest)
    assert width == 64
    lower(replace(small, resolution=nearest))
    with pytest.raises(InvalidArchitecture):
        lower(replace(small, resolution=(height - 1, width)))
