"""The page of guidelines, and its figures."""

from msgspec.structs import replace

from nas.design.guidelines.guideline import PaperFigure
from nas.latency.conditions import Conditions
from nas.latency.guideline_result import GuidelineResult, GuidelinesReport, VariantResult
from nas.latency.verdict import Ratio, Verdict
from nas.report.figures.guideline_figure import guideline_figure
from nas.report.pages.guidelines_page import guidelines_page
from tests.report.sample import HOSTILE, Reader

CONDITIONS = Conditions(HOSTILE, "onnxruntime", "1.2", 1, 1, "float32", "a protocol")


def variant(label: str, median: float, verdict: Verdict | None, *paper: PaperFigure) -> VariantResult:
    ratio = Ratio(median, 0.9 * median, 1.2 * median)
    return VariantResult(label, 98_600_000, 4 * median, ratio, "slower" if verdict else None, paper, verdict)


FAILED = VariantResult("4", 98_600_000, None, None, "slower", (), None, f"There is no such kernel. {HOSTILE}")
GROUPS = GuidelineResult(
    "groups",
    "Do groups take longer?",
    "G2: groups are slower",
    "a paper, Table 2",
    "A note.",
    per_mac=True,
    variants=(
        variant("1", 1.0, None),
        variant("2", 1.5, "holds here", PaperFigure("ARM", (1.2, 1.1)), PaperFigure("GPU", (1.4,))),
        FAILED,
    ),
    verdict="holds here",
)
WIDTHS = replace(
    GROUPS,
    name="width-grid",
    variants=tuple(replace(variant(str(w), r, None), width=w) for w, r in ((64, 1.0), (65, 1.2), (72, 1.0))),
    verdict=None,
    grid=8,
    per_mac=False,
)
REPORT = GuidelinesReport(CONDITIONS, 15, False, (GROUPS, WIDTHS))


def test_guidelines_page_has_the_verdicts_and_a_figure_and_a_table_for_each() -> None:
    page = Reader(guidelines_page(REPORT))
    assert page.figures == ["groups", "width-grid"]
    assert page.tables["verdicts"][1:] == [
        ["groups", "G2: groups are slower", "holds here"],
        ["width-grid", "G2: groups are slower", "not measured"],
    ]
    head, first, second, failed = page.tables["groups-table"]
    assert head == ["network", "MACs", "time", "time per MAC, ratio", "paper", "claim", "verdict"]
    assert first == ["1", "98.6 M", "4.00 ms", "1.000 (0.900 to 1.200)", "", "", ""]
    assert second[3:] == ["1.500 (1.350 to 1.800)", "ARM 1.10 to 1.20; GPU 1.40", "slower", "holds here"]
    assert failed[2:4] == ["-", "-"]
    assert failed[6].startswith("There is no such kernel.")
    assert page.tables["width-grid-table"][0][3] == "ratio"


def test_guidelines_page_says_what_is_compared_by_which_rule_and_the_grid() -> None:
    words = Reader(guidelines_page(REPORT)).words
    assert "over 15 rounds" in words
    assert "more than 1.0 % above (below) 1" in words
    assert "Widths in steps of 8 cost no more per multiply-add here." in words
    assert "A note." in words
    assert "was busy" not in words
    assert "The machine was busy" in Reader(guidelines_page(replace(REPORT, contended=True))).words


def test_guidelines_page_escapes_what_comes_from_outside_and_loads_nothing() -> None:
    page = Reader(guidelines_page(REPORT))
    assert page.links == []
    assert "img" not in page.tags


def test_guideline_figure_draws_what_was_measured_beside_each_device_of_the_paper() -> None:
    here, arm, gpu = guideline_figure(GROUPS).data
    assert (here["x"], here["y"]) == ((1.0, 1.5), ("1", "2"))
    assert [round(one, 9) for one in here["error_x"]["array"]] == [0.2, 0.3]
    assert [round(one, 9) for one in here["error_x"]["arrayminus"]] == [0.1, 0.15]
    assert (arm["name"], arm["x"], arm["y"]) == ("paper, ARM", (1.2, 1.1), ("2", "2"))
    assert (gpu["name"], gpu["x"], gpu["y"]) == ("paper, GPU", (1.4,), ("2",))
    assert len({one["marker"]["symbol"] for one in (here, arm, gpu)}) == 3


def test_guideline_figure_of_widths_is_a_line_over_the_width() -> None:
    (line,) = guideline_figure(WIDTHS).data
    assert (line["x"], line["y"]) == ((64, 65, 72), (1.0, 1.2, 1.0))
    assert line["mode"] == "lines+markers"


def test_guideline_figure_draws_a_guideline_of_which_nothing_ran() -> None:
    here, *_ = guideline_figure(replace(GROUPS, variants=(FAILED,))).data
    assert not here["x"]
