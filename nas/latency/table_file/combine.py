"""Tables beside each other: merged, compared, cut down to what a space needs."""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from nas.design.graph import lower
from nas.design.size import Size
from nas.design.space import SearchSpace
from nas.errors import ConditionsDiffer
from nas.latency.conditions import differences
from nas.latency.fingerprint import ENDS
from nas.latency.prediction.entry import entries
from nas.latency.prediction.estimate import MissingEntries
from nas.latency.table import LatencyTable, Reference
from nas.latency.timing import Timing, TimingSource

_QUANTILES = (0.0, 0.1, 0.5, 0.9, 1.0)
_WORST = 5
# What stands on firmer ground replaces what does not, however many rounds that took.
_FIRMNESS: tuple[TimingSource, ...] = ("interpolated", "imported", "isolated", "network")


class Merged(Struct, frozen=True):
    """A merged table; how many entries only the second had, and how many both had: the second's was kept of some."""

    table: LatencyTable
    added: int
    conflicts: int
    replaced: int


def merge(a: LatencyTable, b: LatencyTable) -> Merged:
    """The entries of both under the header of the first: its space, calibration and report card hold.

    Of an entry in both, a measured one is kept over an interpolated or imported one, else the one of more rounds,
    else the first's. Entries of the second are brought to the first's nominal speed. Raises ConditionsDiffer naming
    the fields where the conditions or the reference networks differ.
    """
    _require_mergeable(a, b)
    other = {key: _at_speed(timing, b.header.reference, a.header.reference) for key, timing in b.timings.items()}
    conflicts = [key for key in other if key in a.timings and other[key] != a.timings[key]]
    better = {key for key in conflicts if _weight(other[key]) > _weight(a.timings[key])}
    taken = {key: timing for key, timing in other.items() if key not in a.timings or key in better}
    added = len(other.keys() - a.timings.keys())
    return Merged(a.extended(taken), added, len(conflicts), len(better))


def _require_mergeable(a: LatencyTable, b: LatencyTable) -> None:
    found = differences(a.header.conditions, b.header.conditions)
    names = a.header.reference.name, b.header.reference.name
    if names[0] != names[1]:
        found.append(f"reference is {names[0]!r} there, {names[1]!r} here")
    if found:
        raise ConditionsDiffer(
            f"the tables must not mix, they were measured under different conditions (there the first, here the "
            f"second): {'; '.join(found)}. Use one of them, or build one table with 'nas table build'."
        )


def _at_speed(timing: Timing, theirs: Reference, ours: Reference) -> Timing:
    """The same ratio to the reference at another nominal speed, less what a call costs there."""

    def net(ms: float) -> float:
        gross = (ms + theirs.call_ms) * ours.nominal_ms / theirs.nominal_ms
        return max(gross - ours.call_ms, 0.05 * gross)

    if theirs == ours:
        return timing
    return replace(timing, ms=net(timing.ms), p10_ms=net(timing.p10_ms), p90_ms=net(timing.p90_ms))


def _weight(timing: Timing) -> tuple[bool, int, int]:
    return _FIRMNESS.index(timing.source) > 1, timing.rounds, timing.runs


class Difference(Struct, frozen=True):
    """What sets two tables apart.

    `fields` are those of the headers, by dotted name, with both values. `quantiles` are of the second's price over the
    first's, for entries in both (at 0, 10, 50, 90 and 100 %); `worst` are those furthest from the median.
    """

    fields: dict[str, tuple[Any, Any]]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    common: int
    quantiles: tuple[float, ...]
    worst: tuple["Change", ...]


class Change(Struct, frozen=True):
    """An entry in both tables."""

    key: str
    first_ms: float
    second_ms: float
    ratio: float


def diff(a: LatencyTable, b: LatencyTable) -> Difference:
    """What sets two tables apart, of whatever conditions."""
    one, other = _flat(a), _flat(b)
    changes = [_change(key, a, b) for key in a.timings if key in b.timings]
    ratios = [change.ratio for change in changes]
    quantiles = tuple(float(value) for value in np.quantile(ratios, _QUANTILES)) if ratios else ()
    middle = quantiles[2] if quantiles else 1.0
    return Difference(
        fields={
            name: (one.get(name), other.get(name)) for name in {**one, **other} if one.get(name) != other.get(name)
        },
        only_first=tuple(key for key in a.timings if key not in b.timings),
        only_second=tuple(key for key in b.timings if key not in a.timings),
        common=len(changes),
        quantiles=quantiles,
        worst=tuple(sorted(changes, key=lambda change: -abs(np.log(change.ratio / middle)))[:_WORST]),
    )


def _change(key: str, a: LatencyTable, b: LatencyTable) -> Change:
    first, second = (table.timings[key].ms * table.header.scale for table in (a, b))
    return Change(key, first, second, second / first)


def _flat(table: LatencyTable) -> dict[str, Any]:
    """The header's fields by dotted name, without the report card's single networks."""
    document = msgspec.to_builtins(table.header)
    document["validation"].pop("pairs")
    document["anchors"] = {anchor.pop("key"): anchor for anchor in document["anchors"]}
    return dict(_leaves("", document))


def _leaves(path: str, value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        return [(path, value)]
    return [leaf for name, inner in value.items() for leaf in _leaves(f"{path}.{name}".lstrip("."), inner)]


def subset(table: LatencyTable, space: SearchSpace, resolution: Size = 224) -> LatencyTable:
    """Only the entries a space needs, under its name; calibration and report card stay those of the whole.

    The ends of the space are anchors no longer if the space or its largest resolution is another one.

    Raises MissingEntries where the table lacks some.
    """
    needed = dict.fromkeys(entry.key for arch in space.cover(resolution) for entry in entries(lower(arch)))
    if lacking := [key for key in needed if key not in table.timings]:
        raise MissingEntries(lacking)
    header = replace(table.header, space=space.name, resolutions=space.sides(resolution))
    if (header.space, header.resolution) != (table.header.space, table.header.resolution):
        header = replace(header, anchors=tuple(anchor for anchor in header.anchors if anchor.key not in ENDS))
    return LatencyTable(header, {key: timing for key, timing in table.timings.items() if key in needed})
