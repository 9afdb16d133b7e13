"""A search that begins with pretrained networks, in a world without torch, runtime or clock."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.from_pretrained import PretrainedStart, search_from
from nas.algorithms.pipeline.multi_target import from_targets
from nas.algorithms.pipeline.records import Finished, Step, Trial
from nas.design.known import known
from nas.errors import Unreachable
from nas.jobs import Assemble, Train, TrainPieces
from tests.algorithms.killing import Killed, all_decisions
from tests.algorithms.netadapt.test_netadapt_runs import Workers

Open = Callable[..., Context]
LARGE = known("mobilenet_v3_large", 10)
WAY = {
    "space": None,
    "source": "start",
    "weights": "start",
    "evaluator": "library",
    "target_ms": 2.0,
    "headroom": None,
    "delta": 0.02,
    "mode": "cheap",
    "trials": 12,
    "trial_epochs": 1.0,
    "ending": "inherited",
    "resolutions": (160, 192, 224),
    "resolution": 224,
    "proposals": "all",
}


@pytest.fixture
def start(tmp_path: Path) -> PretrainedStart:
    weights = tmp_path / "start.safetensors"
    weights.write_text("start")
    return PretrainedStart("mobilenet_v3_large", LARGE, weights)


def nothing(folder: Path) -> None:
    """Makes no report."""


def test_a_search_from_weights_ends_within_the_target_and_beside_its_baselines(
    tmp_path: Path, open_context: Open, counting_pool: Any, start: PretrainedStart
) -> None:
    pool = counting_pool()
    ctx = open_context(tmp_path / "run", pool, **WAY)
    result = search_from(ctx, [start])
    assert result.measured_ms <= 2.0
    assert [row.name for row in result.endings] == ["inherited"]
    names = [row.name for row in result.baselines]
    assert len(names) == 2
    assert names[0].startswith("start-")
    assert names[1].startswith("start-x")
    assert len(ctx.journal.all(Trial)) >= 12
    assert {one.architecture.resolution for one in ctx.journal.all(Trial)} == {160, 192, 224}
    # A network learns from the fine-tuned start in all that comes after the library, and nothing begins at random.
    taught = [job for job in pool.jobs if isinstance(job, Train) and job.teacher is not None]
    assert taught
    assert all(job.start is not None for job in pool.jobs if isinstance(job, Train))
    assert len({job.teacher for job in taught}) == 1


def test_the_sum_of_the_scores_and_milliseconds_chooses_the_networks(
    tmp_path: Path, open_context: Open, counting_pool: Any, start: PretrainedStart
) -> None:
    pool = counting_pool()
    ctx = open_context(tmp_path / "run", pool, **WAY)
    search_from(ctx, [start])
    put_together = [job for job in pool.jobs if isinstance(job, Assemble) and not job.keep]
    assert len(put_together) == len({(job.pieces, job.resolution) for job in put_together})
    assert all(one.predicted_ms <= 2.0 for one in ctx.journal.all(Trial))
    assert all(job.architecture.resolution == 192 for job in pool.jobs if isinstance(job, TrainPieces))


def test_parts_to_keep_are_the_same_in_the_network_that_is_found(
    tmp_path: Path, open_context: Open, start: PretrainedStart
) -> None:
    ctx = open_context(tmp_path / "run", **WAY, keep=("stem", "s0", "s1"))
    search_from(ctx, [start])
    [found] = [one for one in ctx.journal.all(Finished) if one.role == "ending"]
    assert found.architecture.stem == LARGE.stem
    assert found.architecture.stages[:2] == LARGE.stages[:2]
    assert found.architecture != replace(LARGE, resolution=found.architecture.resolution)


def test_a_start_whose_blocks_are_all_kept_is_shrunk_without_a_library(
    tmp_path: Path, open_context: Open, start: PretrainedStart
) -> None:
    said: list[str] = []
    stages = tuple(f"s{number}" for number in range(len(LARGE.stages)))
    ctx = open_context(tmp_path / "run", say=said.append, **{**WAY, "target_ms": 4.2, "keep": stages})
    assert search_from(ctx, [start]).measured_ms <= 4.2
    assert "No network of the block library is within the limits." in said
    assert "NetAdapt alone goes on." in said


def test_a_start_within_the_target_is_trained_and_shipped_as_it_is(
    tmp_path: Path, open_context: Open, counting_pool: Any, start: PretrainedStart
) -> None:
    pool = counting_pool()
    ctx = open_context(tmp_path / "run", pool, **{**WAY, "target_ms": 9.0})
    result = search_from(ctx, [start])
    assert not any(isinstance(job, TrainPieces | Assemble) for job in pool.jobs)
    [found] = [one for one in ctx.journal.all(Finished) if one.role == "ending"]
    assert found.architecture == LARGE
    assert result.baselines == ()


def test_a_target_that_no_alternative_reaches_is_refused_before_anything_trains(
    tmp_path: Path, open_context: Open, counting_pool: Any, start: PretrainedStart
) -> None:
    pool = counting_pool()
    with pytest.raises(Unreachable, match=r"No network reaches 0\.001 ms"):
        search_from(open_context(tmp_path / "run", pool, **{**WAY, "target_ms": 0.001}), [start])
    assert pool.jobs == []


def test_of_several_starts_the_better_goes_on(tmp_path: Path, open_context: Open, start: PretrainedStart) -> None:
    said: list[str] = []
    small = PretrainedStart("mobilenet_v3_small", known("mobilenet_v3_small", 10), start.weights)
    ctx = open_context(tmp_path / "run", say=said.append, **{**WAY, "target_ms": 0.9})
    search_from(ctx, [small, start])
    assert "mobilenet_v3_large goes on." in said


def test_a_start_that_cannot_reach_the_target_is_left_out(
    tmp_path: Path, open_context: Open, start: PretrainedStart
) -> None:
    """Without all proposals the large one cannot be shrunk so far; it would win otherwise."""
    said: list[str] = []
    small = PretrainedStart("mobilenet_v3_small", known("mobilenet_v3_small", 10), start.weights)
    way = {**WAY, "proposals": "channels", "target_ms": 0.17, "delta": 0.1}
    search_from(open_context(tmp_path / "run", say=said.append, **way), [start, small])
    assert any(line.startswith("mobilenet_v3_large is left out: No network reaches 0.17 ms") for line in said)
    assert not any("goes on" in line and "large" in line for line in said)


def test_several_targets_share_the_start_and_its_library(
    tmp_path: Path, open_context: Open, counting_pool: Any, start: PretrainedStart
) -> None:
    pool = counting_pool()
    ctx = open_context(tmp_path / "run", pool, **{**WAY, "targets_ms": (1.5, 2.0), "target_ms": 1.5})
    summary = from_targets(ctx, [start], nothing)
    assert [result.target_ms for result in summary.results] == [1.5, 2.0]
    assert all(result.measured_ms <= result.target_ms for result in summary.results)
    pieces = [job for job in pool.jobs if isinstance(job, TrainPieces)]
    assert len(pieces) == len({job.pieces[0].place for job in pieces})


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_anywhere_it_ends_as_if_it_had_not_been(
    workers: int, tmp_path: Path, open_context: Open, fake_ships: Callable[[float], object], start: PretrainedStart
) -> None:
    unbroken, ships = Workers(tmp_path / "whole", workers), fake_ships(1.04)
    whole = search_from(open_context(tmp_path / "whole", unbroken, ships, **WAY), [start])
    jobs, expected = len(unbroken.jobs), all_decisions(tmp_path / "whole")
    assert any(isinstance(job, TrainPieces) for job in unbroken.jobs)
    for survives in range(workers, jobs, math.ceil(jobs / 4)):
        folder = tmp_path / str(survives)
        with pytest.raises(Killed):
            search_from(open_context(folder, Workers(folder, workers, survives), ships, **WAY), [start])
        again = search_from(open_context(folder, Workers(folder, workers), ships, **WAY), [start])
        assert again.endings == whole.endings
        assert again.baselines == whole.baselines
        assert all_decisions(folder) == expected


def test_every_step_is_one_of_the_way_that_goes_on(tmp_path: Path, open_context: Open, start: PretrainedStart) -> None:
    said: list[str] = []
    ctx = open_context(tmp_path / "run", say=said.append, **WAY)
    search_from(ctx, [start])
    [first] = [step for step in ctx.journal.all(Step) if step.step == 0]
    assert f"{first.name} goes on." in said
    assert first.name == "NetAdapt alone" or first.name.startswith("block library at ")


def test_another_target_takes_the_start_and_its_library_from_an_earlier_run(
    tmp_path: Path, open_context: Open, counting_pool: Any, start: PretrainedStart
) -> None:
    first, second, alone = counting_pool(), counting_pool(), counting_pool()
    shelf, lower = tmp_path / "cache" / "shared_weights", {**WAY, "target_ms": 1.8}
    search_from(open_context(tmp_path / "first", first, shelf=shelf, **WAY), [start])
    found = search_from(open_context(tmp_path / "second", second, shelf=shelf, **lower), [start])
    whole = search_from(open_context(tmp_path / "alone", alone, **lower), [start])
    assert any(isinstance(job, TrainPieces) for job in first.jobs)
    assert not any(isinstance(job, TrainPieces) for job in second.jobs)
    assert all(job.teacher is not None for job in second.jobs if isinstance(job, Train))
    assert (found.endings, found.baselines) == (whole.endings, whole.baselines)


def test_a_damaged_piece_of_an_earlier_run_is_passed_over(
    tmp_path: Path, open_context: Open, counting_pool: Any, start: PretrainedStart
) -> None:
    shelf, pool = tmp_path / "cache" / "shared_weights", counting_pool()
    said: list[str] = []
    search_from(open_context(tmp_path / "first", shelf=shelf, **WAY), [start])
    kept = sorted((tmp_path / "cache" / "block_libraries").glob("*.safetensors"))
    kept[0].write_text("damaged")
    kept[1].with_suffix(".json").write_text("{")
    search_from(open_context(tmp_path / "second", pool, shelf=shelf, say=said.append, **WAY), [start])
    assert sum("is passed over" in line for line in said) == 2
    redone = [job for job in pool.jobs if isinstance(job, TrainPieces) or (isinstance(job, Train) and not job.teacher)]
    assert 2 <= len(redone) <= 4


def test_other_data_has_a_library_of_its_own(
    tmp_path: Path, open_context: Open, counting_pool: Any, start: PretrainedStart
) -> None:
    shelf, pool = tmp_path / "cache" / "shared_weights", counting_pool()
    search_from(open_context(tmp_path / "first", shelf=shelf, **WAY), [start])
    search_from(open_context(tmp_path / "second", pool, shelf=shelf, **{**WAY, "data": "photos 1234"}), [start])
    assert any(isinstance(job, TrainPieces) for job in pool.jobs)
