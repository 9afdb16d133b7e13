"""`nas netadapt` with a table that was built for another space or resolution than the network's."""

from pathlib import Path

import pytest

from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.result_file import Result
from nas.api.options.subject import NetworkSubject, RunSubject
from nas.api.running import runs
from nas.cli import main
from nas.design.graph import lower
from nas.latency.table import LatencyTable, read_table, write_table
from tests.bench.conftest import SPACE
from tests.bench.device import Device
from tests.report.sample import result


@pytest.fixture
def prices(simulated: Device, monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float]]:
    """Of each run, which ends once its network is priced: predicted and true milliseconds."""
    found: list[tuple[float, float]] = []

    def price_source(ctx: Context, subject: RunSubject, done: object) -> Result:
        assert isinstance(subject, NetworkSubject)
        found.append((ctx.prices(subject.architecture).ms, simulated.true_ms(lower(subject.architecture))))
        return result()

    monkeypatch.setattr(runs, "_search", price_source)
    monkeypatch.setattr(runs, "report_result", lambda folder, say: None)
    return found


def netadapt(monkeypatch: pytest.MonkeyPatch, *words: str) -> int | str | None:
    """The exit code of `nas netadapt`."""
    monkeypatch.setattr("sys.argv", ["nas", "netadapt", "--target-latency", "1ms", "--data", "digits", *words])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


@pytest.mark.parametrize(
    ("shipped", "source"),
    [(True, "mobilenet_v3_small-1-96"), (False, "mobilenet_v2-0.5-64")],
    ids=["shipped space", "own space"],
)
def test_netadapt_takes_a_table_of_another_space_or_resolution(
    shipped: bool,
    source: str,
    prices: list[tuple[float, float]],
    tiny_table: LatencyTable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if shipped:
        monkeypatch.setattr("nas.bench.tables.anchors.space_names", lambda: (SPACE.name,))
        monkeypatch.setattr("nas.bench.tables.anchors.load_space", {SPACE.name: SPACE}.__getitem__)
    write_table(Path("table.jsonl"), tiny_table)
    for again in ("first", "second"):
        assert netadapt(monkeypatch, "--from", source, "--table", "table.jsonl", "--out", again) == 0
    assert len(read_table(Path("table.jsonl")).timings) > len(tiny_table.timings)
    [first, second] = prices
    assert first[0] == second[0] == pytest.approx(first[1], rel=0.02)
