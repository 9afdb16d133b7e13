"""Several edits at once."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.design.architecture import Architecture
from nas.design.edits.edit import (
    Edit,
    Narrow,
    PartialEdit,
    Together,
    apply,
    changed,
    cuts,
    describe_edit,
    edited,
    end_cuts,
    width_of,
)
from nas.design.edits.follow import followed
from nas.design.edits.simplify import DropBlock, simpler
from nas.design.graph import lower
from nas.design.known import known

LARGE = known("mobilenet_v3_large", 10)
NARROWED: list[PartialEdit] = [Narrow(cut, width_of(LARGE, cut) // 2) for cut in (*cuts(LARGE), *end_cuts(LARGE))]
EDITS: list[PartialEdit] = [*NARROWED, *(change for change in simpler(LARGE) if not isinstance(change, DropBlock))]


@settings(max_examples=15)
@given(st.permutations(EDITS))
def test_edits_that_share_no_op_may_be_made_in_any_order(order: list[PartialEdit]) -> None:
    """Each makes the changes that it makes alone, and no others."""
    taken: list[PartialEdit] = []
    for edit in order:
        if len(taken) < 4 and not any(changed(LARGE, edit) & changed(LARGE, other) for other in taken):
            taken.append(edit)
    found = edited(LARGE, Together(tuple(taken)))
    assert found == edited(LARGE, Together(tuple(reversed(taken))))
    alone = {name: node for edit in taken for name, node in ops(edited(LARGE, edit)).items() if name in touched(edit)}
    assert ops(found) == {name: op for name, op in {**ops(LARGE), **alone}.items() if name in ops(found)}
    assert set(ops(LARGE)) - set(ops(found)) == {name for edit in taken for name in touched(edit) if name not in alone}


def ops(arch: Architecture) -> dict[str, object]:
    return {node.name: node.op for node in lower(arch).nodes}


def touched(edit: PartialEdit) -> frozenset[str]:
    return changed(LARGE, edit)


def test_what_an_expansion_touches_is_its_block() -> None:
    cut = next(cut for cut in cuts(LARGE) if cut.name == "s2b1.expansion")
    names = {f"s2b1_{part}" for part in ("expand", "depthwise", "se", "project")}
    assert changed(LARGE, Narrow(cut, 64)) == names


def test_it_is_told_part_by_part_and_survives_a_journal() -> None:
    edit: Edit = Together((NARROWED[0], NARROWED[3]))
    assert describe_edit(LARGE, edit) == f"{describe_edit(LARGE, NARROWED[0])}, {describe_edit(LARGE, NARROWED[3])}"
    assert edit.name == f"{NARROWED[0].name}+{NARROWED[3].name}"
    assert msgspec.json.decode(msgspec.json.encode(edit), type=Edit) == edit
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode({"type": "Together", "edits": [DropBlock(1, 1)]}), type=Edit)


def test_groups_are_followed_through_edits_made_at_once() -> None:
    first, second = cuts(LARGE)[0], cuts(LARGE)[2]
    edit = Together((Narrow(first, 32), Narrow(second, 64)))
    rows = dict(followed([(LARGE, None), (edited(LARGE, edit), edit)]))
    assert (rows[first.name][1], rows[second.name][1]) == (32, 64)
    same = [row for name, row in rows.items() if name not in {first.name, second.name}]
    assert all(before == after for before, after in same)
    assert edited(LARGE, edit) == apply(apply(LARGE, second, 64), first, 32)
