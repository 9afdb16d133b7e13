"""`nas draw` and `nas list`: what there is, without a clock."""

import random
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from nas.api.options.resolution import resolved, told_sides
from nas.cli.options.shared import Resolutions
from nas.cli.text.output import Json, emit
from nas.cli.text.tables import table_of
from nas.design.cost import macs, params
from nas.design.graph import lower
from nas.design.known import DENSE_NAMES, KNOWN_NAMES, known
from nas.design.space import load_space, space_names
from nas.folders import shipped_folder

if TYPE_CHECKING:
    from nas.latency.table import Header


class Kind(StrEnum):
    """What `nas list` can list."""

    networks = "networks"
    spaces = "spaces"
    runtimes = "runtimes"
    tables = "tables"
    weights = "weights"


def draw(
    space: Annotated[str, typer.Option(help="A shipped space or a TOML file.")] = "mobilenet_v3_large",
    count: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many architectures.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 0,
    resolution: Resolutions = None,
    classes: Annotated[
        int | None, typer.Option(min=2, max=100_000, help="Number of classes; default: the usual of the task.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Draw random architectures of a space, one JSON document a line (with --json: one array).

    Example: nas draw --space mobilenet_v3_small --count 3 --seed 1
    """
    (chosen, side), rng = resolved(load_space(space), resolution), random.Random(seed)
    drawn = [chosen.sample(rng, side, classes) for _ in range(count)]
    emit(drawn, as_json, "\n".join(msgspec.json.encode(arch).decode() for arch in drawn))


def listing(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    as_json: Json = False,
) -> None:
    """List what there is: networks, spaces, runtimes, tables or pretrained weights.

    Example: nas list networks
    """
    rows = {
        Kind.networks: _networks,
        Kind.spaces: _spaces,
        Kind.runtimes: _runtimes,
        Kind.tables: _tables,
        Kind.weights: _weights,
    }[kind]()
    emit(rows, as_json, table_of(rows))


def _weights() -> list[dict[str, object]]:
    """Weights that Python packages ship; `installed` says whether the package is here."""
    from nas.nets.weights.named import PRETRAINED_NETWORKS, list_pretrained, package_name

    installed = list_pretrained()
    names = {f"pretrained:{network}": package_name(network) for network in PRETRAINED_NETWORKS}
    return [{"name": name, "package": package, "installed": name in installed} for name, package in names.items()]


def _networks() -> list[dict[str, object]]:
    graphs = {name: lower(known(name)) for name in (*KNOWN_NAMES, *DENSE_NAMES)}
    return [{"name": name, "params": params(graph), "macs": macs(graph)} for name, graph in graphs.items()]


def _spaces() -> list[dict[str, object]]:
    return [{"name": name, "choices": float(load_space(name).size())} for name in space_names()]


def _runtimes() -> list[dict[str, object]]:
    from nas.runtimes import statuses

    return [{"name": found.name, "version": found.version} for found in statuses() if found.usable]


def _tables() -> list[dict[str, object]]:
    """Cached and shipped tables; `here` says whether they are of this machine and the installed runtime."""
    from nas.device.facts import facts
    from nas.folders import cache_folder
    from nas.latency.table import read_table
    from nas.runtimes import statuses

    device = facts().device
    here = {(device, found.name, found.version) for found in statuses() if found.usable}
    paths = [
        *sorted((cache_folder() / "tables").glob("*.jsonl")),
        *sorted(shipped_folder("latency_tables").glob("*.jsonl")),
    ]
    return [_table_row(path, read_table(path).header, here) for path in paths]


def _table_row(path: Path, header: "Header", here: set[tuple[str, str, str | None]]) -> dict[str, object]:
    found = header.conditions
    return {
        "path": str(path),
        "space": header.space,
        "resolution": told_sides(header.resolutions),
        "runtime": found.runtime,
        "precision": found.precision,
        "threads": found.threads,
        "batch": found.batch,
        "device": found.device,
        "error": round(header.validation.mape, 4),
        "here": (found.device, found.runtime, found.runtime_version) in here,
    }
