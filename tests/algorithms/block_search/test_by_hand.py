"""Scaled published networks as choices of a space."""

import random
import tomllib

import msgspec
import pytest

from nas.algorithms.block_search.warm_start import by_hand
from nas.design.architecture import Architecture
from nas.design.cost import macs
from nas.design.dense.choice import SsdLiteChoice
from nas.design.graph import lower
from nas.design.known import known
from nas.design.space import SearchSpace, load_space, with_dense
from tests.design.inverted import inverted

# V3-Small's rows, scaled by 0.5, 1 or 1.5; its stages of unequal expansions have one, as a space has.
_EXACT = """
name = "exact"
stem = {width = [8, 16, 24], activation = ["relu", "hswish"]}
head = {width = [288, 576, 864], hidden = [1024], activation = ["relu", "hswish"]}
"""
_ROWS = (
    (2, [1, 2], [8, 16, 24], ["none"], [3], [False, True], "relu"),
    (2, [1, 2], [16, 24, 40], [3, 4, 6], [3, 5], [False, True], "relu"),
    (2, [2, 3], [24, 40, 64], [4, 5, 6], [3, 5], [False, True], "hswish"),
    (1, [1, 2], [24, 48, 72], [3, 6], [3, 5], [False, True], "hswish"),
    (2, [3, 4], [48, 96, 144], [4, 6], [3, 5], [False, True], "hswish"),
)


@pytest.fixture
def exact() -> SearchSpace:
    keys = ("stride", "depth", "width", "expansion", "kernel", "se")
    stages = [{**dict(zip(keys, row[:6], strict=True)), "activation": [row[6]]} for row in _ROWS]
    return msgspec.convert({**tomllib.loads(_EXACT), "stages": stages}, SearchSpace)


def price(arch: Architecture) -> float:
    return macs(lower(arch)) / 1e6


def drawn(space: SearchSpace, choices: dict[str, object], resolution: int = 224) -> Architecture:
    return space.draw(lambda name, _: choices[name], resolution, 10)


def test_what_the_space_offers_of_it_is_the_published_network(exact: SearchSpace) -> None:
    """Everything but the expansions of a stage whose blocks differ in them."""
    small = known("mobilenet_v3_small", 10)
    [choices] = by_hand(exact, 10, price, {224: (0.0, 1000.0)})
    found = drawn(exact, choices)
    widths = [stage.width for stage in found.stages]
    assert (found.stem, found.head, widths) == (small.stem, small.head, [s.width for s in small.stages])
    for mine, theirs in zip(found.stages, small.stages, strict=True):
        assert len(mine.blocks) == len(theirs.blocks)
        for one, other in zip(map(inverted, mine.blocks), map(inverted, theirs.blocks), strict=True):
            assert (one.kernel, one.se, one.activation) == (other.kernel, other.se, other.activation)
    assert [inverted(block).expanded for block in found.stages[0].blocks] == [None]
    assert [inverted(block).expanded for block in found.stages[4].blocks] == [288, 576, 576]


@pytest.mark.parametrize(("low", "high"), [(15, 20), (40, 48), (90, 100)])
def test_it_lies_in_the_band(low: float, high: float, exact: SearchSpace) -> None:
    [choices] = by_hand(exact, 10, price, {224: (low, high)})
    assert low <= price(drawn(exact, choices)) <= high


def test_a_resolution_each(exact: SearchSpace) -> None:
    space = exact.at(160, 224)
    found = [drawn(space, choices) for choices in by_hand(space, 10, price, {160: (30, 60), 224: (30, 60)})]
    assert [arch.resolution for arch in found] == [160, 224]
    assert found[0].stages[-1].width >= found[1].stages[-1].width


def test_none_in_the_band_or_in_the_space_is_none(exact: SearchSpace) -> None:
    assert by_hand(exact, 10, price, {224: (1e4, 2e4)}) == []
    other = msgspec.structs.replace(exact, stages=exact.stages[1:])
    assert by_hand(other, 10, price, {224: (0.0, 1000.0)}) == []


def test_blocks_that_choose_for_themselves_are_each_the_published_ones() -> None:
    space, large = load_space("ofa_mobilenet_v3"), known("mobilenet_v3_large", 10)
    cost = price(large)
    [choices] = by_hand(space, 10, price, {224: (0.9 * cost, 1.1 * cost)})
    kernels = [[inverted(block).kernel for block in stage.blocks] for stage in large.stages[1:]]
    assert [[inverted(block).kernel for block in stage.blocks] for stage in drawn(space, choices).stages[1:]] == kernels
    assert by_hand(space, 10, price, {224: (2 * cost, 3 * cost)}) == []  # its widths are fixed


@pytest.mark.parametrize("name", ["mobilenet_v3_large", "mobilenet_v3_small"])
def test_the_shipped_spaces_contain_one(name: str) -> None:
    space = load_space(name)
    middle = price(space.sample(random.Random(0), 224, 10))
    [choices] = by_hand(space, 10, price, {224: (0.9 * middle, 1.1 * middle)})
    assert 0.9 * middle <= price(drawn(space, choices)) <= 1.1 * middle


@pytest.mark.parametrize("kind", ["ssdlite", "lraspp", "raspp"])
def test_by_hand_begins_with_the_published_network_and_its_head(kind: str, exact: SearchSpace) -> None:
    whole = known(f"{kind}_mobilenet_v3_small-1-96", 10)
    space = msgspec.structs.replace(with_dense(exact, kind), published=("mobilenet_v3_small",))
    [choices] = by_hand(space, 10, price, {96: (0.95 * price(whole), 1.05 * price(whole))})
    found = drawn(space, choices, 96)
    assert (found.dense, found.head) == (whole.dense, whole.head)
    assert choices["dense.reduced"] is False
    assert [stage.width for stage in found.stages] == [stage.width for stage in whole.stages]


def test_by_hand_of_a_space_whose_tails_are_reduced_begins_with_the_reduced_network(exact: SearchSpace) -> None:
    whole = known("ssdlite_mobilenet_v3_small_reduced-1-96", 10)
    space = msgspec.structs.replace(exact, published=("mobilenet_v3_small",), dense=SsdLiteChoice(reduced=(True,)))
    [choices] = by_hand(space, 10, price, {96: (0.95 * price(whole), 1.05 * price(whole))})
    found = drawn(space, choices, 96)
    assert found.dense == whole.dense
    assert [stage.width for stage in found.stages] == [stage.width for stage in whole.stages]


def test_by_hand_takes_the_least_last_convolution_where_a_published_segmenter_has_none() -> None:
    """As V2's and MnasNet's; and a width of the head lies near the published one."""
    space = load_space("lraspp_mnasnet")
    wide = msgspec.structs.replace(space, head=msgspec.structs.replace(space.head, width=(640, 1280)))
    found = by_hand(wide, 10, price, {96: (0.0, 1000.0)})
    assert [choices["head.width"] for choices in found] == [640] * 3
