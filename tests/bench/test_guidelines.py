"""Guidelines on a simulated device."""

from itertools import combinations

import numpy as np
import pytest

from nas.bench.guidelines import distinct_weights, measure_guidelines, time_variants
from nas.design.cost import macs
from nas.design.graph import Graph
from nas.design.guidelines.catalogue import make_guidelines
from nas.errors import NasError
from nas.latency.guideline_result import VariantTiming
from nas.runtimes.graphs.random_weights import random_weights
from tests.bench.device import Device, SimulatedBench, SimulatedClock, SimulatedModel, SimulatedRuntime, bench_of

(GROUPS, STEM, KERNELS) = make_guidelines(["groups", "stem", "kernel-size"])


class PickyRuntime(SimulatedRuntime):
    """Rejects graphs of so many multiply-adds."""

    def __init__(self, device: Device, rejected: set[int]) -> None:
        super().__init__(device)
        self.rejected = rejected

    def compile(self, graph: Graph, *_: object) -> SimulatedModel:
        if macs(graph) in self.rejected:
            raise NasError("There is no such kernel.")
        return super().compile(graph)


def picky(*numbers: int) -> SimulatedBench:
    """A bench that rejects these variants of the groups."""
    device = Device()
    runtime = PickyRuntime(device, {macs(GROUPS.variants[number].graph) for number in numbers})
    return SimulatedBench(runtime, SimulatedClock(device))


def test_time_variants_of_a_quiet_device_gives_its_times_over_the_references() -> None:
    device = Device()
    found = time_variants(STEM, bench_of(device), rounds=6)
    for variant, timing in zip(STEM.variants, found, strict=True):
        assert isinstance(timing, VariantTiming)
        assert timing.ms == pytest.approx(device.true_ms(variant.graph))
        assert len(timing.rounds) == 6
        assert max(timing.rounds) == pytest.approx(min(timing.rounds))
        assert not timing.contended


def test_measure_guidelines_finds_true_ratios_through_drift_and_jitter() -> None:
    device = Device(drift=0.2, jitter=0.05)
    (found,) = measure_guidelines([KERNELS], bench_of(device), rounds=15).guidelines
    first, *others = (device.true_ms(variant.graph) for variant in KERNELS.variants)
    for variant, true in zip(found.variants[1:], others, strict=True):
        assert variant.ratio is not None
        assert variant.ratio.median == pytest.approx(true / first, rel=0.03)
        assert variant.ratio.low < true / first < variant.ratio.high
    assert found.verdict == "holds here"


def test_measure_guidelines_tells_conditions_rounds_and_whether_the_device_was_busy() -> None:
    bench = bench_of(Device())
    found = measure_guidelines([STEM], bench, rounds=3)
    assert (found.conditions, found.rounds, found.contended) == (bench.conditions(), 3, False)
    assert measure_guidelines([STEM], bench_of(Device(preempted=0.95)), rounds=3).contended


def test_a_variant_that_the_runtime_rejects_is_told_and_the_others_keep_their_times() -> None:
    device = Device()
    found = time_variants(GROUPS, picky(1), rounds=3)
    assert found[1] == "There is no such kernel."
    for place in (0, 2, 3):
        timing = found[place]
        assert isinstance(timing, VariantTiming)
        assert timing.ms == pytest.approx(device.true_ms(GROUPS.variants[place].graph))


def test_a_guideline_of_which_nothing_runs_has_no_verdict() -> None:
    (found,) = measure_guidelines([GROUPS], picky(0, 1, 2, 3), rounds=3).guidelines
    assert found.verdict is None
    assert {one.failure for one in found.variants} == {"There is no such kernel."}


def test_distinct_weights_differ_between_parallel_layers_and_are_as_large_as_random_ones() -> None:
    """Equal ones let a runtime compute the branches once."""
    (fragments,) = make_guidelines(["fragmentation"])
    graph = fragments.variants[4].graph
    weights, random = distinct_weights(graph), random_weights(graph)
    branches = [weights[f"b{block}_{branch}.conv.weight"] for block in range(10) for branch in range(4)]
    assert not any(np.array_equal(one, other) for one, other in combinations(branches, 2))
    assert all(np.array_equal(np.sort(weights[name], None), np.sort(random[name], None)) for name in random)


def test_progress_counts_the_rounds_of_all_guidelines() -> None:
    told: list[tuple[str, int, int]] = []
    measure_guidelines([STEM, GROUPS], bench_of(Device()), rounds=2, progress=lambda *one: told.append(one))
    assert told == [("measuring guidelines", done, 4) for done in range(4)]
