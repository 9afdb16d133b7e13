"""`nas price` and `nas measure`: the latency of one network, from a table and by the clock."""

from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli.benches import (
    AllowFailed,
    Batch,
    DeviceOption,
    Gap,
    Precision,
    PrecisionOption,
    RuntimeName,
    Setup,
    Threads,
    open_bench,
    setup_of,
)
from nas.cli.latency_text import measure_text, price_text
from nas.cli.output import Json, emit, log, progress_bar
from nas.design.architecture import Architecture
from nas.design.cost import macs, op_macs, op_params, params
from nas.design.files import resolve
from nas.design.plan import Plan, lower
from nas.folders import shipped
from nas.latency.entry import entries
from nas.latency.timing import Estimate

if TYPE_CHECKING:
    from nas.latency.table import LatencyTable

Arch = Annotated[str, typer.Argument(metavar="ARCH", help="A known network's name or an architecture.json.")]


def price(
    arch: Arch,
    table: Annotated[str | None, typer.Option(help="A latency table; default: this machine's own.")] = None,
    runtime: RuntimeName = "onnxruntime",
    precision: PrecisionOption = Precision.float32,
    threads: Threads = 1,
    batch: Batch = 1,
    device: DeviceOption = None,
    allow_failed: AllowFailed = False,
    as_json: Json = False,
) -> None:
    """Parameters, multiply-adds and the predicted latency of a network, op by op.

    Without --table one of this machine is used; where there is none, predicted_ms is null.
    Entries that a table lacks are measured and kept. A table of another device prices what it holds
    and, flagged and with a wider bound, what lies between its measured widths.

    Example: nas price mobilenet_v3_large-0.75-192 --json
    """
    name, architecture = resolve(arch)
    estimate = _estimate(architecture, table, Setup(runtime, threads, batch, precision.value, device), allow_failed)
    plan = lower(architecture)
    ops = _priced_ops(estimate) if estimate else _bare_ops(plan)
    document = {
        "name": name,
        "resolution": architecture.resolution,
        "params": params(plan),
        "macs": macs(plan),
        "predicted_ms": estimate.ms if estimate else None,
        "error_bound_ms": estimate.error_bound_ms if estimate else None,
        "ops": ops,
    }
    emit(document, as_json, price_text(document, estimate))


def _estimate(architecture: Architecture, table: str | None, setup: Setup, allow_failed: bool) -> Estimate | None:
    from nas.bench.pricer import Pricer
    from nas.cli.tables import keeps_entries, table_path
    from nas.latency.cache import find_table
    from nas.latency.table import read_table
    from nas.latency.trust import require_passed

    known = None
    if table is not None:
        known = read_table(table_path(table))
        require_passed(known, table, allow_failed)
        setup = setup_of(known.header, setup.device)
        if priced := _without_device(architecture, known, setup):
            return priced
    bench = open_bench(setup)
    here = bench.conditions()
    ready = (shipped("latency_tables"),)
    found = find_table(here, resolutions=(architecture.resolution,), folders=ready) or find_table(here, folders=ready)
    path = table_path(table) if table else found
    if path is None:
        return None
    keeps = path if keeps_entries(path) else None
    with progress_bar() as progress:
        pricer = Pricer(known or read_table(path), bench, keeps, progress=progress)
        estimate = pricer(architecture)
    if pricer.measured:
        log(f"Measured {pricer.measured} entries that {path} lacked{', and kept them there' if keeps else ''}.")
    return estimate


def _without_device(architecture: Architecture, table: "LatencyTable", setup: Setup) -> Estimate | None:
    """The price where the table has all entries; one of another device may have some between measured widths."""
    from nas.device.facts import facts
    from nas.latency.estimate import missing, price
    from nas.latency.interpolate import filled

    plan = lower(architecture)
    if setup.device is None and table.header.conditions.device != facts().device:
        table = table.extended(filled(missing(plan, table), table.timings))
    return None if missing(plan, table) else price(plan, table)


def _priced_ops(estimate: Estimate) -> list[dict[str, object]]:
    return [
        {"name": part.name, "op": part.key, "params": part.params, "macs": part.macs, "ms": part.ms}
        for part in estimate.parts
    ]


def _bare_ops(plan: Plan) -> list[dict[str, object]]:
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
    arch: Arch,
    runtime: RuntimeName = "onnxruntime",
    precision: PrecisionOption = Precision.float32,
    threads: Threads = 1,
    batch: Batch = 1,
    device: DeviceOption = None,
    gap_ms: Gap = 0.0,
    as_json: Json = False,
) -> None:
    """Latency of a whole network by the clock, in turns with a reference network.

    Example: nas measure mobilenet_v3_small --runtime onnxruntime --json
    """
    from nas.bench.measure import measure as take

    name, architecture = resolve(arch)
    setup = Setup(runtime, threads, batch, precision.value, device, gap_ms)
    bench = open_bench(setup)
    found = take(lower(architecture), bench)
    document = {
        "runtime": found.runtime,
        "precision": setup.precision,
        "threads": setup.threads,
        "batch": setup.batch,
        "device": bench.conditions().device,
        "measured_ms": found.measured_ms,
        "p10_ms": found.p10_ms,
        "p90_ms": found.p90_ms,
        "runs": found.runs,
        "contended": found.contended,
        "floor_ms": found.floor_ms,
    }
    emit(document, as_json, measure_text(name, str(setup), found))
