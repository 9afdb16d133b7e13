"""Edits change what they name and nothing else; groups move what must move together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.design.architecture import Architecture
from nas.design.channels import channel_groups
from nas.design.cost import params
from nas.design.edits.edit import CutBottleneck, CutInner, apply, cuts, width_of
from nas.design.graph import lower
from nas.design.known import known
from nas.errors import InvalidArchitecture
from tests.design.strategies import architectures


@pytest.mark.parametrize(
    ("name", "expansions", "bottlenecks"),
    [("mobilenet_v3_large", 14, 6), ("mobilenet_v3_small", 10, 5), ("mobilenet_v2", 16, 7)],
)
def test_published_networks_have_the_cuts_of_the_papers(name: str, expansions: int, bottlenecks: int) -> None:
    found = cuts(known(name))
    assert sum(isinstance(cut, CutInner) for cut in found) == expansions
    assert sum(isinstance(cut, CutBottleneck) for cut in found) == bottlenecks


def test_a_first_stage_with_a_shortcut_is_cut_with_the_stem() -> None:
    arch = apply(known("mobilenet_v3_large"), CutBottleneck(-1), 8)
    assert (arch.stem.width, arch.stages[0].width, arch.stages[1].width) == (8, 8, 24)


def test_a_cut_to_the_width_before_adds_no_shortcut_and_deletes_no_convolution() -> None:
    """V3-Large's stage of 112 cut to 80 has equal widths around a block without a shortcut: it stays without."""
    before = known("mobilenet_v3_large")
    after = apply(before, CutBottleneck(4), 80)
    assert [node.name for node in lower(after).nodes] == [node.name for node in lower(before).nodes]
    expansion = apply(before, CutInner(1, 0), 16)
    assert [node.name for node in lower(expansion).nodes] == [node.name for node in lower(before).nodes]


@given(architectures(), st.data())
def test_a_cut_narrows_its_group_and_keeps_the_graph(arch: Architecture, data: st.DataObject) -> None:
    wide = [cut for cut in cuts(arch) if width_of(arch, cut) > 2]
    if not wide:
        return
    cut = data.draw(st.sampled_from(wide))
    width = data.draw(st.integers(2, width_of(arch, cut) - 1))
    after = apply(arch, cut, width)
    assert width_of(after, cut) == width
    assert [(node.name, node.inputs) for node in lower(after).nodes] == [
        (node.name, node.inputs) for node in lower(arch).nodes
    ]
    pairs = list(zip(channel_groups(lower(arch)), channel_groups(lower(after)), strict=True))
    changed = [(old, new) for old, new in pairs if old.width != new.width]
    assert {new.width for _, new in changed} == {width}
    assert all(
        (old.producers, old.through, old.consumers) == (new.producers, new.through, new.consumers) for old, new in pairs
    )
    assert params(lower(after)) < params(lower(arch))


@pytest.mark.parametrize("width", [0, -8, 64, 100])
def test_a_cut_must_narrow(width: int) -> None:
    with pytest.raises(InvalidArchitecture, match=r"s1b0\.expansion"):
        apply(known("mobilenet_v3_large"), CutInner(1, 0), width)


def test_groups_of_a_residual_stage_share_one_set() -> None:
    groups = {group.producers: group for group in channel_groups(lower(known("mobilenet_v3_large")))}
    shared = groups["s2b0_project", "s2b1_project", "s2b2_project"]
    assert shared.consumers == ("s2b1_expand", "s2b2_expand", "s3b0_expand")
    expansion = groups[("s2b0_expand",)]
    assert expansion.through == ("s2b0_depthwise", "s2b0_se")
    assert expansion.consumers == ("s2b0_project",)


@given(architectures())
def test_every_op_stands_in_the_groups_of_its_input_and_output(arch: Architecture) -> None:
    groups = channel_groups(lower(arch))
    members = [name for group in groups for name in (*group.producers, *group.through, *group.consumers)]
    for node in lower(arch).nodes:
        expected = 0 if node.name.endswith(("_add", "_pool")) else 1 if node.name.endswith(("_se", "_depthwise")) else 2
        assert members.count(node.name) == expected
