"""What a machine's speed is measured to be, on a machine whose speed is known."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from nas.algorithms.block_search.latency_band import spread_draws
from nas.algorithms.budgets import budgets_of, within
from nas.algorithms.planning.throughput import (
    PlannedSearch,
    estimate_by_macs,
    line,
    measure_throughput,
    nearest,
    quarters,
)
from nas.design.cost import macs
from nas.design.edits.edit import cuts, edited
from nas.design.graph import lower
from nas.design.space import SearchSpace
from nas.jobs import Adapt, EvaluateEdits, EvaluateShared, Job, Outcome, Score, Share, Train
from tests.algorithms.conftest import FakePrices, FakeShips

SCORE = Score(0.5, (0.4, 0.6), 1.0, 50)


class Machine:
    """A mini-batch takes 0.2 seconds, of shared weights 0.7; what is done besides takes 3 and 4. The first is slow."""

    def __init__(self, step_s: float = 0.2) -> None:
        self.step_s, self.time_s, self.jobs, self.warm = step_s, 0.0, list[Job](), False

    def __call__(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        for job in jobs:
            self.jobs.append(job)
            seconds = self.seconds(job) + (0 if self.warm else 30)
            self.warm, self.time_s = True, self.time_s + seconds
            job.out.write_bytes(b"weights")
            yield Outcome(SCORE, (), seconds)

    def seconds(self, job: Job) -> float:
        match job:
            case Train():
                slower = 2 if job.out.parent.name == "twin" else 1
                return 3 + slower * self.step_s * job.last * 100
            case Share():
                return 4 + 0.7 * job.last * 100
            case Adapt():
                assert job.weights.exists()
                return 1.5 + self.step_s * job.steps
            case EvaluateShared():
                assert job.weights.exists()
                return 2
            case EvaluateEdits():
                assert job.weights.exists()
                assert all(lower(edited(job.architecture, edit)) != lower(job.architecture) for edit in job.edits)
                return len(job.edits) / 8
            case _:
                raise AssertionError(job)


@pytest.fixture
def subject(space: SearchSpace) -> PlannedSearch:
    return PlannedSearch(space, 224, 10, 1.2, "supernet", 2, batches=100, tested=500, table_s=60, seed=0)


def test_rates_are_those_of_the_machine(tmp_path: Path, subject: PlannedSearch) -> None:
    machine = Machine()
    found = measure_throughput(subject, machine, FakeShips(), tmp_path, lambda: machine.time_s)
    assert (found.step_s, found.look_s) == pytest.approx((0.2, 3))
    assert (found.share_step_s, found.judge_s) == pytest.approx((0.7, 2))
    assert (found.adapt_s, found.table_s) == pytest.approx((1.5, 60))
    assert found.spent_s == pytest.approx(machine.time_s)
    assert found.twin_step_s == pytest.approx(0.4)
    [typical] = {
        job.parent if isinstance(job, Adapt) else job.architecture
        for job in machine.jobs
        if isinstance(job, Adapt | EvaluateShared)
    }
    trained = {macs(lower(job.architecture)) for job in machine.jobs if isinstance(job, Train)}
    assert len(trained) == 2
    assert max(trained) == pytest.approx(macs(lower(typical)), rel=0.15)
    assert min(trained) == pytest.approx(macs(lower(typical)), rel=0.15)
    assert FakePrices()(typical).ms == pytest.approx(1.2, rel=0.05)
    assert found.test_s == pytest.approx(2 + 500 * FakePrices()(typical).ms / 1000, rel=0.01)
    assert found.proposals == len(cuts(typical))
    assert found.screen_s == pytest.approx(len(quarters(typical)) / 8)


def test_without_shared_weights_none_are_trained(tmp_path: Path, subject: PlannedSearch) -> None:
    machine = Machine()
    found = measure_throughput(
        replace(subject, evaluator="train"), machine, FakeShips(), tmp_path, lambda: machine.time_s
    )
    assert (found.share_step_s, found.judge_s) == (0, 0)
    assert not [job for job in machine.jobs if isinstance(job, Share | EvaluateShared)]


def test_a_slow_machine_is_not_kept_busy(tmp_path: Path, subject: PlannedSearch) -> None:
    machine = Machine(step_s=5)
    found = measure_throughput(subject, machine, FakeShips(), tmp_path, lambda: machine.time_s)
    assert found.step_s == pytest.approx(5)
    assert max(job.last * 100 for job in machine.jobs if isinstance(job, Train)) == pytest.approx(4)


def test_what_is_measured_is_within_the_budgets(tmp_path: Path, subject: PlannedSearch) -> None:
    """The plan is of networks that the search will train."""
    machine, budgets = Machine(), budgets_of({"parameters": 900_000})
    measure_throughput(replace(subject, budgets=budgets), machine, FakeShips(), tmp_path, lambda: machine.time_s)
    trained = [job.architecture for job in machine.jobs if isinstance(job, EvaluateEdits)]
    assert trained
    assert all(within(arch, budgets) for arch in trained)


def test_three_timings_tell_the_latency_of_all(space: SearchSpace) -> None:
    draws = [arch for _, arch in spread_draws(space, 0, 224, 10)][:200]
    assert estimate_by_macs(draws, FakeShips()) == pytest.approx([FakePrices()(arch).ms for arch in draws])
    assert nearest(draws[:3], [1.0, 2.0, 4.0], 2.4) == draws[1]


@pytest.mark.parametrize(("many_s", "expected"), [(12, (1.0, 2.0)), (3, (0.3, 0.0)), (30, (3.0, 0.0))])
def test_noise_makes_no_negative_times(many_s: float, expected: tuple[float, float]) -> None:
    assert line(2, 4, 10, many_s) == pytest.approx(expected)
