"""A table that moves: taken over from a sibling device."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from nas.design.graph import Graph
from nas.errors import ConditionsDiffer, InvalidTable
from nas.latency.conditions import Conditions, differences
from nas.latency.fingerprint import Anchor, Fingerprint
from nas.latency.prediction.entry import entries
from nas.latency.prediction.estimate import price
from nas.latency.report_card import IMPORTED, Pair, Validation, grade
from nas.latency.statistic import describe_usual
from nas.latency.table import LatencyTable, Reference
from nas.latency.timing import Timing

LEAST_NETWORKS = 5


class Here(Struct, frozen=True, kw_only=True):
    """This device, as the header of an imported table says it; `floor` is of the networks measured here."""

    conditions: Conditions
    fingerprint: Fingerprint
    reference: Reference
    floor: float
    contended: bool
    created: str
    seconds: float
    anchors: tuple[Anchor, ...] = ()
    drift: float = 0.0


def port(table: LatencyTable, origin: str, here: Here, measured: Sequence[tuple[Graph, float]]) -> LatencyTable:
    """A sibling's table at the speed of this device: one scale, fitted on whole networks measured here (ms, nominal).

    Every network is predicted by the scale that all others fit; these held-out errors are the report card. Raises
    InvalidTable where they are too large or the networks too few, ConditionsDiffer where more than the device and the
    version of the runtime differs, MissingEntries where the table cannot price a network.
    """
    _require_sibling(table, here)
    if len(measured) < LEAST_NETWORKS:
        raise InvalidTable(f"{len(measured)} networks measured here are too few to import {origin}: take 5 to 10.")
    there = np.array([price(graph, table).ms for graph, _ in measured])
    here_ms = np.array([ms for _, ms in measured])
    scale = _scale(there, here_ms)
    others = [_scale(np.delete(there, i), np.delete(here_ms, i)) for i in range(len(measured))]
    raw = [_raw_ms(graph, table) for graph, _ in measured]
    pairs = [Pair(x * p, m, x * r) for x, p, m, r in zip(others, there.tolist(), here_ms.tolist(), raw, strict=True)]
    card = grade(pairs, here.floor)
    _require_accepted(card, origin)
    return _moved(table, scale, f"{origin} of {table.header.conditions.device}, times {scale:.4g}", here, card)


def _require_sibling(table: LatencyTable, here: Here) -> None:
    theirs, ours = table.header.conditions, here.conditions
    alike = replace(theirs, device=ours.device, runtime_version=ours.runtime_version)
    found = differences(alike, ours)
    if table.header.reference.name != here.reference.name:
        found.append(f"reference is {table.header.reference.name!r} there, {here.reference.name!r} here")
    if found:
        raise ConditionsDiffer(
            f"only the device and the runtime's version may differ between a table and where it is imported, but "
            f"{'; '.join(found)}. Build a table here with 'nas table build'."
        )


def _scale(predicted: np.ndarray, measured: np.ndarray) -> float:
    """Least squares in relative error."""
    shares = predicted / measured
    return float(shares.sum() / (shares @ shares))


def _raw_ms(graph: Graph, table: LatencyTable) -> float:
    bare = sum(table.timings[entry.key].ms for entry in entries(graph))
    return table.header.scale * (bare + table.header.reference.call_ms)


def _require_accepted(card: Validation, origin: str) -> None:
    if card.spearman < IMPORTED.spearman or card.mape > IMPORTED.mape:
        raise InvalidTable(
            f"{origin} does not hold here: on {card.count} networks left out in turn the rank correlation is "
            f"{card.spearman:.3f} (at least {IMPORTED.spearman:g}) and the mean error {card.mape:.1%} (at most "
            f"{IMPORTED.mape:.0%}). Build a table here with 'nas table build'."
        )


def _moved(table: LatencyTable, scale: float, origin: str, here: Here, card: Validation) -> LatencyTable:
    """Timings, and what a call costs, in milliseconds of this device."""
    factor = scale * table.header.scale
    header = replace(
        table.header,
        conditions=here.conditions,
        fingerprint=here.fingerprint,
        reference=replace(here.reference, call_ms=factor * table.header.reference.call_ms),
        validation=card,
        anchors=here.anchors,
        created=here.created,
        contended=here.contended,
        drift=here.drift,
        seconds=here.seconds,
        scale=1.0,
        origin=origin,
        statistic=describe_usual(),
        outside=None,
        outside_names=(),
        quantiles=(),
    )
    return LatencyTable(header, {key: _times(timing, factor) for key, timing in table.timings.items()})


def _times(timing: Timing, factor: float) -> Timing:
    quantiles = {name: factor * getattr(timing, name) for name in ("ms", "p10_ms", "p90_ms")}
    return replace(timing, **quantiles, source="imported")
