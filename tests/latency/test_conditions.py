import pytest
from msgspec.structs import fields, replace

from nas.errors import ConditionsDiffer
from nas.latency.conditions import Conditions, differences, require_same
from tests.latency.conftest import CONDITIONS


def test_the_same_conditions_do_not_differ() -> None:
    assert differences(CONDITIONS, CONDITIONS) == []
    require_same(CONDITIONS, CONDITIONS, "a table")


@pytest.mark.parametrize("field", [field.name for field in fields(Conditions)])
def test_every_field_counts_and_is_named_with_both_values(field: str) -> None:
    value = getattr(CONDITIONS, field)
    other = replace(CONDITIONS, **{field: value + 1 if isinstance(value, int) else f"{value} more"})
    assert differences(other, CONDITIONS) == [f"{field} is {getattr(other, field)!r} there, {value!r} here"]
    with pytest.raises(ConditionsDiffer, match=f"table.jsonl was measured under other conditions: {field} is"):
        require_same(other, CONDITIONS, "table.jsonl")
