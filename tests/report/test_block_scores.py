"""The section of the report about what the blocks of a pretrained network may be replaced by."""

from pathlib import Path

import pytest

from nas.algorithms.pipeline.records import BlockScores
from nas.report.figures.block_scores import block_scores
from nas.report.pages.page import write_report
from tests.report.sample import HOSTILE, RECORDS, Reader, write_run

PLACES = (
    BlockScores("s0b0", ("skip", HOSTILE), (0.5, 0.1), ((0.4, 0.6), (-0.1, 0.3)), (-2.0, -1.0)),
    BlockScores("s0b1", ("narrow",), (-0.01,), ((-0.02, 0.0),), (-0.5,)),
    BlockScores("s1b0", ("wide",), (0.2,), ((0.1, 0.3),), (0.25,)),
)


def test_block_scores_draws_a_series_a_stage_of_loss_over_milliseconds_saved() -> None:
    first, second = block_scores(PLACES).data
    assert (first["name"], second["name"]) == ("s0", "s1")
    assert (first["x"], first["y"]) == ((2.0, 1.0, 0.5), (0.5, 0.1, -0.01))
    assert (second["x"], second["y"]) == ((-0.25,), (0.2,))
    assert first["error_y"]["array"] == pytest.approx((0.1, 0.2, 0.01))
    assert first["text"][0] == "skip<br>loss +0.5 (+0.4 to +0.6), 2.00\xa0ms saved"
    assert "<img" not in first["text"][1]
    assert first["marker"]["symbol"] != second["marker"]["symbol"]


def test_write_report_counts_the_alternatives_and_draws_them(tmp_path: Path) -> None:
    page = read_page(write_run(tmp_path, (*RECORDS, *PLACES)))
    assert "block-scores" in page.figures
    assert "Each of 4 alternatives of 3 blocks" in page.words


def test_write_report_without_a_library_has_no_section_about_it(tmp_path: Path) -> None:
    page = read_page(write_run(tmp_path))
    assert "block-scores" not in page.figures
    assert "may replace the blocks" not in page.words


def read_page(run: Path) -> Reader:
    write_report(run)
    return Reader((run / "report.html").read_text())
