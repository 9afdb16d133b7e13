"""A group keeps its name through the steps, wherever its block is then."""

from hypothesis import given
from hypothesis import strategies as st

from nas.design.architecture import Architecture
from nas.design.edits.edit import CutBottleneck, CutEnd, CutInner, Edit, Narrow, edited, width_of
from nas.design.edits.follow import followed
from nas.design.edits.simplify import DropBlock, DropSqueeze, simpler
from nas.design.known import known
from tests.design.strategies import architectures

LARGE = known("mobilenet_v3_large")


def history(arch: Architecture, *edits: Edit) -> dict[str, list[int]]:
    steps: list[tuple[Architecture, Edit | None]] = [(arch, None)]
    for edit in edits:
        steps.append((edited(steps[-1][0], edit), edit))
    return dict(followed(steps))


def test_a_cut_after_a_dropped_block_is_of_the_block_that_moved_up() -> None:
    rows = history(LARGE, DropBlock(3, 1), Narrow(CutInner(3, 1), 96), DropSqueeze(2, 0))
    assert rows["s3b1.expansion"] == [200, 0, 0, 0]
    assert rows["s3b2.expansion"] == [184, 184, 96, 96]
    assert rows["s3b3.expansion"] == [184] * 4
    assert rows["s4.bottleneck"] == [112] * 4


def test_a_stage_that_goes_frees_the_stem() -> None:
    rows = history(LARGE, Narrow(CutBottleneck(-1), 8), DropBlock(0, 0), Narrow(CutEnd("stem"), 4))
    assert rows["stem.bottleneck"] == [16, 8, 8, 4]
    assert rows["s1b0.expansion"] == [64] * 4
    assert rows["s5.bottleneck"] == [160] * 4
    assert rows["hidden.width"] == [1280] * 4


@given(architectures(), st.data())
def test_what_is_not_dropped_keeps_its_width(arch: Architecture, data: st.DataObject) -> None:
    dropped = [change for change in simpler(arch) if isinstance(change, DropBlock)]
    if not dropped:
        return
    change = data.draw(st.sampled_from(dropped))
    gone = arch.stages[change.stage].blocks[change.block]
    for name, row in history(arch, change).items():
        assert row[1] == (0 if name == f"{change.name}.expansion" else row[0]), (name, gone)
    assert width_of(arch, CutEnd("head")) == arch.head.width
