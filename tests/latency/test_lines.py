import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.latency.table_file.decode import TableRow
from nas.latency.table_file.lines import seal, unseal
from nas.latency.timing import Timing

ROW = TableRow("pool 8 7", Timing(0.25, 0.2, 0.3, 24, 3))
LINE = seal(ROW)


def test_a_sealed_line_comes_back_without_its_seal() -> None:
    assert LINE.endswith(b"}\n")
    assert unseal(LINE) == (msgspec.to_builtins(ROW), None)


def test_spaces_and_the_order_of_fields_do_not_matter() -> None:
    document = msgspec.json.decode(LINE)
    turned = msgspec.json.format(msgspec.json.encode(dict(reversed(document.items()))))
    assert turned != LINE
    assert unseal(turned)[1] is None


@given(st.integers(0, len(LINE) - 2), st.integers(0, 127))
def test_no_other_character_anywhere_goes_unseen(place: int, code: int) -> None:
    edited = LINE[:place] + bytes([code]) + LINE[place + 1 :]
    try:
        document, damage = unseal(edited)
    except msgspec.DecodeError:
        return
    assert damage is not None or document == msgspec.to_builtins(ROW)


def test_a_line_without_a_seal_is_told() -> None:
    assert unseal(msgspec.json.encode(ROW))[1] == "has no checksum: it was cut or edited"


@pytest.mark.parametrize(
    "line",
    [b"", b"[]", b"{", b'{"a":"\\ud800"}', b'{"a":"\xff"}', b'{"a":1e400}', b'{"a":' + b"9" * 5000 + b"}",
     b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"],
)  # fmt: skip
def test_whatever_is_no_object_is_one_kind_of_error(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        unseal(line)
