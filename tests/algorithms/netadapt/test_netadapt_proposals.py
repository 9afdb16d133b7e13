"""What NetAdapt proposes: the widest width that pays, on any staircase that a device may have."""

from collections.abc import Callable, Iterable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from nas.algorithms.netadapt.proposals import faster, narrowest, propose, widths_below
from nas.algorithms.pipeline.context import Context
from nas.design.architecture import Architecture
from nas.design.edits.edit import Cut, Narrow, apply, cuts, end_cuts, width_of
from nas.design.edits.simplify import simpler
from nas.design.graph import lower
from nas.design.known import known
from nas.design.op import Conv, Linear
from nas.design.size import area
from nas.design.walk import Node
from nas.latency.timing import Estimate, PricedPart

Open = Callable[..., Context]
SMALL = known("mobilenet_v3_small", 10)


class Staircase:
    """Every layer costs what the next multiple of a step of its widths would; off a grid half as much again.

    A reading may be off by up to `noise`, always in the same way for the same layer.
    """

    def __init__(self, step: int, grid: int = 1, noise: float = 0.0) -> None:
        self.step, self.grid, self.noise = step, grid, noise

    def __call__(self, architecture: Architecture) -> Estimate:
        parts = tuple(PricedPart(node.name, str(node.op), 0, 0, self._ms(node)) for node in lower(architecture).nodes)
        return Estimate(sum(part.ms for part in parts), 0.0, parts)

    def known(self, architecture: Architecture) -> Estimate:
        return self(architecture)

    def ensure(self, architectures: Iterable[Architecture]) -> None:
        pass

    def _ms(self, node: Node) -> float:
        if not isinstance(node.op, Conv | Linear):
            return 0.001
        into, out = (-(-width // self.step) * self.step for width in (node.op.in_width, node.op.out_width))
        macs = node.op.kernel**2 * area(node.op.out_size) if isinstance(node.op, Conv) else 1
        macs *= out if isinstance(node.op, Conv) and node.op.depthwise else into * out
        slow = 1.5 if node.op.out_width % self.grid else 1.0
        wobble = 1 + self.noise * ((hash((node.op.in_width, node.op.out_width)) % 201 - 100) / 100)
        return macs / 1e7 * slow * wobble


def times(prices: Staircase, cut: Cut) -> dict[int, float]:
    """The price of every candidate width of a cut, and of the uncut network."""
    found = {width: prices(apply(SMALL, cut, width)).ms for width in widths_below(width_of(SMALL, cut))}
    return {width_of(SMALL, cut): prices(SMALL).ms, **found}


@settings(max_examples=20)
@given(st.sampled_from([1, 8, 16, 24, 32, 64]), st.sampled_from([1, 16, 32]), st.floats(0.001, 0.3))
def test_the_widest_width_that_satisfies_the_step_at_the_edge_of_its_plateau(
    step: int, grid: int, share: float
) -> None:
    prices = Staircase(step, grid)
    limit = prices(SMALL).ms * (1 - share)
    found = {one.edit.cut: one for one in propose(SMALL, limit, prices) if isinstance(one.edit, Narrow)}
    for cut in cuts(SMALL):
        by_width = times(prices, cut)
        edges = [width for width, ms in by_width.items() if all(ms < by_width[w] for w in by_width if w > width)]
        expected = [width for width in edges if by_width[width] <= limit]
        if not expected:
            assert cut not in found
            continue
        one = found[cut]
        assert isinstance(one.edit, Narrow)
        assert one.edit.width == max(expected)
        assert one.predicted_ms == by_width[one.edit.width]


@settings(max_examples=15)
@given(st.sampled_from([16, 32]), st.floats(0.001, 0.1))
def test_noise_does_not_buy_a_narrower_width_of_the_same_plateau(step: int, share: float) -> None:
    """Readings off by half a percent, a tolerance of two: no width is taken that is truly as slow as a wider one."""
    prices, truth = Staircase(step, noise=0.005), Staircase(step)
    limit = prices(SMALL).ms * (1 - share)
    for one in propose(SMALL, limit, prices, noise=0.02):
        assert isinstance(one.edit, Narrow)
        by_width = times(truth, one.edit.cut)
        assert all(by_width[one.edit.width] < by_width[w] for w in by_width if w > one.edit.width)


def test_without_a_tolerance_noise_does_buy_one() -> None:
    """The test above can fail."""
    prices, truth = Staircase(32, noise=0.005), Staircase(32)
    found = propose(SMALL, prices(SMALL).ms * 0.9999, prices)
    costs = [(times(truth, one.edit.cut), one.edit.width) for one in found if isinstance(one.edit, Narrow)]
    assert any(by_width[width] >= by_width[w] for by_width, width in costs for w in by_width if w > width)


def test_the_noise_is_of_what_changes_not_of_the_whole_network() -> None:
    def price(*times_ms: float) -> Estimate:
        parts = tuple(PricedPart(f"p{i}", f"k{i} {ms}", 0, 0, ms) for i, ms in enumerate(times_ms))
        return Estimate(sum(times_ms), 0.0, parts)

    assert faster(price(100.0, 0.9), price(100.0, 1.0), noise=0.05)
    assert not faster(price(100.0, 0.96), price(100.0, 1.0), noise=0.05)
    assert not faster(price(100.0, 1.0), price(100.0, 1.0), noise=0.0)


def test_all_kinds_are_proposed_where_they_are_asked_for() -> None:
    prices = Staircase(8)
    large = known("mobilenet_v3_large", 10)
    few = {one.edit.name for one in propose(large, prices(large).ms - 1e-4, prices)}
    many = {one.edit.name for one in propose(large, prices(large).ms - 1e-4, prices, "all")}
    assert few == {cut.name for cut in cuts(large)}
    assert few | {cut.name for cut in end_cuts(large)} <= many
    # This device does not mind an activation; all else that is simpler is faster.
    assert many - few - {cut.name for cut in end_cuts(large)} == {
        change.name for change in simpler(large) if not change.name.endswith("activation")
    }
    assert all(one.predicted_ms == prices(one.architecture).ms for one in propose(large, 1.0, prices, "all"))


def test_widths_go_down_on_the_grid() -> None:
    assert list(widths_below(40)) == [32, 24, 16, 8]
    assert list(widths_below(200))[:2] == [192, 176]
    assert next(widths_below(960)) == 928
    assert list(widths_below(8)) == []


@given(st.integers(9, 2000))
def test_widths_below_are_below_and_never_under_the_least(width: int) -> None:
    found = list(widths_below(width))
    assert found == sorted(found, reverse=True)
    assert all(8 <= candidate < width and candidate % 8 == 0 for candidate in found)


def test_a_proposal_is_the_widest_cut_within_the_limit(tmp_path: Path, open_context: Open) -> None:
    prices = open_context(tmp_path / "run").prices
    arch = known("mobilenet_v3_large", 10)
    limit = prices(arch).ms * 0.99
    found = propose(arch, limit, prices)
    assert {cutting.edit.name for cutting in found} <= {cut.name for cut in cuts(arch)}
    assert len(found) >= 15
    for cutting in found:
        assert cutting.predicted_ms <= limit
        assert isinstance(cutting.edit, Narrow)
        cut = cutting.edit.cut
        assert width_of(cutting.architecture, cut) == cutting.edit.width
        wider = [w for w in widths_below(width_of(arch, cut)) if w > cutting.edit.width]
        assert all(prices(apply(arch, cut, width)).ms > limit for width in wider)


def test_no_proposal_where_nothing_can_be_cut(tmp_path: Path, open_context: Open) -> None:
    prices = open_context(tmp_path / "run").prices
    arch = narrowest(known("mobilenet_v3_small", 10))
    assert propose(arch, prices(arch).ms * 0.99, prices) == []


def test_with_all_kinds_nothing_is_left_at_the_end() -> None:
    end = narrowest(known("mobilenet_v3_large", 10), "all")
    assert not simpler(end)
    assert {width_of(end, cut) for cut in (*cuts(end), *end_cuts(end))} == {8}
    prices = Staircase(8)
    assert propose(end, prices(end).ms, prices, "all") == []
    assert prices(end).ms < prices(narrowest(known("mobilenet_v3_large", 10))).ms
