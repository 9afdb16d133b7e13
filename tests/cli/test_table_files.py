import json
from pathlib import Path

import pytest
import typer
from msgspec.structs import replace
from typer.testing import CliRunner

from nas.cli.commands.table_files import table_diff, table_merge, table_subset
from nas.design.graph import lower
from nas.design.known import known
from nas.design.space import load_space
from nas.errors import ConditionsDiffer, InvalidTable, NasError
from nas.latency.prediction.entry import entries
from nas.latency.prediction.estimate import MissingEntries
from nas.latency.report_card import Pair, grade
from nas.latency.table import LatencyTable, read_table, write_table
from nas.latency.timing import Timing
from tests.latency.conftest import table_for

app = typer.Typer()
app.command("merge")(table_merge)
app.command("diff")(table_diff)
app.command("subset")(table_subset)

SPACE = "mobilenet_v3_small"


def run(*args: object) -> str:
    result = CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=True)
    if isinstance(result.exception, NasError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def large() -> LatencyTable:
    return table_for(lower(known("mobilenet_v3_large-1-64")))


@pytest.fixture
def small() -> LatencyTable:
    return table_for(lower(known("mobilenet_v3_small-1-64")), entry_ms=0.4)


@pytest.fixture
def files(tmp_path: Path, large: LatencyTable, small: LatencyTable) -> tuple[Path, Path, Path]:
    """Two tables and a file to write."""
    write_table(tmp_path / "large.jsonl", large)
    write_table(tmp_path / "small.jsonl", small)
    return tmp_path / "large.jsonl", tmp_path / "small.jsonl", tmp_path / "out.jsonl"


def test_merge_writes_both_and_counts(files: tuple[Path, Path, Path], large: LatencyTable, small: LatencyTable) -> None:
    a, b, out = files
    document = json.loads(run("merge", a, b, "--out", out, "--json"))
    both = set(large.timings) & set(small.timings)
    assert both
    assert document == {
        "table": str(out),
        "entries": len(set(large.timings) | set(small.timings)),
        "added": len(set(small.timings) - set(large.timings)),
        "conflicts": len(both),
        "replaced": 0,
    }
    assert read_table(out).timings == {**small.timings, **large.timings}
    assert f"Calibration and report card are those of {a}" in run("merge", a, b, "--out", out)


def test_merge_refuses_other_conditions_and_failed_tables(files: tuple[Path, Path, Path], small: LatencyTable) -> None:
    a, b, out = files
    header = small.header
    write_table(b, replace(small, header=replace(header, conditions=replace(header.conditions, threads=2))))
    with pytest.raises(ConditionsDiffer, match="threads is 1 there, 2 here"):
        run("merge", a, b, "--out", out)
    bad = grade([Pair(1.5, 1.0, 1.2), Pair(3.0, 2.0, 2.4)], floor=0.01)
    write_table(b, replace(small, header=replace(header, validation=bad)))
    with pytest.raises(InvalidTable, match="--allow-failed"):
        run("merge", a, b, "--out", out)
    assert not out.exists()
    run("merge", a, b, "--out", out, "--allow-failed")
    assert out.exists()


def test_diff_says_what_differs_in_both_forms(files: tuple[Path, Path, Path]) -> None:
    a, b, _ = files
    document = json.loads(run("diff", a, b, "--json"))
    assert document["fields"] == {}
    assert document["quantiles"] == pytest.approx([0.8] * 5)
    assert len(document["worst"]) == min(5, document["common"]) > 0
    text = run("diff", a, b)
    assert f"{document['common']} in both, {len(document['only_first'])} only in {a}" in text
    assert "median 0.800" in text


def test_subset_keeps_what_a_space_needs(files: tuple[Path, Path, Path], large: LatencyTable) -> None:
    a, _, out = files
    with pytest.raises(MissingEntries):
        run("subset", a, "--space", SPACE, "--resolution", 64, "--out", out)
    assert not out.exists()
    graphs = [lower(arch) for arch in load_space(SPACE).cover(64)]
    keys = {entry.key for graph in graphs for entry in entries(graph)}
    write_table(a, large.extended(dict.fromkeys(keys, Timing(0.3, 0.2, 0.4, 24, 3))))
    document = json.loads(run("subset", a, "--space", SPACE, "--resolution", 64, "--out", out, "--json"))
    assert (document["entries"], document["space"], document["resolutions"]) == (len(keys), SPACE, [64])
    assert set(read_table(out).timings) == keys


@pytest.mark.parametrize("command", [table_merge, table_diff, table_subset])
def test_every_command_shows_an_example(command: object) -> None:
    assert "Example: nas table " in (command.__doc__ or "")
