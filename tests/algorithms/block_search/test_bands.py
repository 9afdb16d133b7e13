"""Where networks are searched, when there are several resolutions to choose from."""

from msgspec.structs import replace

from nas.algorithms.block_search.bands import Bands, bands_for, join_bands
from nas.design.known import known
from nas.design.size import Size

ARCH = known("mobilenet_v3_small", 10)
Times = dict[Size, list[float]]


def test_bands_for_a_resolution_that_is_too_slow_leaves_it_out() -> None:
    times: Times = {64: [1.0, 2.0, 3.0, 4.0, 4.9, 4.95, 5.0], 128: [6.0, 7.0, 8.0, 9.0]}
    found = bands_for(5.0, 5.0, times)
    assert set(found.by_resolution) == {64}
    assert found.by_resolution[64] == (2.0 + 2.0, 5.0)  # too few draws at the target: the four nearest are the band


def test_bands_for_a_resolution_that_cannot_use_the_target_keeps_its_slowest_networks() -> None:
    times: Times = {64: [1.0, 2.0, 3.0, 4.0, 4.5], 128: [5.0, 14.2, 14.4, 14.6, 14.8, 20.0]}
    found = bands_for(15.0, 15.0, times)
    assert found.by_resolution[128] == (0.93 * 15.0, 15.0)
    assert found.by_resolution[64] == (2.0, 15.0)
    assert (found.low_ms, found.high_ms) == (2.0, 15.0)


def test_bands_for_a_target_below_all_keeps_the_fastest_resolution() -> None:
    found = bands_for(1.0, 1.0, {64: [2.0, 3.0, 4.0, 5.0], 128: [8.0, 9.0]})
    assert set(found.by_resolution) == {64}


def test_excess_ms_is_counted_from_the_band_of_the_resolution() -> None:
    bands = Bands({64: (2.0, 4.0), 128: (3.0, 5.0)})
    small, large = replace(ARCH, resolution=64), replace(ARCH, resolution=128)
    assert bands.excess_ms(small, 4.5) == 0.5
    assert bands.excess_ms(large, 4.5) < 0
    assert bands.excess_ms(large, 2.5) == 0.5
    assert bands.excess_ms(replace(ARCH, resolution=96), 1.0) > 0


def test_join_bands_holds_every_band() -> None:
    joined = join_bands([Bands({64: (2.0, 4.0)}), Bands({64: (1.0, 3.0), 128: (3.0, 5.0)})])
    assert joined.by_resolution == {64: (1.0, 4.0), 128: (3.0, 5.0)}
    assert joined.reaching_down(0.5).by_resolution == {64: (0.5, 4.0), 128: (1.5, 5.0)}
