"""Anchors: whole networks timed all through a build, and by which a table knows its machine again."""

import statistics
from collections.abc import Iterable, Mapping, Sequence

from nas.bench.bench import Bench
from nas.bench.rounds import ratios
from nas.bench.turns import Round
from nas.design.known import known
from nas.design.plan import Plan, lower
from nas.design.space import SearchSpace
from nas.device.facts import Facts
from nas.latency.fingerprint import Anchor, Fingerprint

# Tables in use have these: a network that becomes known later is no anchor.
PUBLISHED = ("mobilenet_v3_large", "mobilenet_v3_small", "mobilenet_v2")
ANCHORS = 2 + len(PUBLISHED)


def anchor_plans(space: SearchSpace, resolution: int) -> dict[str, Plan]:
    """Networks every table is calibrated on: the ends of the space, and the published networks at width 1."""
    ends = {"smallest": space.smallest(resolution), "largest": space.largest(resolution)}
    published = {name: known(name) for name in (f"{name}-1-{resolution}" for name in PUBLISHED)}
    return {key: lower(arch) for key, arch in {**ends, **published}.items()}


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
