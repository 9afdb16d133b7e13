from typing import get_args

from nas.design.known import known
from nas.design.op import Activation
from nas.report.network import lines, network_table, short_name
from tests.report.sample import Reader

# Howard et al. 2019, Table 1, as printed (the classifier has 1000 classes).
TABLE_1 = """
224² × 3   | conv2d, 3×3     | -   | 16   | - | HS | 2
112² × 16  | bneck, 3×3      | 16  | 16   | - | RE | 1
112² × 16  | bneck, 3×3      | 64  | 24   | - | RE | 2
56² × 24   | bneck, 3×3      | 72  | 24   | - | RE | 1
56² × 24   | bneck, 5×5      | 72  | 40   | ✓ | RE | 2
28² × 40   | bneck, 5×5      | 120 | 40   | ✓ | RE | 1
28² × 40   | bneck, 5×5      | 120 | 40   | ✓ | RE | 1
28² × 40   | bneck, 3×3      | 240 | 80   | - | HS | 2
14² × 80   | bneck, 3×3      | 200 | 80   | - | HS | 1
14² × 80   | bneck, 3×3      | 184 | 80   | - | HS | 1
14² × 80   | bneck, 3×3      | 184 | 80   | - | HS | 1
14² × 80   | bneck, 3×3      | 480 | 112  | ✓ | HS | 1
14² × 112  | bneck, 3×3      | 672 | 112  | ✓ | HS | 1
14² × 112  | bneck, 5×5      | 672 | 160  | ✓ | HS | 2
7² × 160   | bneck, 5×5      | 960 | 160  | ✓ | HS | 1
7² × 160   | bneck, 5×5      | 960 | 160  | ✓ | HS | 1
7² × 160   | conv2d, 1×1     | -   | 960  | - | HS | 1
7² × 960   | pool, 7×7       | -   | -    | - | -  | 1
1² × 960   | conv2d 1×1, NBN | -   | 1280 | - | HS | 1
1² × 1280  | conv2d 1×1, NBN | -   | 1000 | - | -  | 1
"""


def test_v3_large_is_the_papers_table_1() -> None:
    published = [tuple(text.strip() for text in line.split("|")) for line in TABLE_1.strip().splitlines()]
    assert [line.cells for line in lines(known("mobilenet_v3_large"))] == published


def test_v3_large_differs_from_itself_nowhere() -> None:
    page = Reader(network_table(known("mobilenet_v3_large", classes=10)))
    assert all("differs" not in mark for row in page.marks["network"] for mark in row)
    assert all(row[1:8] == row[8:15] for row in page.tables["network"][1:])


def test_another_resolution_is_laid_beside_v3_large_at_that_resolution() -> None:
    page = Reader(network_table(known("mobilenet_v3_large-1.0-160")))
    assert page.tables["network"][2][1] == page.tables["network"][2][8] == "160² × 3"
    assert all("differs" not in mark for row in page.marks["network"] for mark in row)


def test_just_the_cells_that_differ_are_marked() -> None:
    page = Reader(network_table(known("mobilenet_v3_large-0.75")))
    for cells, marks in zip(page.tables["network"][2:], page.marks["network"][2:], strict=True):
        assert [mark == "differs" for mark in marks[1:8]] == [
            a != b for a, b in zip(cells[1:8], cells[8:], strict=True)
        ]
    assert any("differs" in marks for marks in page.marks["network"])


def test_networks_of_other_depths_are_aligned_by_stage() -> None:
    page = Reader(network_table(known("mobilenet_v2")))
    rows = {row[0]: row for row in page.tables["network"][2:]}
    assert rows["s2b2"][1:8] == ["28² × 32", "bneck, 3×3", "192", "32", "-", "R6", "1"]
    assert rows["s2b2"][8:] == ["28² × 40", "bneck, 5×5", "120", "40", "✓", "RE", "1"]
    assert rows["s6b0"][8:] == [""] * 7
    # V2 has no hidden layer: V3-Large's row stands alone, and the empty cells beside it are marked.
    hidden = next(row for row in page.tables["network"] if row[11:12] == ["1280"])
    assert hidden[1:8] == [""] * 7


def test_every_activation_has_a_short_name_of_its_own() -> None:
    names = [short_name(activation) for activation in (None, *get_args(Activation))]
    assert len(set(names)) == len(names)
