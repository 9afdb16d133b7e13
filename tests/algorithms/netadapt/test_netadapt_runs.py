"""NetAdapt's two modes as whole descents: what they ask for, and that they cannot be killed."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from nas.algorithms.netadapt.loop import NetAdapt
from nas.algorithms.netadapt.step_strategies import NEVER
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.pipeline import netadapt
from nas.algorithms.pipeline.records import Proposal, Step, Worked
from nas.algorithms.workers.job_cache import JobCache, Results, job_key
from nas.design.architecture import Architecture
from nas.design.cost import macs
from nas.design.edits.edit import Edit, Together, changed, cuts, edited, width_of
from nas.design.graph import lower
from nas.design.known import known
from nas.errors import Diverged
from nas.jobs import Adapt, EvaluateEdits, Job, Outcome, Score, Train
from tests.algorithms.conftest import CountingPool, fake_worker, started
from tests.algorithms.killing import Killed, decisions, kill_after_lines, turning_points

Open = Callable[..., Context]
SMALL = known("mobilenet_v3_small", 10)
MODES = pytest.mark.parametrize("mode", ["reference", "cheap"])
WORKERS = pytest.mark.parametrize("workers", [1, 2])


class Workers:
    """One or two workers who write what they have finished; all are killed after so many jobs.

    Two finish in the other order: when the first job's outcome is asked for, the second's is there already.
    """

    def __init__(self, folder: Path, workers: int, survives: int | None = None) -> None:
        self.results, self.workers, self.left = Results(folder / "weights"), workers, survives
        self.jobs: list[Job] = []

    def __call__(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        for first in range(0, len(jobs), self.workers):
            part = jobs[first : first + self.workers]
            yield from [self._work(job) for job in part[::-1]][::-1]

    def _work(self, job: Job) -> Outcome:
        if self.left == 0:
            raise Killed
        self.left = None if self.left is None else self.left - 1
        self.jobs.append(job)
        outcome = fake_worker(job)
        if self.workers > 1:
            self.results.add(job_key(job), outcome)
        return outcome


def descend(ctx: Context, share: float = 0.8) -> NetAdapt:
    adapted = started(ctx, SMALL)
    adapted.shrink(share * adapted.current.predicted_ms)
    return adapted


def proposals_of(ctx: Context, number: int) -> list[Proposal]:
    return [one for one in ctx.journal.all(Proposal) if one.step == number]


@MODES
@WORKERS
def test_killed_after_any_job_a_descent_ends_as_it_would_have(
    mode: str, workers: int, tmp_path: Path, open_context: Open
) -> None:
    unbroken = Workers(tmp_path / "whole", workers)
    whole = open_context(tmp_path / "whole", unbroken, mode=mode)
    expected = descend(whole, 0.9).steps
    jobs = len(unbroken.jobs)
    for survives in range(0, jobs, 1 if mode == "cheap" else 7):
        folder = tmp_path / str(survives)
        with pytest.raises(Killed):
            descend(open_context(folder, Workers(folder, workers, survives), mode=mode), 0.9)
        again = Workers(folder, workers)
        resumed = open_context(folder, again, mode=mode)
        assert descend(resumed, 0.9).steps == expected
        assert decisions(resumed) == decisions(whole), survives
        # One worker's outcome that was not journalled is lost; of two workers none is.
        assert len(again.jobs) == jobs - survives
        assert all((resumed.work.folder / step.weights).exists() for step in expected)


@MODES
def test_killed_between_any_two_kinds_of_journal_lines_nothing_is_lost(
    mode: str, tmp_path: Path, open_context: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = open_context(tmp_path / "whole", mode=mode)
    descend(whole, 0.9)
    for survives in turning_points(whole.journal):
        ctx = open_context(tmp_path / str(survives), mode=mode)
        kill_after_lines(monkeypatch, ctx.journal, survives)
        with pytest.raises(Killed):
            descend(ctx, 0.9)
        with (ctx.folder / "journal.jsonl").open("ab") as file:
            file.write(b'{"type":"proposal","key":"torn')
        resumed = open_context(ctx.folder, mode=mode)
        descend(resumed, 0.9)
        assert decisions(resumed) == decisions(whole), survives


@MODES
def test_the_best_network_so_far_is_on_the_disk_whenever_a_descent_is_killed(
    mode: str, tmp_path: Path, open_context: Open
) -> None:
    for survives in range(3, 23 if mode == "reference" else 11, 4):
        folder = tmp_path / str(survives)
        with pytest.raises(Killed):
            descend(open_context(folder, Workers(folder, 1, survives), mode=mode), 0.5)
        steps = open_context(folder).journal.all(Step)
        assert all((folder / "weights" / step.weights).exists() for step in steps)


def test_cheap_asks_for_fewer_mini_batches(tmp_path: Path, open_context: Open) -> None:
    def mini_batches(mode: str) -> int:
        pool = CountingPool()
        descend(open_context(tmp_path / mode, pool, mode=mode, steps=16, delta=0.01), 0.7)
        return sum(job.steps for job in pool.jobs if isinstance(job, Adapt))

    assert mini_batches("cheap") < mini_batches("reference") / 5


def test_a_step_of_the_cheap_mode_near_its_goal(tmp_path: Path, open_context: Open) -> None:
    """All are looked at once, repaired; nothing is tuned but what is taken."""
    pool = CountingPool()
    ctx = open_context(tmp_path / "run", pool, mode="cheap", steps=16)
    adapted = descend(ctx, 0.97)
    assert len(adapted.steps) == 2
    screens = [job for job in pool.jobs if isinstance(job, EvaluateEdits)]
    screened = [edit for job in screens for edit in job.edits]
    assert len(screened) == len(set(screened)) == len(proposals_of(ctx, 1)) >= 15
    [tuned] = [job for job in pool.jobs if isinstance(job, Adapt)]
    assert (tuned.edit, tuned.steps) == (adapted.current.edit, 16)
    assert tuned.repair
    assert all(job.repair for job in screens)


def test_the_reference_repairs_nothing(tmp_path: Path, open_context: Open) -> None:
    pool = CountingPool()
    descend(open_context(tmp_path / "run", pool), 0.97)
    assert not any(job.repair for job in pool.jobs if isinstance(job, Adapt))


def convex(job: Job) -> Outcome:
    """Every channel costs more than the one before it, and in some groups more than in others."""

    def seen(arch: Architecture) -> Outcome:
        lost = [1 - width_of(arch, cut) / width_of(SMALL, cut) for cut in cuts(SMALL)]
        loss = 1 + sum((1 + number % 5) * share**2 for number, share in enumerate(lost)) / 100
        return Outcome(Score(0.5, (0.4, 0.6), loss, 50), (loss,) * 50, 0.0)

    if isinstance(job, EvaluateEdits):
        parts = tuple(seen(edited(job.architecture, edit)) for edit in job.edits)
        return replace(seen(job.architecture), edits=parts)
    assert isinstance(job, Adapt)
    job.out.write_text("weights")
    return seen(job.child)


def test_what_cannot_lead_is_not_looked_at_again(
    tmp_path: Path, open_context: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a cut costs no less after others, the same are taken as by looking at all.

    It may cost less where networks are trained between the steps: then all are looked at.
    """

    def steps(folder: str, trained: int = 0) -> tuple[list[Edit | None], int]:
        pool = CountingPool(convex)
        adapted = descend(open_context(tmp_path / folder, pool, mode="cheap", steps=trained, delta=0.01), 0.5)
        looks = sum(len(job.edits) for job in pool.jobs if isinstance(job, EvaluateEdits))
        return [step.edit for step in adapted.steps], looks

    taken, few = steps("lazy")
    with_training = steps("trained", trained=2)
    monkeypatch.setattr("nas.algorithms.netadapt.step_strategies._least", lambda tuning, one: NEVER)
    all_taken, many = steps("all")
    assert taken == all_taken
    assert len(taken) > 5
    assert few < 0.95 * many
    assert with_training == (all_taken, many)


