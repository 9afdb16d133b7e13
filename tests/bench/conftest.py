from functools import cache

import pytest

from nas.bench.tables.build import build_table
from nas.design.space import HeadChoice, SearchSpace, StageChoice, StemChoice
from nas.latency.table import LatencyTable
from tests.bench.device import Device, bench_of


def stage(stride: int, widths: tuple[int, ...]) -> StageChoice:
    return StageChoice(stride, (1, 2), widths, (3, 5), (2, 4), (False, True), ("relu", "hswish"))


SPACE = SearchSpace(
    "tiny",
    StemChoice((16,), ("hswish",)),
    (stage(2, (24,)), stage(2, (40, 48)), stage(2, (80,)), stage(1, (96, 112)), stage(2, (160,))),
    HeadChoice((480,), (640,), ("hswish",)),
)


def built(device: Device, budget_s: float = 30.0) -> LatencyTable:
    """The table of the tiny space on a simulated device."""
    return build_table(SPACE, bench_of(device), None, resolution=96, budget_s=budget_s)


@cache
def built_quietly() -> LatencyTable:
    """The same on a device without noise: the tests of several folders begin with it."""
    return built(Device())


@pytest.fixture(scope="session")
def quiet_table() -> LatencyTable:
    """Of a device without noise."""
    return built_quietly()
