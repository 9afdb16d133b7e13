"""NetAdapt lowers the resolution where that is allowed, and stands beside what the resolution alone would do."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from msgspec.structs import replace

from nas.algorithms.finish.start_baseline import start_baseline
from nas.algorithms.netadapt.proposals import narrowest, propose
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.pipeline import netadapt
from nas.algorithms.pipeline.records import Finished, Resized
from nas.design.architecture import Architecture
from nas.design.cost import macs, params
from nas.design.edits.edit import describe_edit, edited
from nas.design.edits.resize import Resize, resolutions_below
from nas.design.graph import lower
from nas.design.known import known
from nas.design.size import Size, shorter_side
from nas.latency.timing import Estimate, Measurement
from tests.algorithms.conftest import MACS_PER_MS, CountingPool, FakePrices, FakeShips

ARCH = replace(known("mobilenet_v3_small", 10), resolution=128)


class CountedPrices(FakePrices):
    """Remembers the resolutions that were priced."""

    def __init__(self) -> None:
        self.seen: list[Size] = []

    def __call__(self, architecture: Architecture) -> Estimate:
        self.seen.append(architecture.resolution)
        return super().__call__(architecture)

    def ensure(self, architectures: Iterable[Architecture]) -> None:
        pass


def test_resolutions_below_are_multiples_of_eight_down_to_thirty_two() -> None:
    assert resolutions_below(65) == (64, 56, 48, 40, 32)
    assert resolutions_below(64) == (56, 48, 40, 32)
    assert resolutions_below(32) == ()


def test_a_resize_changes_the_resolution_and_no_weight() -> None:
    small = edited(ARCH, Resize(96))
    assert small == replace(ARCH, resolution=96)
    assert params(lower(small)) == params(lower(ARCH))
    assert describe_edit(ARCH, Resize(96)) == "resolution 128 to 96 px"


def test_propose_finds_the_largest_resolution_within_the_limit() -> None:
    limit_ms = 0.6 * macs(lower(ARCH)) / MACS_PER_MS
    prices = CountedPrices()
    [proposed] = [one for one in propose(ARCH, limit_ms, prices, resize=True) if isinstance(one.edit, Resize)]
    side = shorter_side(proposed.architecture.resolution)
    assert prices(proposed.architecture).ms <= limit_ms < prices(replace(ARCH, resolution=side + 8)).ms
    # Every resolution is a network that may have to be measured: few are tried.
    assert len(set(prices.seen) - {ARCH.resolution}) <= 3


def test_propose_scales_both_sides_of_a_network_that_is_not_square() -> None:
    wide = replace(ARCH, resolution=(96, 160))
    limit_ms = 0.6 * macs(lower(wide)) / MACS_PER_MS
    prices = CountedPrices()
    [proposed] = [one for one in propose(wide, limit_ms, prices, resize=True) if isinstance(one.edit, Resize)]
    sizes = resolutions_below((96, 160))
    place = sizes.index(proposed.architecture.resolution)
    assert prices(proposed.architecture).ms <= limit_ms < prices(replace(wide, resolution=sizes[place - 1])).ms
    assert len(set(prices.seen) - {wide.resolution}) <= 3
    assert describe_edit(wide, Resize((72, 120))) == "resolution 96x160 to 72x120 px"


def test_narrowest_keeps_the_aspect() -> None:
    assert narrowest(replace(ARCH, resolution=(160, 96)), resize=True).resolution == (56, 32)


def test_propose_leaves_the_resolution_alone_unless_it_may_change_it() -> None:
    limit_ms = 0.6 * macs(lower(ARCH)) / MACS_PER_MS
    assert not [one for one in propose(ARCH, limit_ms, FakePrices()) if isinstance(one.edit, Resize)]


def test_propose_makes_no_resolution_where_none_reaches_the_limit() -> None:
    assert not [one for one in propose(ARCH, 1e-6, FakePrices(), resize=True) if isinstance(one.edit, Resize)]


def test_narrowest_with_resolution_is_at_thirty_two_pixels() -> None:
    assert narrowest(ARCH, resize=True).resolution == 32
    assert narrowest(ARCH).resolution == 128


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "start.safetensors"
    path.write_text("start")
    return path


def run(open_context: Callable[..., Context], folder: Path, start: Path, **changes: object) -> Context:
    at_ms = macs(lower(ARCH)) / MACS_PER_MS
    asked = {"command": "netadapt", "target_ms": 0.7 * at_ms, "resolution": 128, "auto_resolution": True, **changes}
    ctx = open_context(folder, pool=CountingPool(), **asked)
    netadapt(ctx, ARCH, start)
    return ctx


def test_netadapt_stands_beside_its_start_at_a_resolution_within_the_target(
    open_context: Callable[..., Context], tmp_path: Path, weights: Path
) -> None:
    ctx = run(open_context, tmp_path / "run", weights)
    [start] = [one for one in ctx.journal.all(Finished) if one.name.startswith("start-")]
    side = shorter_side(start.architecture.resolution)
    assert start.architecture == replace(ARCH, resolution=side)
    assert start.predicted_ms <= ctx.settings.target_ms
    assert FakePrices()(replace(ARCH, resolution=side + 8)).ms > 0.99 * ctx.settings.target_ms
    assert [one.resolution for one in ctx.journal.all(Resized)] == [side]


def test_a_clock_that_is_slow_for_a_moment_leads_no_farther_than_its_neighbours(
    open_context: Callable[..., Context], tmp_path: Path, weights: Path
) -> None:
    """By bisection the first answer alone would have led to half the resolution."""

    class Ships(FakeShips):
        asked: ClassVar[list[Size]] = []

        def measure(self, architectures: Sequence[Architecture]) -> list[Measurement]:
            self.asked.append(architectures[0].resolution)
            self.slower = 1.5 if len(self.asked) == 1 else 1.0
            return super().measure(architectures)

    ctx = open_context(tmp_path / "run", ships=Ships(), target_ms=0.7 * macs(lower(ARCH)) / MACS_PER_MS)
    [found] = start_baseline(ctx, ARCH, weights)
    assert found.architecture.resolution == shorter_side(Ships.asked[0]) - 8
    assert len(Ships.asked) == 2


def test_netadapt_at_a_given_resolution_keeps_it(
    open_context: Callable[..., Context], tmp_path: Path, weights: Path
) -> None:
    ctx = run(open_context, tmp_path / "run", weights, auto_resolution=False)
    assert {one.architecture.resolution for one in ctx.journal.all(Finished)} == {128}
    assert not ctx.journal.all(Resized)


def test_netadapt_from_given_weights_trains_no_baseline_from_scratch(
    open_context: Callable[..., Context], tmp_path: Path, weights: Path
) -> None:
    ctx = run(open_context, tmp_path / "run", weights, weights="start.safetensors 0123")
    baselines = [one.name for one in ctx.journal.all(Finished) if one.role == "baseline"]
    assert len(baselines) == 1
    assert baselines[0].startswith("start-")
