"""`widen`: what a table must hold so that a network cut anywhere can be priced without a device."""

from collections.abc import Mapping

from nas.bench.pricer import Pricer
from nas.design.architecture import Architecture
from nas.design.edits.edit import Cut, apply, cuts, width_of
from nas.latency.prediction.interpolate import next_widths


def widen(pricer: Pricer, arch: Architecture, least: int = 8, step: int = 8) -> int:
    """Measure the network's cuts at so few widths that all others can be interpolated; how many entries that took.

    Ends, a pair of neighbours every 64 channels, and the middle of every gap whose mid-point the line misses by more
    than 3 % (`next_widths`), for the sum of what each cut changes. The table keeps what was measured, nothing else.
    """
    before = pricer.measured
    times: dict[Cut, dict[int, float]] = {cut: {} for cut in cuts(arch)}
    while asked := _asked(arch, times, least, step):
        pricer.ensure(apply(arch, cut, width) for cut, width in asked)
        for cut, width in asked:
            times[cut][width] = pricer(apply(arch, cut, width)).ms
    return pricer.measured - before


def _asked(
    arch: Architecture, times: Mapping[Cut, Mapping[int, float]], least: int, step: int
) -> list[tuple[Cut, int]]:
    wanted = {cut: list(range(least, width_of(arch, cut), step)) for cut in times}
    return [(cut, width) for cut, known in times.items() for width in next_widths(known, wanted[cut])]
