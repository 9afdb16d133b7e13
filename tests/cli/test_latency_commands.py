import json
from pathlib import Path

import pytest
import typer
from msgspec.structs import replace
from typer.testing import CliRunner

from nas.cli.commands.latency import measure, price
from nas.cli.commands.table import table_app
from nas.design.cost import macs, params
from nas.design.graph import lower
from nas.design.known import known
from nas.errors import ConditionsDiffer, InvalidTable, NasError
from nas.latency.prediction.estimate import price as price_of
from nas.latency.table import LatencyTable, read_table, write_table
from tests.bench.conftest import SPACE
from tests.bench.device import Device

app = typer.Typer()
app.command()(price)
app.command()(measure)
app.add_typer(table_app, name="table")

NAME = "mobilenet_v3_small-1-96"


@pytest.fixture
def simulated_table(tiny_table: LatencyTable) -> LatencyTable:
    return tiny_table


@pytest.fixture(autouse=True)
def device(simulated: Device) -> Device:
    """Every runtime is the simulated one, and the cache is empty."""
    return simulated


@pytest.fixture
def path(tmp_path: Path, simulated_table: LatencyTable) -> Path:
    write_table(tmp_path / "table.jsonl", simulated_table)
    return tmp_path / "table.jsonl"


def answer(*words: str) -> dict[str, object]:
    """The one JSON document on stdout."""
    found = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    document = json.loads(found.stdout)
    assert isinstance(document, dict)
    return document


def refused(kind: type[NasError], *words: str) -> str:
    with pytest.raises(kind) as caught:
        CliRunner().invoke(app, words, catch_exceptions=False)
    return str(caught.value)


def test_price_without_any_table_counts_and_says_null() -> None:
    graph = lower(known(NAME))
    found = answer("price", NAME)
    keys = {"name", "resolution", "params", "macs", "predicted_ms", "error_bound_ms", "latency", "statistic", "ops"}
    assert set(found) == keys
    assert (found["name"], found["resolution"]) == (NAME, 96)
    assert (found["params"], found["macs"]) == (params(graph), macs(graph))
    assert found["predicted_ms"] is found["error_bound_ms"] is found["statistic"] is None
    ops = found["ops"]
    assert isinstance(ops, list)
    assert sum(op["macs"] for op in ops) == macs(graph)
    assert all(op["ms"] is None for op in ops)


def test_price_with_a_table(path: Path, device: Device) -> None:
    found = answer("price", NAME, "--table", str(path))
    assert found["predicted_ms"] == pytest.approx(device.true_ms(lower(known(NAME))), rel=2e-3)
    assert isinstance(found["error_bound_ms"], float)


def test_price_measures_what_the_table_lacks_and_says_so(path: Path, device: Device) -> None:
    before = len(read_table(path).timings)
    strange = "mobilenet_v3_large-0.65-96"
    found = CliRunner().invoke(app, ["price", strange, "--table", str(path)], catch_exceptions=False)
    kept = len(read_table(path).timings) - before
    assert kept > 0
    assert f"Measured {kept} entries" in found.stderr
    predicted = float(found.stdout.split("predicted latency: ")[1].split()[0])
    assert predicted == pytest.approx(device.true_ms(lower(known(strange))), rel=2e-3)


@pytest.mark.parametrize("name", ["ssdlite_mobilenet_v3_small-0.5-96x128", "lraspp_mobilenet_v3_small-0.5-96x128"])
def test_a_dense_network_is_priced_by_a_table_and_measured_like_any_other(
    name: str, path: Path, device: Device
) -> None:
    graph, before = lower(known(name)), len(read_table(path).timings)
    found = answer("price", name, "--table", str(path))
    assert (found["params"], found["macs"]) == (params(graph), macs(graph))
    assert found["predicted_ms"] == pytest.approx(device.true_ms(graph), rel=5e-3)
    assert len(read_table(path).timings) > before
    assert answer("measure", name)["measured_ms"] == pytest.approx(device.true_ms(graph), rel=0.02)


