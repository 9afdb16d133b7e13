"""Spaces of other families: what they draw, and what they refuse."""

import random
import re
from pathlib import Path

import pytest

from nas.design.architecture import Architecture
from nas.design.blocks.shuffle import ShuffleV2
from nas.design.blocks.universal import Universal
from nas.design.container import supernet_architecture
from nas.design.edits.simplify import numbered
from nas.design.graph import lower
from nas.design.space import load_space, space_names
from nas.errors import InvalidSpace

FOLDER = Path(__file__).parents[2] / "search_spaces"


def drawn(name: str, count: int = 40) -> list[Architecture]:
    space, rng = load_space(name), random.Random(0)
    return [space.smallest(64, 10), space.largest(64, 10), *(space.sample(rng, 64, 10) for _ in range(count))]


@pytest.mark.parametrize("name", space_names())
def test_every_draw_of_a_shipped_space_is_a_network(name: str) -> None:
    for arch in drawn(name):
        assert lower(arch).nodes[-1].name == "head_classifier"


@pytest.mark.parametrize("name", ["universal", "shufflenet_v2", "mobilenet_v1", "mnasnet"])
def test_cover_has_every_op_of_a_space(name: str) -> None:
    space = load_space(name)
    ops = {node.op for arch in space.cover(64, 10) for node in lower(arch).nodes}
    for arch in drawn(name, 10):
        assert {node.op for node in lower(arch).nodes} <= ops


def test_universal_draws_all_its_forms() -> None:
    forms = {
        (block.start is not None, block.middle is not None)
        for arch in drawn("universal", 200)
        for _, _, block in numbered(arch)
        if isinstance(block, Universal) and not block.fused
    }
    assert forms == {(False, False), (False, True), (True, False), (True, True)}


def test_a_block_with_a_stride_and_no_kernel_takes_the_smallest() -> None:
    space = load_space("universal")
    arch = space.draw(lambda name, options: "none" if "none" in options else options[-1], 64, 10)
    first, second = arch.stages[1].blocks[:2]
    assert isinstance(first, Universal)
    assert isinstance(second, Universal)
    assert (first.start, first.middle) == (None, 3)
    assert (second.start, second.middle) == (None, None)


def test_a_mixed_space_draws_both_families() -> None:
    kinds = {type(block) for arch in drawn("universal_or_shuffle") for _, _, block in numbered(arch)}
    assert kinds == {Universal, ShuffleV2}


def test_a_branch_is_the_expansion_of_a_half() -> None:
    arch = load_space("shufflenet_v2").draw(lambda name, options: options[-1], 64, 10)
    assert [block.inner for block in arch.stages[1].blocks if isinstance(block, ShuffleV2)] == [
        132
    ] * 4  # 1.5 * 176 / 2


def test_weights_cannot_be_shared_across_families() -> None:
    with pytest.raises(InvalidSpace, match=r"stages\[1\].family mixes shuffle_v2 and universal.*--evaluator train"):
        supernet_architecture(load_space("universal_or_shuffle"), 64, 10)


def test_shared_weights_hold_every_network_of_the_universal_space() -> None:
    from nas.nets.supernet.views import require_within

    big = supernet_architecture(load_space("universal"), 64, 10)
    for arch in drawn("universal", 20):
        require_within(arch, big)


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("universal", "kernel = [3]", "kernel = [4]", "kernel 4 is even, but a kernel is odd"),
        (
            "universal",
            'family = ["universal"]',
            'family = ["separable"]',
            "of the family separable have a kernel",
        ),
        ("universal", 'kernel = ["none", 3, 5]', 'kernel = ["none"]', "a block with a stride needs a kernel"),
        ("shufflenet_v2", "width = [48, 80, 116, 176]", "width = [48, 81]", "width 81 is odd.*take 82"),
        ("shufflenet_v2", "stride = 2", "stride = 1", "its first block changes the width: take stride 2"),
        ("universal", '"mobilenet_v4_conv_small"', '"mobilenet_v9"', "'mobilenet_v9', which is no known network"),
        ("universal", 'family = ["fused"]', 'family = ["ghost"]', "ghost"),
    ],
)
def test_what_no_block_can_have_gets_a_sentence(name: str, old: str, new: str, says: str, tmp_path: Path) -> None:
    text = (FOLDER / f"{name}.toml").read_text()
    assert old in text
    (tmp_path / "space.toml").write_text(text.replace(old, new))
    with pytest.raises(InvalidSpace, match=says) as caught:
        load_space(tmp_path / "space.toml")
    assert re.search(r"space\.toml", str(caught.value))
