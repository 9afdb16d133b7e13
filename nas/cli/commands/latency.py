"""`nas price` and `nas measure`: the latency of one network, from a table and by the clock."""

from typing import Annotated

import typer

from nas.api.options.structs import MeasureOptions, PriceOptions
from nas.cli.options.takes import takes
from nas.cli.text.latency_text import measure_text, price_text
from nas.cli.text.output import Json, emit
from nas.design.cost import macs, op_macs, op_params, params
from nas.design.files import resolve
from nas.design.graph import Graph, lower
from nas.latency.prediction.entry import entries
from nas.latency.timing import Estimate

ArchArgument = Annotated[str, typer.Argument(metavar="ARCH", help="A known network's name or an architecture.json.")]


@takes(PriceOptions)
def price(arch: ArchArgument, options: PriceOptions, as_json: Json = False) -> None:
    """Parameters, multiply-adds and the predicted latency of a network, op by op.

    Without --table one of this machine is used; where there is none, predicted_ms is null.
    Entries that a table lacks are measured and kept. A table of another device prices what it holds
    and, flagged and with a wider bound, what lies between its measured widths.

    Example: nas price mobilenet_v3_large-0.75-192 --json
    """
    from nas.api.latency import price_network
    from nas.cli.text.run_text import terminal

    name, architecture = resolve(arch)
    priced = price_network(architecture, options.table, options, terminal(), options.allow_failed, options.latency)
    estimate, graph = priced.estimate if priced else None, lower(architecture)
    document = {
        "name": name,
        "resolution": architecture.resolution,
        "params": params(graph),
        "macs": macs(graph),
        "predicted_ms": estimate.ms if estimate else None,
        "error_bound_ms": estimate.error_bound_ms if estimate else None,
        "latency": options.latency,
        "statistic": priced.statistic if priced else None,
        "ops": _priced_ops(estimate) if estimate else _bare_ops(graph),
    }
    emit(document, as_json, price_text(document, estimate))


def _priced_ops(estimate: Estimate) -> list[dict[str, object]]:
    return [
        {"name": part.name, "op": part.key, "params": part.params, "macs": part.macs, "ms": part.ms}
        for part in estimate.parts
    ]


def _bare_ops(graph: Graph) -> list[dict[str, object]]:
    return [
        {
            "name": entry.name,
            "op": entry.key,
            "params": sum(op_params(op) for op in entry.ops),
            "macs": sum(op_macs(op) for op in entry.ops),
            "ms": None,
        }
        for entry in entries(graph)
    ]


@takes(MeasureOptions)
def measure(arch: ArchArgument, options: MeasureOptions, as_json: Json = False) -> None:
    """Latency of a whole network by the clock, in turns with a reference network.

    It is told as the clock says now and, where there is a table, at the speed that the device had when the table was
    built: that is what `nas price` predicts.

    Example: nas measure mobilenet_v3_small --runtime onnxruntime --json
    """
    from nas.api.latency import measure_network
    from nas.api.options.setup import describe_setup
    from nas.cli.text.run_text import terminal

    name, architecture = resolve(arch)
    found, setup, device, path = measure_network(architecture, options.table, options, terminal(), options.latency)
    document = {
        "runtime": found.runtime,
        "precision": setup.precision,
        "threads": setup.threads,
        "batch": setup.batch,
        "device": device,
        "latency": options.latency,
        "statistic": found.statistic,
        "measured_ms": found.measured_ms,
        "nominal_ms": found.nominal_ms,
        "slowdown": found.slowdown,
        "moving": found.moving,
        "table": str(path) if path else None,
        "p10_ms": found.p10_ms,
        "p90_ms": found.p90_ms,
        "runs": found.runs,
        "contended": found.contended,
        "floor_ms": found.floor_ms,
    }
    emit(document, as_json, measure_text(name, describe_setup(setup), found))
