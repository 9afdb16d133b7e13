"""Stages split where no sum joins their blocks."""

import pytest

from nas.design.cost import macs, params
from nas.design.edits.edit import block_origins, cuts, describe_edit, edited
from nas.design.edits.split import SplitStages, split_stages
from nas.design.graph import lower
from nas.design.known import KNOWN_NAMES, known

V1 = known("mobilenet_v1")


def test_every_layer_of_mobilenet_v1_may_have_a_width_of_its_own() -> None:
    after = split_stages(V1)
    assert [stage.width for stage in after.stages] == [64, 128, 128, 256, 256, *[512] * 6, 1024, 1024]
    assert [stage.stride for stage in after.stages] == [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]
    assert len(cuts(after)) == 13
    assert len(cuts(V1)) == 5
    assert block_origins(V1, SplitStages())["s7b0"] == "s3b2"
    assert describe_edit(V1, SplitStages()) == "stages 5 to 13"


@pytest.mark.parametrize("name", ["mobilenet_v2", "mobilenet_v3_small", "efficientnet_lite0", "shufflenet_v1_g3"])
def test_stages_joined_by_sums_stay_whole(name: str) -> None:
    assert split_stages(known(name)) == known(name)


@pytest.mark.parametrize("name", KNOWN_NAMES)
def test_no_op_changes(name: str) -> None:
    arch = known(f"{name}-0.5")
    before, after = lower(arch), lower(edited(arch, SplitStages()))
    assert [node.op for node in before.nodes] == [node.op for node in after.nodes]
    assert [node.inputs for node in before.nodes] == [node.inputs for node in after.nodes]
    assert (params(before), macs(before)) == (params(after), macs(after))