def test_cuts_that_share_no_op_are_made_at_once_and_do_not_go_all_the_way_while_it_is_far(
    tmp_path: Path, open_context: Open
) -> None:
    pool = CountingPool()
    ctx = open_context(tmp_path / "run", pool, mode="cheap", steps=16, delta=0.01)
    steps = descend(ctx, 0.7).steps
    goal_ms, delta_ms, several = 0.7 * steps[0].predicted_ms, 0.01 * steps[0].predicted_ms, 0
    for before, after in itertools.pairwise(steps):
        distance_ms = before.predicted_ms - goal_ms
        if isinstance(after.edit, Together):
            several += 1
            most_ms = distance_ms * 2 / 3 if distance_ms > 4 * delta_ms else distance_ms + delta_ms
            assert before.predicted_ms - after.predicted_ms <= most_ms * 1.01
            touched = [changed(before.architecture, edit) for edit in after.edit.edits]
            assert sum(map(len, touched)) == len(frozenset().union(*touched))
            whole = [job for job in pool.jobs if isinstance(job, Adapt) and job.weights.name == before.weights]
            assert [job.edit for job in whole if job.steps == 16] == [after.edit]
    assert several >= 2
    reference = open_context(tmp_path / "reference", delta=0.01)
    assert len(steps) < len(descend(reference, 0.7).steps)


