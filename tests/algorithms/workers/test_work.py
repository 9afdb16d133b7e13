"""Jobs are done once, whoever was killed in between."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nas.algorithms.pipeline.journal import Journal
from nas.algorithms.pipeline.records import Worked
from nas.algorithms.workers.job_cache import JobCache, Results, job_key, writes
from nas.errors import InvalidRun
from nas.jobs import Job, Outcome, sources
from tests.algorithms.side_worker import judge, outcome, train


class Pool:
    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def __call__(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        for job in jobs:
            self.jobs.append(job)
            if writes(job, outcome(job)):
                job.out.write_text("weights")
            yield outcome(job)


def open_work(folder: Path) -> tuple[JobCache, Pool]:
    pool = Pool()
    return JobCache(folder / "weights", Journal(folder / "journal.jsonl"), pool), pool


@pytest.mark.parametrize("left", [(), (0,), (1, 3), (0, 1, 2, 3)])
def test_finished_outcomes_are_taken_from_their_files_in_the_order_of_the_jobs(
    left: tuple[int, ...], tmp_path: Path
) -> None:
    jobs = [train(seed, tmp_path) for seed in range(4)]
    work, pool = open_work(tmp_path)
    for number in left:
        work.results.add(job_key(jobs[number]), outcome(jobs[number]))
    assert work.do(jobs) == [outcome(job) for job in jobs]
    assert [job_key(job) for job in pool.jobs] == [job_key(job) for n, job in enumerate(jobs) if n not in left]
    assert [worked.key for worked in work.journal.all(Worked)] == [job_key(job) for job in jobs]
    assert not list(work.results.folder.glob("*"))
    assert open_work(tmp_path)[0].do(jobs) == [outcome(job) for job in jobs]


def test_where_weights_are_needed_an_outcome_alone_is_not_enough(tmp_path: Path) -> None:
    work, pool = open_work(tmp_path)
    job = train(0, tmp_path)
    work.results.add(job_key(job), outcome(job))
    assert work.one(job)[1].read_text() == "weights"
    assert len(pool.jobs) == 1
    look = judge(tmp_path, work.path(job))
    work.results.add(job_key(look), outcome(look))
    work.do([look], need_weights=True)
    assert len(pool.jobs) == 1


def test_a_job_that_was_refused_is_done_though_it_left_no_weights(tmp_path: Path) -> None:
    asked: list[Job] = []

    def pool(jobs: Sequence[Job]) -> Iterator[Outcome]:
        asked.extend(jobs)
        return (Outcome.refusal("It diverged.", 1.0) for _ in jobs)

    for _ in range(2):
        work = JobCache(tmp_path / "weights", Journal(tmp_path / "journal.jsonl"), pool)
        assert work.one(train(0, tmp_path))[0].refused
    assert len(asked) == 1


@pytest.mark.parametrize("content", [b"", b'{"type":"job","key":"', b'{"type":"trial"}', b"\xff\xfe"])
def test_a_damaged_outcome_counts_for_nothing(content: bytes, tmp_path: Path) -> None:
    work, pool = open_work(tmp_path)
    job = train(0, tmp_path)
    work.results.add(job_key(job), outcome(job))
    [path] = work.results.folder.iterdir()
    path.write_bytes(content)
    assert work.do([job]) == [outcome(job)]
    assert len(pool.jobs) == 1


def test_an_outcome_is_of_the_job_that_its_name_says(tmp_path: Path) -> None:
    results, jobs = Results(tmp_path), [train(seed, tmp_path) for seed in range(2)]
    results.add(job_key(jobs[0]), outcome(jobs[0]))
    [path] = results.folder.iterdir()
    path.rename(path.with_name(f"{job_key(jobs[1])}.json"))
    assert results.find(job_key(jobs[1])) is None


def test_missing_weights_of_a_start_are_an_error_that_names_them(tmp_path: Path) -> None:
    work, _ = open_work(tmp_path)
    with pytest.raises(InvalidRun, match=r"gone\.safetensors: these weights of the run are gone"):
        work.do([train(0, tmp_path, tmp_path / "gone.safetensors")])


@given(st.text("abc/", max_size=8), st.text("abc/", max_size=8))
def test_a_key_depends_on_names_and_not_on_folders(one: str, other: str) -> None:
    job = train(0, Path("/somewhere"), Path("/weights/start.safetensors"))
    moved = replace(job, out=Path("/") / one, start=Path("/") / other / "start.safetensors")
    assert job_key(moved) == job_key(job)
    assert sources(moved) == {"start": moved.start}
    assert job_key(replace(job, start=Path("/weights/another.safetensors"))) != job_key(job)
    assert job_key(replace(job, seed=1)) != job_key(job)


def test_what_another_version_computed_is_not_mixed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    job = train(0, Path("/somewhere"))
    before = job_key(job)
    monkeypatch.setattr("nas.algorithms.workers.job_cache.__version__", "99.0")
    assert job_key(job) != before
