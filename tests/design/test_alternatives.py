"""Alternatives of blocks: what may stand in their place, and networks put together of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nas.design.alternatives import Alternative, alternatives, assembled, contains, origins
from nas.design.architecture import Architecture
from nas.design.edits.edit import Narrow, cuts, edited, end_cuts
from nas.design.edits.keep import leaves, parts_named
from nas.design.edits.simplify import DropBlock, numbered, simpler
from nas.design.graph import lower
from nas.design.known import known
from nas.errors import NasError

LARGE = known("mobilenet_v3_large", 10)
LITE = known("efficientnet_lite0", 10)
NETWORKS = pytest.mark.parametrize("arch", [LARGE, LITE, known("mobilenet_v3_small", 10)])


@NETWORKS
def test_an_alternative_takes_and_leaves_the_same_maps_as_its_block(arch: Architecture) -> None:
    shapes = {node.name: node.op for node in lower(arch).nodes}
    for one in (one for group in alternatives(arch) for one in group if one.instead is not None):
        changed = {node.name: node.op for node in lower(assembled(arch, [one])).nodes}
        others = {name for name in shapes if not name.startswith(f"{one.place}_")}
        assert {name: changed[name] for name in others} == {name: shapes[name] for name in others}


@NETWORKS
def test_names_of_alternatives_are_unique_and_none_is_the_block_itself(arch: Architecture) -> None:
    found = [one for group in alternatives(arch) for one in group]
    assert len({one.name for one in found}) == len(found)
    blocks = {f"s{s}b{b}": block for s, b, block in numbered(arch)}
    for one in found:
        assert one.instead != blocks[one.place]
        assert contains(blocks[one.place], one.instead)


def test_a_block_of_lite0_has_these_alternatives() -> None:
    [group] = [group for group in alternatives(LITE) if group[0].place == "s2b1"]
    assert [one.name for one in group] == [
        "s2b1 k5 e176",
        "s2b1 k5 e120",
        "s2b1 k5 e64",
        "s2b1 k5 e32",
        "s2b1 k3 e240",
        "s2b1 k3 e176",
        "s2b1 k3 e120",
        "s2b1 k3 e64",
        "s2b1 k3 e32",
        "s2b1 none",
    ]


@given(st.data())
def test_every_block_of_an_assembled_network_has_an_origin_of_its_own(data: st.DataObject) -> None:
    groups = alternatives(LARGE)
    picks = [data.draw(st.sampled_from([None, *group])) for group in groups]
    chosen = [one for one in picks if one is not None]
    found, before = assembled(LARGE, chosen), origins(LARGE, chosen)
    lower(found)
    instead = {one.place: one.instead for one in chosen}
    blocks = {f"s{s}b{b}": block for s, b, block in numbered(LARGE)}
    for s, b, block in numbered(found):
        place = before[f"s{s}b{b}"]
        assert block == instead.get(place, blocks[place])
    assert len(set(before.values())) == len(before)


def test_a_stage_of_shortcuts_alone_may_go_as_a_whole() -> None:
    arch = known("mobilenet_v3_large", 10)
    first = Alternative(0, 0, None)
    assert arch.stages[0].tied
    assert len(assembled(arch, [first]).stages) == len(arch.stages) - 1
    assert origins(arch, [first])["s0b0"] == "s1b0"


@NETWORKS
@pytest.mark.parametrize("keep", [("stem",), ("s1",), ("s2b1", "head"), ("stem", "s0", "s3b1")])
def test_what_is_kept_is_in_no_alternative_and_no_edit_touches_it(arch: Architecture, keep: tuple[str, ...]) -> None:
    kept = parts_named(arch, keep)
    before = {node.name: node.op for node in lower(arch).nodes if node.name.partition("_")[0] in kept}
    assert before
    whole = [one for group in alternatives(arch, keep) for one in group]
    edits = [*simpler(arch), *(Narrow(cut, 8) for cut in (*cuts(arch), *end_cuts(arch)))]
    left = [edit for edit in edits if leaves(arch, edit, keep)]
    assert whole
    assert 0 < len(left) < len(edits)
    for changed in (*(assembled(arch, [one]) for one in whole), *(edited(arch, edit) for edit in left)):
        after = {node.name: node.op for node in lower(changed).nodes}
        assert {name: after.get(name) for name in before} == before


def test_a_block_before_a_kept_one_is_not_dropped_for_the_kept_one_would_have_another_name() -> None:
    assert not leaves(LARGE, DropBlock(5, 1), ["s5b2"])
    assert leaves(LARGE, DropBlock(2, 1), ["s5b2"])


def test_a_part_to_keep_that_the_network_does_not_have_is_told_with_those_it_has() -> None:
    with pytest.raises(NasError, match=r"--keep s9: the network has no such part. It has stem, s0, .*head"):
        parts_named(LARGE, ["stem", "s9"])


def test_a_block_contains_another_only_where_it_can_do_all_that_it_does() -> None:
    block = LARGE.stages[2].blocks[1]
    assert contains(block, None)
    assert contains(block, replace(block, kernel=3, se=False))
    assert not contains(replace(block, se=False), block)
    assert not contains(block, replace(block, activation="hswish"))
    assert not contains(LARGE.stages[2].blocks[0], None)