@MODES
def test_the_last_step_saves_no_more_than_it_must(mode: str, tmp_path: Path, open_context: Open) -> None:
    """Steps of a tenth of the latency, to a goal of 97 % of it: the widest cuts that reach it are proposed."""
    ctx = open_context(tmp_path / "run", mode=mode, delta=0.1)
    seed, last = descend(ctx, 0.97).steps
    goal_ms = 0.97 * seed.predicted_ms
    found = proposals_of(ctx, 1)
    assert len(found) >= 10
    assert last.predicted_ms <= goal_ms
    assert all(0.9 * seed.predicted_ms < one.predicted_ms <= goal_ms for one in found)


def diverging(bad: Callable[[Adapt], bool]) -> Callable[[Job], Outcome]:
    def work(job: Job) -> Outcome:
        if isinstance(job, Adapt) and bad(job):
            return Outcome.refusal("Training diverged: the loss is nan.", 0.0)
        return fake_worker(job)

    return work


@MODES
def test_a_proposal_that_diverges_is_left_out_and_said(mode: str, tmp_path: Path, open_context: Open) -> None:
    first = descend(open_context(tmp_path / "well", mode=mode), 0.97).current
    said: list[str] = []
    pool = CountingPool(diverging(lambda job: job.edit == first.edit))
    ctx = open_context(tmp_path / "ill", pool, say=said.append, mode=mode)
    other = descend(ctx, 0.97).current
    assert other.edit != first.edit
    assert any(line.startswith(f"NetAdapt leaves out {first.name}: Training diverged") for line in said)
    assert any(record.outcome.refused for record in ctx.journal.all(Worked))
    assert all((one.name != first.name) or one.steps == 0 for one in proposals_of(ctx, 1))


def test_where_cuts_made_at_once_diverge_the_best_of_them_is_made(tmp_path: Path, open_context: Open) -> None:
    pool = CountingPool(diverging(lambda job: isinstance(job.edit, Together)))
    steps = descend(open_context(tmp_path / "run", pool, mode="cheap", delta=0.01)).steps
    assert len(steps) > 2
    assert not any(isinstance(step.edit, Together) for step in steps)


@pytest.mark.parametrize(("mode", "control"), [("reference", False), ("reference", True), ("cheap", False)])
def test_where_all_diverge_the_run_ends_with_a_sentence(
    mode: str, control: bool, tmp_path: Path, open_context: Open
) -> None:
    pool = CountingPool(diverging(lambda job: (job.edit is None) == control))
    with pytest.raises(Diverged, match="NetAdapt cannot go on from step 0"):
        descend(open_context(tmp_path / "run", pool, mode=mode))


@MODES
def test_decisions_do_not_depend_on_which_worker_was_quicker(mode: str, tmp_path: Path, open_context: Open) -> None:
    contexts = [
        open_context(tmp_path / str(workers), Workers(tmp_path / str(workers), workers), mode=mode)
        for workers in (1, 2, 3)
    ]
    first, *others = [(descend(ctx).steps, decisions(ctx))[1] for ctx in contexts]
    assert all(other == first for other in others)


