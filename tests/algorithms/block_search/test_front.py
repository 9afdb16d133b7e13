"""The front: its hypervolume in closed forms, and whole searches for it, killed and not."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.algorithms.block_search.front import search_front
from nas.algorithms.block_search.pareto import Front, hypervolume, nondominated, thinned
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.records import Measured, Trial, Worked
from nas.algorithms.samplers.optuna_study import Study
from nas.design.architecture import Architecture, InvertedResidual
from nas.design.files import read_architecture
from nas.design.space import SearchSpace
from nas.jobs import EvaluateShared, Job, Outcome
from nas.latency.timing import Measurement
from tests.algorithms.killing import Killed, decisions, dying
from tests.design.inverted import inverted

Open = Callable[..., Context]
POINTS = st.lists(st.tuples(st.integers(0, 10).map(lambda n: n / 10), st.integers(1, 30).map(float)), max_size=12)


def itself(point: tuple[float, float]) -> tuple[float, float]:
    return point


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([], 0.0),
        ([(0.8, 10.0)], 0.8),
        ([(0.8, 5.0)], 0.8),  # faster than asked for is as good
        ([(0.8, 15.0)], 0.4),  # half of the latencies have nothing
        ([(0.8, 21.0)], 0.0),
        ([(0.6, 10.0), (0.9, 16.0)], (0.6 * 6 + 0.9 * 4) / 10),
        ([(0.9, 16.0), (0.6, 10.0), (0.5, 12.0), (0.9, 18.0)], (0.6 * 6 + 0.9 * 4) / 10),  # beaten ones add nothing
    ],
)
def test_the_hypervolume_in_closed_form(points: list[tuple[float, float]], expected: float) -> None:
    assert hypervolume(points, 10.0, 20.0) == pytest.approx(expected)


@given(POINTS)
def test_the_hypervolume_is_the_mean_of_the_best_within_each_latency(points: list[tuple[float, float]]) -> None:
    latencies = np.arange(10, 20, 0.25) + 0.125
    best = [max((accuracy for accuracy, ms in points if ms <= latency), default=0.0) for latency in latencies]
    assert hypervolume(points, 10.0, 20.0) == pytest.approx(np.mean(best))


@given(POINTS)
def test_no_other_is_as_good_in_both(points: list[tuple[float, float]]) -> None:
    front = nondominated(points, itself)
    assert front == sorted(set(front), key=lambda point: point[1])
    for accuracy, ms in front:
        assert not [p for p in points if p != (accuracy, ms) and p[0] >= accuracy and p[1] <= ms]
    for accuracy, ms in points:
        assert any(best >= accuracy and least <= ms for best, least in front)


@given(st.integers(0, 60), st.integers(2, 16))
def test_a_thinned_front_keeps_its_ends(size: int, count: int) -> None:
    found = thinned(range(size), count)
    assert found == sorted(set(found))
    assert len(found) == min(size, count)
    assert not size or (found[0], found[-1]) == (0, size - 1)


WAYS = pytest.mark.parametrize("sampler", ["nsga2", "motpe"])


def front_context(open_context: Open, folder: Path, sampler: str, *ports: object) -> Context:
    targets = {"target_ms": 0.8, "targets_ms": (0.8, 1.6)}
    return open_context(
        folder, *ports, evaluator="supernet", sampler=sampler, pareto=True, trials=32, batch=8, **targets
    )


@WAYS
def test_a_front_reaches_from_target_to_target(
    sampler: str, tmp_path: Path, space: SearchSpace, open_context: Open
) -> None:
    ctx = front_context(open_context, tmp_path / "run", sampler)
    front = search_front(ctx, space)
    assert msgspec.json.decode((ctx.folder / "front.json").read_bytes(), type=Front) == front
    assert front.evaluated >= 25
    assert len(front.networks) >= 4
    points = [(network.accuracy, network.measured_ms) for network in front.networks]
    assert nondominated(points, itself) == points
    assert 0.7 <= points[0][1] < 1.0 < 1.4 < points[-1][1] <= 1.8
    for network in front.networks:
        assert read_architecture(ctx.folder / network.file) == network.architecture
    trials = [trial for trial in ctx.journal.all(Trial) if trial.score]
    assert front.hypervolume == pytest.approx(
        hypervolume([(t.score.accuracy, t.predicted_ms) for t in trials if t.score], front.low_ms, front.high_ms)
    )


class Crooked:
    """A clock on which networks of an odd number of blocks are twice as slow as predicted."""

    def __init__(self, inner: Callable[[Architecture], Measurement]) -> None:
        self.inner = inner

    def measure(self, architectures: Sequence[Architecture]) -> list[Measurement]:
        return [
            msgspec.structs.replace(one, nominal_ms=(one.nominal_ms or 0) * (1 + len(blocks_of(arch)) % 2))
            for arch in architectures
            for one in [self.inner(arch)]
        ]


def blocks_of(arch: Architecture) -> list[InvertedResidual]:
    return [inverted(block) for stage in arch.stages for block in stage.blocks]


def test_what_the_clock_finds_beaten_is_not_on_the_front(
    tmp_path: Path, space: SearchSpace, open_context: Open, fake_ships: type
) -> None:
    ctx = front_context(open_context, tmp_path / "run", "nsga2", None, Crooked(fake_ships()._measurement))
    front = search_front(ctx, space)
    points = [(network.accuracy, network.measured_ms) for network in front.networks]
    assert nondominated(points, itself) == points
    kept = {network.architecture for network in front.networks}
    gone = {record.architecture: record.measurement for record in ctx.journal.all(Measured)}.keys() - kept
    assert any(len(blocks_of(arch)) % 2 for arch in gone)
    assert not any(len(blocks_of(arch)) % 2 == 0 for arch in gone)


@WAYS
def test_killed_anywhere_it_ends_as_if_it_had_not_been(
    sampler: str,
    tmp_path: Path,
    space: SearchSpace,
    open_context: Open,
    counting_pool: Callable[[], Callable[[Sequence[Job]], Iterator[Outcome]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = front_context(open_context, tmp_path / "whole", sampler)
    expected = search_front(whole, space)
    looks = len(whole.journal.all(Worked))
    tell = Study.tell
    for survives in (12,) if sampler == "motpe" else (1, 32):
        folder, pools = tmp_path / f"killed-{survives}", [counting_pool(), counting_pool()]
        monkeypatch.setattr(Study, "tell", dying(tell, survives))
        with pytest.raises(Killed):
            search_front(front_context(open_context, folder, sampler, pools[0]), space)
        monkeypatch.setattr(Study, "tell", tell)
        resumed = front_context(open_context, folder, sampler, pools[1])
        assert msgspec.structs.replace(search_front(resumed, space), seconds=expected.seconds) == expected
        assert decisions(resumed) == decisions(whole)
        jobs = [job for pool in pools for job in pool.jobs]  # type: ignore[attr-defined]
        assert len(jobs) == looks, "a finished look was repeated or lost"
        assert len({job.architecture for job in jobs if isinstance(job, EvaluateShared)}) == looks - 4
