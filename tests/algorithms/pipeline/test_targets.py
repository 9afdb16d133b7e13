"""Several targets from one run, in a world without torch, runtime or clock."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.multi_target import search_targets
from nas.algorithms.pipeline.pipeline import search
from nas.algorithms.pipeline.result_file import Result, Summary
from nas.design.space import SearchSpace
from nas.errors import Unreachable
from nas.jobs import EvaluateShared, Share
from tests.algorithms.killing import Killed, KillingPool, all_decisions

Open = Callable[..., Context]
TARGETS = (1.0, 1.2)
WAYS = pytest.mark.parametrize(
    "way",
    [{"trials": 6, "headroom": 1.3}, {"evaluator": "supernet", "sampler": "predictor", "trials": 22}],
    ids=["each trained, TPE", "shared weights, predictor"],
)


@pytest.fixture
def open_targets(open_context: Open) -> Open:
    def call(folder: Path, pool: object = None, **changes: object) -> Context:
        return open_context(folder, pool, **{"targets_ms": TARGETS, "target_ms": TARGETS[0], **changes})

    return call


def nothing(folder: Path) -> None:
    """Makes no report."""


def test_each_target_has_its_own_result_and_the_run_a_summary(
    tmp_path: Path, space: SearchSpace, open_targets: Open
) -> None:
    told: list[str] = []
    summary = search_targets(open_targets(tmp_path / "run"), space, lambda folder: told.append(folder.name))
    assert told == ["1ms", "1.2ms"]
    assert [result.target_ms for result in summary.results] == list(TARGETS)
    assert msgspec.json.decode((tmp_path / "run" / "result.json").read_bytes(), type=Summary) == summary
    for name, result in zip(told, summary.results, strict=True):
        folder = tmp_path / "run" / name
        assert result.measured_ms <= result.target_ms
        assert msgspec.json.decode((folder / "result.json").read_bytes(), type=Result) == result
        for file in ("model.onnx", "weights.safetensors", "architecture.json", "settings.json", "estimate.json"):
            assert (folder / file).exists()


def test_one_training_of_shared_weights_serves_all_targets(
    tmp_path: Path, space: SearchSpace, open_targets: Open, counting_pool: Callable[[], Any]
) -> None:
    pool = counting_pool()
    way = {"evaluator": "supernet", "sampler": "predictor", "trials": 22}
    search_targets(open_targets(tmp_path / "run", pool, **way), space, nothing)
    assert sum(isinstance(job, Share) for job in pool.jobs) == 4
    looks = [job for job in pool.jobs if isinstance(job, EvaluateShared)]
    assert len({job.weights for job in looks}) == 1
    looked = [job.architecture for job in looks if not job.keep]
    assert len(looked) == len(set(looked))


def test_what_one_target_trained_is_not_trained_for_another_and_changes_nothing(
    tmp_path: Path, space: SearchSpace, open_context: Open, open_targets: Open, counting_pool: Callable[[], Any]
) -> None:
    """Overlapping bands, and a seed of the study that proposes the same networks first."""
    pool, alone = counting_pool(), counting_pool()
    way = {"trials": 6, "headroom": 1.5}
    both = search_targets(open_targets(tmp_path / "both", pool, **way), space, nothing)
    single = [search(open_context(tmp_path / str(target), alone, target_ms=target, **way), space) for target in TARGETS]
    assert [msgspec.structs.replace(r, seconds=0.0) for r in both.results] == [
        msgspec.structs.replace(r, seconds=0.0) for r in single
    ]
    assert len(pool.jobs) < len(alone.jobs)


def test_targets_out_of_reach_are_named_and_the_others_done(
    tmp_path: Path, space: SearchSpace, open_targets: Open
) -> None:
    summary = search_targets(open_targets(tmp_path / "run", targets_ms=(0.001, 1.0)), space, nothing)
    assert [result.target_ms for result in summary.results] == [1.0]
    [missed] = summary.missed
    assert missed.target_ms == 0.001
    assert "No network reaches 0.001 ms" in missed.reason


def test_where_no_target_can_be_met_nothing_trains(
    tmp_path: Path, space: SearchSpace, open_targets: Open, counting_pool: Callable[[], Any]
) -> None:
    pool = counting_pool()
    with pytest.raises(Unreachable, match=r"reaches 0\.001 ms.*reaches 0\.002 ms"):
        search_targets(open_targets(tmp_path / "run", pool, targets_ms=(0.001, 0.002)), space, nothing)
    assert not pool.jobs


@WAYS
def test_killed_anywhere_a_run_ends_as_if_it_had_not_been(
    way: dict[str, object],
    tmp_path: Path,
    space: SearchSpace,
    open_targets: Open,
    counting_pool: Callable[[], Any],
) -> None:
    pool = counting_pool()
    whole = search_targets(open_targets(tmp_path / "whole", pool, **way), space, nothing)
    jobs = len(pool.jobs)
    for survives in (1, jobs // 2, jobs - 2):
        folder = tmp_path / f"killed-{survives}"
        with pytest.raises(Killed):
            search_targets(open_targets(folder, KillingPool(counting_pool(), survives), **way), space, nothing)
        again = counting_pool()
        resumed = search_targets(open_targets(folder, again, **way), space, nothing)
        assert all_decisions(folder) == all_decisions(tmp_path / "whole"), survives
        assert len(again.jobs) == jobs - survives, "a finished job was done twice or lost"
        assert [r.accuracy for r in resumed.results] == [r.accuracy for r in whole.results]