def test_the_time_left_is_told_from_the_first_step_on(tmp_path: Path, open_context: Open) -> None:
    said: list[str] = []
    steps = descend(open_context(tmp_path / "run", say=said.append)).steps
    told = [line for line in said if line.startswith("NetAdapt step")]
    assert len(told) == len(steps) - 1
    assert all(" left to " in line for line in told[:-1])
    assert " left" not in told[-1]


def test_a_run_that_goes_on_tells_where_it_is_and_how_its_trainings_come_along(
    tmp_path: Path, open_context: Open
) -> None:
    said: list[str] = []
    netadapt(open_context(tmp_path / "run", say=said.append, target_ms=0.9, command="netadapt"), SMALL, None)
    seed = "Training the network that NetAdapt starts from"
    assert [line.split(", about")[0] for line in said if line.startswith(seed)] == [
        f"{seed}.", f"{seed}: 1 of 3 parts done", f"{seed}: 2 of 3 parts done",
    ]  # fmt: skip
    steps = [line for line in said if line.startswith("NetAdapt step")]
    again: list[str] = []
    netadapt(open_context(tmp_path / "run", say=again.append, target_ms=0.9, command="netadapt"), SMALL, None)
    assert any(line.startswith(f"NetAdapt has done {len(steps)} steps: ") for line in again)
    assert not any(line.startswith("Training") for line in again)


def test_every_step_is_exported_on_request_also_those_made_before(tmp_path: Path, open_context: Open) -> None:
    ctx = open_context(tmp_path / "run")
    steps = descend(ctx).steps
    assert not (ctx.folder / "steps").exists()
    again = open_context(tmp_path / "run", export_steps=True)
    descend(again)
    written = {path.name for path in (ctx.folder / "steps").iterdir()}
    assert written == {f"{n}{suffix}" for n in range(1, len(steps)) for suffix in (".onnx", ".json", ".safetensors")}


def test_a_full_disk_under_the_weights_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    from nas.errors import NasError
    from nas.nets.weights.weights_file import save_weights

    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(NasError, match=r"x\.safetensors: cannot be written \(No space left on device\)"):
        save_weights(tmp_path / "x.safetensors", {})


def test_a_screen_writes_no_weights_and_asks_for_none(tmp_path: Path, open_context: Open) -> None:
    pool: Any = CountingPool()
    ctx = open_context(tmp_path / "run", pool, mode="cheap")
    descend(ctx, 0.97)
    screens = [job for job in pool.jobs if isinstance(job, EvaluateEdits)]
    assert screens
    assert not any(ctx.work.path(job).exists() for job in screens)
    work = JobCache(ctx.work.folder, ctx.journal, pool)
    before = len(pool.jobs)
    assert [outcome.edits for outcome in work.do(screens)] == [fake_worker(job).edits for job in screens]
    assert len(pool.jobs) == before
    assert replace(screens[0], out=Path("x")) != screens[0]


@pytest.mark.parametrize(("keep", "widths"), [((), 13), (("s0",), 5)])
def test_each_layer_without_a_shortcut_is_cut_alone_unless_parts_are_kept_by_name(
    keep: tuple[str, ...], widths: int, tmp_path: Path, open_context: Open
) -> None:
    plain = known("mobilenet_v1-0.5-128", 10)
    pool, way = CountingPool(), {"mode": "cheap", "keep": keep, "baselines": False}
    ctx = open_context(tmp_path / "run", pool, command="netadapt", target_ms=0.6, **way)
    result = netadapt(ctx, plain, None)
    steps = ctx.journal.all(Step)
    assert [len(step.architecture.stages) for step in steps] == [widths] * len(steps)
    assert macs(lower(steps[0].architecture)) == macs(lower(plain))
    assert result.measured_ms <= 0.6
    trained = [job for job in pool.jobs if isinstance(job, Train)]
    assert trained[0].architecture == plain, "weights that were given have the names of the whole stages"
