"""`nas price` and `nas measure`: the latency of one network, from a table and by the clock."""

from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli.options.bench import (
    AllowFailed,
    BatchOption,
    DeviceOption,
    Gap,
    Latency,
    LatencyOption,
    Precision,
    PrecisionOption,
    RuntimeName,
    Setup,
    Threads,
    open_bench,
    setup_of,
)
from nas.cli.text.latency_text import measure_text, price_text
from nas.cli.text.output import Json, emit, log, progress_bar
from nas.design.architecture import Architecture
from nas.design.cost import macs, op_macs, op_params, params
from nas.design.files import resolve
from nas.design.plan import Graph, lower
from nas.latency.prediction.entry import entries
from nas.latency.timing import Estimate

if TYPE_CHECKING:
    from nas.latency.statistic import LatencyName
    from nas.latency.table import LatencyTable

ArchArgument = Annotated[str, typer.Argument(metavar="ARCH", help="A known network's name or an architecture.json.")]


def price(
    arch: ArchArgument,
    table: Annotated[str | None, typer.Option(help="A latency table; default: this machine's own.")] = None,
    runtime: RuntimeName = "onnxruntime",
    precision: PrecisionOption = Precision.float32,
    threads: Threads = 1,
    batch: BatchOption = 1,
    device: DeviceOption = None,
    allow_failed: AllowFailed = False,
    latency: LatencyOption = Latency.p50,
    as_json: Json = False,
) -> None:
    """Parameters, multiply-adds and the predicted latency of a network, op by op.

    Without --table one of this machine is used; where there is none, predicted_ms is null.
    Entries that a table lacks are measured and kept. A table of another device prices what it holds
    and, flagged and with a wider bound, what lies between its measured widths.

    Example: nas price mobilenet_v3_large-0.75-192 --json
    """
    name, architecture = resolve(arch)
    setup = Setup(runtime, threads, batch, precision.value, device)
    priced = _estimate(architecture, table, setup, allow_failed, latency.value)
    estimate, statistic = priced or (None, None)
    plan = lower(architecture)
    ops = _priced_ops(estimate) if estimate else _bare_ops(plan)
    document = {
        "name": name,
        "resolution": architecture.resolution,
        "params": params(plan),
        "macs": macs(plan),
        "predicted_ms": estimate.ms if estimate else None,
        "error_bound_ms": estimate.error_bound_ms if estimate else None,
        "latency": latency.value,
        "statistic": statistic,
        "ops": ops,
    }
    emit(document, as_json, price_text(document, estimate))


def _estimate(
    architecture: Architecture, name: str | None, setup: Setup, allow_failed: bool, latency: "LatencyName"
) -> tuple[Estimate, str] | None:
    """The price, and in words what it is; None where there is no table."""
    from nas.bench.pricer import Pricer
    from nas.cli.running.tables import keeps_entries, known_table, table_path
    from nas.latency.deadline import price_quantile
    from nas.latency.table import read_table
    from nas.latency.trust import require_passed

    named = None if name is None else read_table(table_path(name))
    if name is not None and named is not None:
        require_passed(named, name, allow_failed)
        setup = setup_of(named.header, setup.device)
        asked = price_quantile(named, latency, name)
        if priced := _without_device(architecture, asked, setup):
            return priced, asked.header.statistic
    bench = open_bench(setup)
    found = known_table(name, bench, architecture.resolution, named)
    if found is None:
        return None
    path = found[1]
    table = price_quantile(found[0], latency, str(path))
    keeps = path if keeps_entries(path) else None
    with progress_bar() as progress:
        pricer = Pricer(table, bench, keeps, progress=progress)
        estimate = pricer(architecture)
    if pricer.measured:
        log(f"Measured {pricer.measured} entries that {path} lacked{', and kept them there' if keeps else ''}.")
    return estimate, table.header.statistic


def _without_device(architecture: Architecture, table: "LatencyTable", setup: Setup) -> Estimate | None:
    """The price where the table has all entries; one of another device may have some between measured widths."""
    from nas.device.facts import facts
    from nas.latency.prediction.estimate import missing, price
    from nas.latency.prediction.interpolate import filled

    plan = lower(architecture)
    if setup.device is None and table.header.conditions.device != facts().device:
        table = table.extended(filled(missing(plan, table), table.timings))
    return None if missing(plan, table) else price(plan, table)


def _priced_ops(estimate: Estimate) -> list[dict[str, object]]:
    return [
        {"name": part.name, "op": part.key, "params": part.params, "macs": part.macs, "ms": part.ms}
        for part in estimate.parts
    ]


def _bare_ops(plan: Graph) -> list[dict[str, object]]:
    return [
        {
            "name": entry.name,
            "op": entry.key,
            "params": sum(op_params(op) for op in entry.ops),
            "macs": sum(op_macs(op) for op in entry.ops),
            "ms": None,
        }
        for entry in entries(plan)
    ]


def measure(
    arch: ArchArgument,
    table: Annotated[
        str | None, typer.Option(help="The latency table whose speed to tell too; default: this device's own, if any.")
    ] = None,
    runtime: RuntimeName = "onnxruntime",
    precision: PrecisionOption = Precision.float32,
    threads: Threads = 1,
    batch: BatchOption = 1,
    device: DeviceOption = None,
    gap_ms: Gap = 0.0,
    latency: LatencyOption = Latency.p50,
    as_json: Json = False,
) -> None:
    """Latency of a whole network by the clock, in turns with a reference network.

    It is told as the clock says now and, where there is a table, at the speed that the device had when the table was
    built: that is what `nas price` predicts.

    Example: nas measure mobilenet_v3_small --runtime onnxruntime --json
    """
    from nas.bench.measure import measure as take
    from nas.cli.running.tables import known_table, table_path
    from nas.latency.table import read_table

    name, architecture = resolve(arch)
    setup = Setup(runtime, threads, batch, precision.value, device, gap_ms)
    named = None if table is None else read_table(table_path(table))
    if named is not None:
        setup = setup_of(named.header, device)
    bench = open_bench(setup)
    known = known_table(table, bench, architecture.resolution, named)
    found = take(lower(architecture), bench, known[0] if known else None, latency=latency.value)
    document = {
        "runtime": found.runtime,
        "precision": setup.precision,
        "threads": setup.threads,
        "batch": setup.batch,
        "device": bench.conditions().device,
        "latency": latency.value,
        "statistic": found.statistic,
        "measured_ms": found.measured_ms,
        "nominal_ms": found.nominal_ms,
        "slowdown": found.slowdown,
        "moving": found.moving,
        "table": str(known[1]) if known else None,
        "p10_ms": found.p10_ms,
        "p90_ms": found.p90_ms,
        "runs": found.runs,
        "contended": found.contended,
        "floor_ms": found.floor_ms,
    }
    emit(document, as_json, measure_text(name, str(setup), found))
