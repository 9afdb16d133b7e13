"""Anchors: whole networks timed all through a build, and by which a table knows its machine again."""

import statistics
from collections.abc import Iterable, Mapping, Sequence

from nas.bench.bench import Bench
from nas.bench.rounds import ratios
from nas.bench.turns import Round
from nas.design.graph import Graph, lower
from nas.design.known import known
from nas.design.published.dense import HEADS
from nas.design.size import Size, describe_size
from nas.design.space import SearchSpace, dense_space_names, load_space, space_names
from nas.device.facts import Facts
from nas.latency.fingerprint import ENDS, Anchor, Fingerprint
from nas.latency.table_file.header import Header

# Tables in use have these: a network that becomes known later is no anchor.
PUBLISHED = ("mobilenet_v3_large", "mobilenet_v3_small", "mobilenet_v2")
ANCHORS = 2 + len(PUBLISHED)
# Published networks that are outside every space and in no calibration: a line of the report card.
OUTSIDE = tuple(
    f"{name}-{width}" for name in (*PUBLISHED, "mnasnet", "efficientnet_lite0") for width in ("0.75", "1.25")
)

_PUBLISHED_STARTS = tuple(f"{kind}{name}-" for kind in ("", *(f"{head}_" for head in HEADS)) for name in PUBLISHED)


def anchor_plans(space: SearchSpace, resolution: Size) -> dict[str, Graph]:
    """Networks every table is calibrated on: the ends of the space, and the published networks at width 1.

    These have a head of the space's kind.
    """
    names = (f"{_prefix(space)}{name}-1-{describe_size(resolution)}" for name in PUBLISHED)
    return _end_plans(space, resolution) | {name: lower(known(name)) for name in names}


def outside_plans(space: SearchSpace, resolution: Size) -> dict[str, Graph]:
    """Networks that no space contains, by name, with a head of the space's kind."""
    names = (f"{_prefix(space)}{name}-{describe_size(resolution)}" for name in OUTSIDE)
    return {name: lower(known(name)) for name in names}


def _prefix(space: SearchSpace) -> str:
    return "" if space.dense is None else f"{space.dense.head.kind}_"


def own_anchors(header: Header, asked: SearchSpace) -> dict[str, Graph]:
    """Makes the networks of a table's anchors again, whatever space and resolution a run `asked` for.

    The ends are those of the table's own space. If that is neither the space asked for nor a shipped one they cannot be
    made, and the published networks have to do.
    """
    space = _own_space(header.space, asked)
    ends = _end_plans(space.at(*header.resolutions), header.resolution) if space else {}
    made = {anchor.key: ends.get(anchor.key) or _published(anchor.key) for anchor in header.anchors}
    return {key: graph for key, graph in made.items() if graph is not None}


def _end_plans(space: SearchSpace, resolution: Size) -> dict[str, Graph]:
    return {ENDS[0]: lower(space.smallest(resolution)), ENDS[1]: lower(space.largest(resolution))}


def _own_space(name: str, asked: SearchSpace) -> SearchSpace | None:
    if name == asked.name:
        return asked
    return load_space(name) if name in (*space_names(), *dense_space_names()) else None


def _published(key: str) -> Graph | None:
    return lower(known(key)) if key.startswith(_PUBLISHED_STARTS) else None


def anchors_of(keys: Iterable[str], rounds: Sequence[Round], first: int) -> tuple[Anchor, ...]:
    """What the rounds say of the anchors, whose subjects are numbered from `first` on."""
    return tuple(_anchor(key, ratios(rounds, first + i)) for i, key in enumerate(keys))


def _anchor(key: str, values: Sequence[float]) -> Anchor:
    middle = statistics.median(values)
    return Anchor(key, middle, (max(values) - min(values)) / 2 / middle)


def drift_of(anchors: Iterable[Anchor]) -> float:
    """The largest relative change of an anchor between rounds."""
    return max((2 * anchor.spread for anchor in anchors), default=0.0)


def busy_beside(before: Facts, after: Facts, seconds: float, threads: int) -> float:
    """Cores that others kept busy while a build of `seconds` kept `threads` busy itself; 0 where it is not told."""
    if before.busy_s is None or after.busy_s is None or before.boot_id != after.boot_id:
        return 0.0
    return max(0.0, (after.busy_s - before.busy_s) / seconds - threads) if seconds > 0 else 0.0


def fingerprint(bench: Bench, before: Facts, after: Facts) -> Fingerprint:
    """What the device said of itself; pressure is the mean of the build's start and end."""
    known_facts: Mapping[str, object] = after._asdict()
    pressures = [found.pressure for found in (before, after) if found.pressure is not None]
    fields = {name: value for name, value in known_facts.items() if name not in ("device", "pressure", "busy_s")}
    return Fingerprint(
        **fields,  # type: ignore[arg-type]
        pressure=statistics.fmean(pressures) if pressures else None,
        library=bench.library(),
        layout=_LAYOUTS.get(bench.runtime.name),
        gap_ms=bench.gap_ms,
    )


_BLOCKED = "NCHW, blocked inside"
_LAYOUTS = {"onnxruntime": _BLOCKED, "openvino": _BLOCKED, "litert": "NHWC", "torch": "NCHW"}