def test_what_was_shipped_stays_as_it_is(
    tmp_path: Path, simulated_table: LatencyTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.latency.table_file.shipped.shipped_folder", lambda name: tmp_path / name)
    path = tmp_path / "latency_tables" / "board.jsonl"
    write_table(path, simulated_table)
    before = path.read_bytes()
    found = answer("price", "mobilenet_v3_small-1.5-96", "--table", "board")
    assert isinstance(found["predicted_ms"], float)
    assert path.read_bytes() == before


def test_a_table_of_another_machine_prices_what_it_holds_and_nothing_else(
    tmp_path: Path, simulated_table: LatencyTable
) -> None:
    elsewhere = replace(simulated_table.header.conditions, device="another machine")
    path = tmp_path / "elsewhere.jsonl"
    write_table(path, LatencyTable(replace(simulated_table.header, conditions=elsewhere), simulated_table.timings))
    assert answer("price", NAME, "--table", str(path))["predicted_ms"] == pytest.approx(
        price_of(lower(known(NAME)), simulated_table).ms
    )
    words = ("price", "mobilenet_v3_small-1.5-96", "--table", str(path))
    assert "device is 'another machine' there" in refused(ConditionsDiffer, *words)


def test_price_and_measure_read_a_named_table_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The conditions that a table is timed under and the prices that are told are then of one file."""
    read: list[Path] = []

    def read_once(path: Path) -> LatencyTable:
        read.append(path)
        return read_table(path)

    for place in ("nas.api.latency", "nas.api.running.tables"):
        monkeypatch.setattr(f"{place}.read_table", read_once)
    # An entry is missing, so that a price needs the bench and what it measures is kept.
    answer("price", "mobilenet_v3_large-0.65-96", "--table", str(path))
    assert read == [path]
    answer("measure", NAME, "--table", str(path))
    assert read == [path, path]


def test_a_broken_table_is_refused_by_every_command(path: Path) -> None:
    path.write_text("nonsense\n")
    for words in (["price", NAME, "--table", str(path)], ["table", "show", str(path)], ["table", "check", str(path)]):
        assert "line 1 is no header" in refused(InvalidTable, *words)


def test_measure_says_what_the_clock_said(device: Device) -> None:
    found = answer("measure", NAME)
    assert {"runtime", "measured_ms", "p10_ms", "p90_ms", "runs", "contended"} <= set(found)
    assert found["measured_ms"] == pytest.approx(device.true_ms(lower(known(NAME))))
    assert found["contended"] is False
    text = CliRunner().invoke(app, ["measure", NAME], catch_exceptions=False).stdout
    assert "ms now (median wall time of undisturbed runs)" in text
    assert "There is no table to compare with" in text
    assert found["nominal_ms"] is found["slowdown"] is found["table"] is None


@pytest.mark.parametrize("named", [True, False])
def test_measure_tells_the_clock_now_and_at_the_speed_of_the_table_as_price_does(
    named: bool, path: Path, tmp_path: Path, device: Device
) -> None:
    """The table is named, or found in the cache."""
    cached = tmp_path / "cache" / "tables" / "table.jsonl"
    cached.parent.mkdir(parents=True)
    words = ("--table", str(path)) if named else ()
    if not named:
        cached.write_bytes(path.read_bytes())
    true = device.true_ms(lower(known(NAME)))
    device.speed = lambda: 1.17  # type: ignore[method-assign]
    found, priced = answer("measure", NAME, *words), answer("price", NAME, *words)
    assert found["measured_ms"] == pytest.approx(1.17 * true)
    assert found["nominal_ms"] == pytest.approx(true)
    assert found["slowdown"] == pytest.approx(1.17)
    assert found["table"] == str(path if named else cached)
    assert priced["predicted_ms"] == pytest.approx(found["nominal_ms"], rel=2e-3)
    assert priced["statistic"] == f"{found['statistic']}, at the speed that the device usually has"
    text = CliRunner().invoke(app, ["measure", NAME, *words], catch_exceptions=False).stdout
    assert "1.17 times slower than when the table was built, moving by 0 % within this measurement" in text


def test_price_and_measure_tell_a_quantile_and_name_it(path: Path, device: Device) -> None:
    table = read_table(path)
    slow = tuple(replace(one, ratio=2 * one.share) for one in table.header.quantiles)
    write_table(path, LatencyTable(replace(table.header, quantiles=slow), table.timings))
    median, found = (answer("price", NAME, "--table", str(path), "--latency", name) for name in ("p50", "p90"))
    assert found["predicted_ms"] == pytest.approx(1.8 * median["predicted_ms"])  # type: ignore[operator]
    assert (found["latency"], median["latency"]) == ("p90", "p50")
    measured = answer("measure", NAME, "--table", str(path), "--latency", "p90")
    assert found["statistic"] == f"{measured['statistic']}, at the speed that the device usually has"
    assert "90 % quantile" in str(measured["statistic"])


def test_a_quantile_that_a_table_has_not_is_refused_in_a_sentence(path: Path) -> None:
    table = read_table(path)
    write_table(path, LatencyTable(replace(table.header, quantiles=()), table.timings))
    said = refused(InvalidTable, "price", NAME, "--table", str(path), "--latency", "p99")
    assert said.startswith(f"{path} has medians only, not what 99% of runs keep")


def test_measure_refuses_a_table_of_another_machine(path: Path, simulated_table: LatencyTable) -> None:
    elsewhere = replace(simulated_table.header.conditions, device="another machine")
    write_table(path, LatencyTable(replace(simulated_table.header, conditions=elsewhere), simulated_table.timings))
    assert "device is 'another machine' there" in refused(ConditionsDiffer, "measure", NAME, "--table", str(path))


def test_networks_that_are_not_square_are_priced_measured_and_put_into_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: Device
) -> None:
    monkeypatch.setattr("nas.cli.commands.table.load_space", lambda name: SPACE)
    out, name = str(tmp_path / "new.jsonl"), "mobilenet_v3_small-1-64x96"
    assert answer("price", name)["resolution"] == [64, 96]
    assert answer("measure", name)["measured_ms"] == pytest.approx(device.true_ms(lower(known(name))), rel=0.05)
    answer("table", "build", "--out", out, "--resolution", "64x96", "--budget", "5")
    assert read_table(Path(out)).header.resolutions == ((64, 96),)
    assert answer("table", "check", out, "--count", "6")["count"] == 6
    priced = answer("price", name, "--table", out)
    assert priced["macs"] == macs(lower(known(name)))
    assert priced["predicted_ms"] == pytest.approx(device.true_ms(lower(known(name))), rel=0.05)
    shown = answer("table", "show", out)["timings"]
    assert isinstance(shown, dict)
    assert "conv 3>16 k3 s2 g1 64x96 hswish" in shown
    text = CliRunner().invoke(app, ["price", name, "--table", out], catch_exceptions=False).stdout
    assert f"{name} at 64x96 px" in text
    assert "64x96 px" in CliRunner().invoke(app, ["table", "show", out], catch_exceptions=False).stdout


def test_build_show_and_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.cli.commands.table.load_space", lambda name: SPACE)
    out = tmp_path / "new.jsonl"
    made = answer("table", "build", "--out", str(out), "--resolution", "96", "--budget", "5")
    assert made["entries"] == len(read_table(out).timings)
    document = answer("table", "show", str(out))
    assert document["space"] == "tiny"
    assert isinstance(document["timings"], dict)
    assert len(document["timings"]) == made["entries"]
    card = answer("table", "check", str(out), "--count", "6")
    assert card["count"] == 6
    text = CliRunner().invoke(app, ["table", "check", str(out), "--count", "6"], catch_exceptions=False).stdout
    assert text.splitlines()[1].split()[:3] == ["held", "out", "6"]
