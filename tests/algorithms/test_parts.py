"""The parts of a search: journal, study, NetAdapt's choices, run folder, intervals, pool."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nas.algorithms.block_search.bands import band
from nas.algorithms.block_search.latency_band import spread_draws
from nas.algorithms.netadapt.loop import saving
from nas.algorithms.netadapt.paired_interval import paired_ci95
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.journal import Journal
from nas.algorithms.pipeline.records import Spent
from nas.algorithms.pipeline.run_folder import open_run
from nas.algorithms.samplers.optuna_study import Study
from nas.design.cost import macs
from nas.design.graph import lower
from nas.design.space import SearchSpace
from nas.errors import InvalidRun

Open = Callable[..., Context]


def test_a_torn_line_is_cut_back_and_the_rest_kept(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path).add(Spent("a", 1.0))
    with path.open("ab") as file:
        file.write(b'{"type":"spent","key":"b"')
    journal = Journal(path)
    journal.add(Spent("c", 2.0))
    assert [record.key for record in Journal(path).records] == ["a", "c"]


def test_a_known_key_is_not_written_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.add(Spent("a", 1.0))
    journal.add(Spent("a", 9.0))
    assert journal.find(Spent, "a") == Spent("a", 1.0)
    assert len((tmp_path / "journal.jsonl").read_text().splitlines()) == 1


def test_peaks_mb_keeps_the_most_of_every_stage_over_restarts(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    readings = iter([50, 900, 1200, 700, 300])
    journal = Journal(path, lambda: next(readings))
    journal.enter("latency table")  # what was held before is of no stage
    journal.tick()
    journal.enter("NetAdapt")
    journal.tick()
    again = Journal(path, lambda: next(readings))
    assert again.peaks_mb() == {"latency table": 1200, "NetAdapt": 700}
    again.enter("NetAdapt")
    Journal(path).tick()
    assert Journal(path).peaks_mb() == {"latency table": 1200, "NetAdapt": 700}


def test_a_peak_that_a_target_takes_counts_for_the_run_as_well(tmp_path: Path) -> None:
    readings = iter([0, 900, 100, 0, 200])
    journal = Journal(tmp_path / "journal.jsonl", lambda: next(readings))
    journal.enter("5ms")
    part = Journal(tmp_path / "5ms.jsonl", journal.lend_peak_mb)
    part.stage = "NetAdapt"
    part.tick()
    journal.tick()
    assert part.peaks_mb() == {"NetAdapt": 900}
    assert journal.peaks_mb() == {"5ms": 900}
    journal.tick()
    assert [record.peak_mb for record in journal.all(Spent)] == [900, None]


@pytest.mark.parametrize("bad", [b"nonsense\n", b'{"type":"other"}\n', b'{"type":"spent","key":1}\n', b"\xff\n"])
def test_a_damaged_line_is_named(bad: bytes, tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path).add(Spent("a", 1.0))
    with path.open("ab") as file:
        file.write(bad)
    with pytest.raises(InvalidRun, match="line 2"):
        Journal(path)


def open_study(path: Path, space: SearchSpace) -> Study:
    return Study(path, space, 224, 10, seed=0, startup=4)


def test_a_killed_ask_is_asked_again(tmp_path: Path, space: SearchSpace) -> None:
    path = tmp_path / "study.journal"
    killed = [open_study(path, space).ask().architecture]  # never told: the process died
    with path.open("ab") as file:
        file.write(b'{"op_code": 5, "worker')
    Path(f"{path}.lock").symlink_to("a process that is gone")
    study = open_study(path, space)
    assert study.waiting()
    assert study.ask().architecture == killed[0]
    assert not study.waiting()
    assert study.told() == 0


def test_resumed_and_unbroken_studies_ask_the_same(tmp_path: Path, space: SearchSpace) -> None:
    def told(study: Study, count: int) -> list[int]:
        found = []
        for _ in range(count):
            candidate = study.ask()
            candidate.constrain(-1.0)
            found.append(macs(lower(candidate.architecture)))
            study.tell(candidate, found[-1] / 1e9)
        return found

    unbroken = told(open_study(tmp_path / "a", space), 12)
    broken = told(open_study(tmp_path / "b", space), 5) + told(open_study(tmp_path / "b", space), 7)
    assert broken == unbroken
    assert len(set(unbroken)) > 6


def test_the_study_is_an_ordinary_one(tmp_path: Path, space: SearchSpace) -> None:
    import optuna
    from optuna.storages.journal import JournalFileBackend

    study = open_study(tmp_path / "study.journal", space)
    good, bad = study.ask(), study.ask()
    good.constrain(-0.5)
    bad.constrain(2.0)
    study.tell(good, 0.8)
    study.tell(bad, None)
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(tmp_path / "study.journal")))
    loaded = optuna.load_study(study_name="nas", storage=storage)
    assert loaded.best_value == 0.8
    assert [trial.state.name for trial in loaded.trials] == ["COMPLETE", "PRUNED"]
    assert [trial.constraints for trial in loaded.trials] == [{"latency": -0.5}, {"latency": 2.0}]


@pytest.mark.parametrize(("distance", "expected"), [(0.5, 1.0), (2.0, 1.0), (3.0, 1.5), (4.0, 2.0), (50.0, 2.0)])
def test_a_step_saves_delta_and_up_to_twice_that_far_from_the_goal(distance: float, expected: float) -> None:
    assert saving(distance, 1.0) == expected


def test_paired_interval_in_closed_form() -> None:
    mean, (low, high) = paired_ci95([1.0, 2.0, 3.0, 6.0], [1.0, 1.0, 1.0, 1.0])
    half = 1.96 * np.std([0, 1, 2, 5], ddof=1) / 2
    assert mean == 2.0
    assert (low, high) == pytest.approx((2 - half, 2 + half))


def test_draws_reach_from_the_cheap_to_the_dear_end(space: SearchSpace) -> None:
    found = sorted(macs(lower(arch)) for _, arch in spread_draws(space, 0, 224, 10))
    uniform_like = macs(lower(space.smallest(classes=10))), macs(lower(space.largest(classes=10)))
    assert found[10] < 1.5 * uniform_like[0]
    assert found[-10] > 0.6 * uniform_like[1]
    for choices, arch in spread_draws(space, 0, 224, 10)[:20]:
        assert space.draw(lambda name, _, c=choices: c[name], 224, 10) == arch  # type: ignore[misc]


def test_the_band_reaches_from_the_target_to_the_budget() -> None:
    times = [k / 10 for k in range(10, 300)]
    assert band(15.0, 16.2, times) == (15.0, 16.2)
    assert band(15.0, 15.0, times) == pytest.approx((13.95, 15.0))


def test_outside_of_the_space_the_nearest_networks_are_the_band() -> None:
    times = [k / 10 for k in range(100, 300)]
    assert band(5.0, 5.4, times) == (10.0, 10.3)
    assert band(50.0, 54.0, times) == (29.6, 54.0)


def test_one_process_at_a_time(tmp_path: Path, open_context: Open) -> None:
    settings = open_context(tmp_path / "other").settings
    with (
        open_run(tmp_path / "run", settings, fresh=False),
        pytest.raises(InvalidRun, match="another process"),
        open_run(tmp_path / "run", settings, fresh=False),
    ):
        pass


def test_fresh_deletes_what_a_run_made(tmp_path: Path, open_context: Open) -> None:
    settings = open_context(tmp_path / "other").settings
    with open_run(tmp_path / "run", settings, fresh=False) as folder:
        (folder / "weights").mkdir()
        (folder / "journal.jsonl").write_text("{}")
    with open_run(tmp_path / "run", settings, fresh=True) as folder:
        assert not (folder / "weights").exists()
        assert not (folder / "journal.jsonl").exists()
