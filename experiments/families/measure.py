"""Every named network by the clock: accuracy of the published weights against milliseconds here, four runtimes.

    python experiments/families/measure.py >lines.jsonl
    python experiments/families/measure.py --table lines.jsonl >table.md
    python experiments/families/measure.py --picture lines.jsonl picture.html

All networks of a runtime and precision are timed in turns with a reference network, as `nas measure` does: one line of
JSON each. The table and the picture are drawn from these lines.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from nas.api.options.setup import PrecisionName, open_bench
from nas.api.options.structs import MeasureOptions
from nas.bench.measure import measure_many
from nas.design.cost import macs, params
from nas.design.graph import lower
from nas.design.known import KNOWN_NAMES, known
from nas.errors import NasError

# Top-1 accuracy on ImageNet in per cent, as the papers or the published weights have it; the rest is not known.
PUBLISHED = {
    "mobilenet_v1": 70.9,
    "mobilenet_v2": 71.8,
    "mobilenet_v3_large": 75.2,
    "mobilenet_v3_small": 67.5,
    "mobilenet_v3_large_minimal": 72.3,
    "mobilenet_v3_small_minimal": 61.9,
    "mobilenet_v4_conv_small": 73.8,
    "mnasnet_a1": 75.2,
    "mnasnet_b1": 74.5,
    "mnasnet_small": 64.9,
    "efficientnet_lite0": 74.8,
    "shufflenet_v1_g1": 66.4,
    "shufflenet_v1_g2": 67.3,
    "shufflenet_v1_g3": 67.4,
    "shufflenet_v1_g4": 67.2,
    "shufflenet_v1_g8": 67.6,
    "shufflenet_v2": 69.4,
    "squeezenet_1_0": 57.5,
    "squeezenet_1_0_bypass": 60.4,
    "squeezenet_1_1": 58.2,
    "xception": 79.0,
}
COLUMNS: tuple[tuple[str, PrecisionName], ...] = (
    ("onnxruntime", "float32"),
    ("onnxruntime", "int8"),
    ("openvino", "float32"),
    ("openvino", "int8"),
    ("litert", "float32"),
    ("litert", "int8"),
    ("torch", "float32"),
)


def measure_all(names: Iterable[str]) -> None:
    """A line for every network, runtime and precision."""
    graphs = {name: lower(known(name)) for name in names}
    for runtime, precision in COLUMNS:
        try:
            bench = open_bench(MeasureOptions(runtime=runtime, precision=precision), print_to_stderr)
            found = measure_many(list(graphs.values()), bench)
        except NasError as error:
            print_to_stderr(f"{runtime} {precision}: {error}")
            continue
        for (name, graph), one in zip(graphs.items(), found, strict=True):
            line = {
                "name": name,
                "runtime": runtime,
                "precision": precision,
                "ms": one.measured_ms,
                "p10_ms": one.p10_ms,
                "p90_ms": one.p90_ms,
                "floor_ms": one.floor_ms,
                "contended": one.contended,
                "moving": one.moving,
                "params": params(graph),
                "macs": macs(graph),
                "device": bench.conditions().device,
            }
            print(json.dumps(line), flush=True)


def print_to_stderr(text: str) -> None:
    """What is going on."""
    print(text, file=sys.stderr, flush=True)


def table(lines: list[dict[str, Any]]) -> str:
    """A row a network: counts, accuracy, milliseconds a column with half the distance between rounds."""
    rows = [
        "| network | M parameters | M MACs | top-1 | " + " | ".join(f"{r} {p}" for r, p in COLUMNS) + " |",
        "| --- |" + " ---: |" * (3 + len(COLUMNS)),
    ]
    for name in dict.fromkeys(line["name"] for line in lines):
        own = {(line["runtime"], line["precision"]): line for line in lines if line["name"] == name}
        some = next(iter(own.values()))
        times = [
            f"{own[column]['ms']:.2f} ± {own[column]['floor_ms']:.2f}" if column in own else "-" for column in COLUMNS
        ]
        cells = [f"{some['params'] / 1e6:.2f}", f"{some['macs'] / 1e6:.0f}", str(PUBLISHED.get(name, "-")), *times]
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def picture(lines: list[dict[str, Any]]) -> go.Figure:
    """Accuracy of the published weights against milliseconds here, a trace a runtime and precision."""
    figure = go.Figure()
    for runtime, precision in COLUMNS:
        own = [x for x in lines if (x["runtime"], x["precision"]) == (runtime, precision) and x["name"] in PUBLISHED]
        figure.add_scatter(
            x=[line["ms"] for line in own],
            y=[PUBLISHED[line["name"]] for line in own],
            text=[line["name"] for line in own],
            mode="markers+text",
            textposition="top center",
            name=f"{runtime} {precision}",
            visible=True if (runtime, precision) == COLUMNS[0] else "legendonly",
        )
    figure.update_xaxes(type="log", title="milliseconds here, batch 1, one thread")
    figure.update_yaxes(title="top-1 on ImageNet, %, of the published weights")
    return figure


def main() -> None:
    """Measure, or draw what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--picture", type=Path, nargs=2)
    asked = parser.parse_args()
    source = asked.table or (asked.picture and asked.picture[0])
    lines = [json.loads(line) for line in source.read_text().splitlines()] if source else []
    if asked.table:
        print(table(lines))
    elif asked.picture:
        picture(lines).write_html(asked.picture[1])
    else:
        measure_all(KNOWN_NAMES)


if __name__ == "__main__":
    main()
