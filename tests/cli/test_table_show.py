"""`nas table show` for people: plain lines that a pipe gets too."""

import re
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from nas.cli.commands.table import table_app
from nas.latency.table import LatencyTable, write_table


@pytest.fixture
def path(tmp_path: Path, tiny_table: LatencyTable) -> Path:
    write_table(tmp_path / "table.jsonl", tiny_table)
    return tmp_path / "table.jsonl"


def columns(text: str, name: str) -> dict[str, str]:
    """The cells of the row with this name by the name of their column, in the table that begins with `networks`."""
    lines = text.splitlines()
    head = next(line for line in lines if line.startswith("networks"))
    row = next(line for line in lines if line.startswith(name))
    return dict(zip(re.split(" {2,}", head), re.split(" {2,}", row), strict=True))


def shown(path: Path, *words: str) -> list[str]:
    """The lines of `nas table show` for people, without those that are empty."""
    text = CliRunner().invoke(table_app, ["show", str(path), *words], catch_exceptions=False).stdout
    assert "\x1b" not in text
    return [line for line in text.splitlines() if line]


def test_table_show_prints_every_fact_and_card_in_plain_lines(path: Path, tiny_table: LatencyTable) -> None:
    header, lines = tiny_table.header, shown(path)
    facts = dict(re.split(" {2,}", line, maxsplit=1) for line in lines if "  " in line)
    card = header.validation
    assert facts["entries"] == f"{len(tiny_table.timings):,}"
    assert facts["space"] == f"{header.space} at 96 px"
    assert facts["device"] == header.conditions.device
    assert facts["milliseconds are"] == header.statistic
    assert facts["reference"] == f"{header.reference.name}, {header.reference.nominal_ms:.3f} ms"
    assert facts["repeatability of the clock"].startswith(f"{card.floor:.1%} ")
    assert facts["error without calibration"] == f"{card.raw_mape:.1%}"
    assert "machine" not in facts
    inside, outside = (columns("\n".join(lines), name) for name in ("held out", "published, outside the space"))
    assert (inside["count"], inside["mean error"]) == (str(card.count), f"{card.mape:.1%}")
    assert inside["rank correlation"] == f"{card.spearman:.3f}"
    assert (outside["count"], outside["mean error"]) == ("10", "0.0%")
    assert [line.split()[:3] for line in lines[-2:]] == [["90", "%", "1.00"], ["99", "%", "1.00"]]


def test_table_show_folds_no_fact_and_takes_no_name_for_a_style(path: Path, tiny_table: LatencyTable) -> None:
    device = f"[bold]a board[/bold] :smile: {'of many words ' * 30}end"
    conditions = replace(tiny_table.header.conditions, device=device)
    header = replace(tiny_table.header, conditions=conditions, contended=True)
    write_table(path, LatencyTable(header, tiny_table.timings))
    lines = shown(path)
    assert next(line for line in lines if line.startswith("device")).endswith(device)
    assert any(line.startswith("machine  ") and "busy" in line for line in lines)


def test_table_show_lists_every_entry(path: Path, tiny_table: LatencyTable) -> None:
    timings = tiny_table.timings
    listed = [tuple(line.split(maxsplit=1)) for line in shown(path, "--entries")[-len(timings) :]]
    assert listed == [(f"{timing.ms:.4f}", key) for key, timing in timings.items()]
