"""Whole runs in a world without torch, runtime or clock."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.pipeline import netadapt, search
from nas.algorithms.pipeline.records import Finished, Measured, Step, Trial, Worked
from nas.algorithms.pipeline.result import choose_shipped
from nas.algorithms.pipeline.result_file import Result
from nas.algorithms.samplers.optuna_study import Study
from nas.algorithms.workers.job_cache import job_key
from nas.design.architecture import Architecture
from nas.design.files import read_architecture
from nas.design.known import known
from nas.design.space import SearchSpace
from nas.errors import Unreachable
from nas.jobs import Adapt, EvaluateShared, Outcome, Score, Share, Train
from nas.latency.timing import Measurement
from tests.algorithms.conftest import FakeShips, learnt
from tests.algorithms.killing import Killed, KillingPool, decisions, dying, kill_after_lines, turning_points

Open = Callable[..., Context]


def test_a_search_ends_within_its_target_with_all_its_files(
    tmp_path: Path, space: SearchSpace, open_context: Open
) -> None:
    ctx = open_context(tmp_path / "run")
    result = search(ctx, space)
    assert result.measured_ms <= result.target_ms
    assert {row.name.split("-")[0] for row in result.baselines} == {"mobilenet_v3_large", "mobilenet_v3_small"}
    assert {row.name for row in result.endings} == {"scratch", "inherited"}
    for row in result.baselines:
        assert row.measured_ms == pytest.approx(result.measured_ms, rel=0.1)
    stored = msgspec.json.decode((ctx.folder / "result.json").read_bytes(), type=Result)
    assert stored == result
    arch = read_architecture(ctx.folder / "architecture.json")
    assert ctx.prices(arch).ms == result.predicted_ms
    for name in ("model.onnx", "weights.safetensors", "estimate.json"):
        assert (ctx.folder / name).exists()


def test_the_seed_is_the_best_complete_trial_within_the_budget(
    tmp_path: Path, space: SearchSpace, open_context: Open
) -> None:
    ctx = open_context(tmp_path / "run")
    search(ctx, space)
    complete = [trial for trial in ctx.journal.all(Trial) if trial.state == "complete"]
    assert all(ctx.settings.target_ms <= trial.predicted_ms <= ctx.budget_ms for trial in complete)
    best = max(complete, key=lambda trial: trial.score.accuracy if trial.score else 0)
    assert ctx.journal.all(Step)[0].architecture == best.architecture
    infeasible = [trial for trial in ctx.journal.all(Trial) if trial.state == "infeasible"]
    for trial in infeasible:
        assert trial.score is None
        assert not ctx.settings.target_ms <= trial.predicted_ms <= ctx.budget_ms


def test_every_step_saves_its_share_and_the_last_meets_the_target(
    tmp_path: Path, space: SearchSpace, open_context: Open, fake_ships: Callable[[float], object]
) -> None:
    ctx = open_context(tmp_path / "run", target_ms=1.0, headroom=2.0, ships=fake_ships(0.9))
    search(ctx, space)
    steps = ctx.journal.all(Step)
    assert len(steps) > 3
    for before, after in itertools.pairwise(steps):
        wanted_ms = min(0.02 * steps[0].predicted_ms, before.predicted_ms - ctx.settings.target_ms)
        assert after.predicted_ms <= before.predicted_ms - wanted_ms + 1e-9
        assert before.predicted_ms > ctx.settings.target_ms
        assert (ctx.folder / "weights" / after.weights).exists()
    assert steps[-1].predicted_ms <= ctx.settings.target_ms


def test_two_runs_decide_the_same(tmp_path: Path, space: SearchSpace, open_context: Open) -> None:
    contexts = [open_context(tmp_path / name) for name in "ab"]
    for ctx in contexts:
        search(ctx, space)
    assert decisions(contexts[0]) == decisions(contexts[1])


def test_another_seed_searches_elsewhere(tmp_path: Path, space: SearchSpace, open_context: Open) -> None:
    contexts = [open_context(tmp_path / str(seed), seed=seed) for seed in (0, 1)]
    for ctx in contexts:
        search(ctx, space)
    first, second = ({trial.architecture for trial in ctx.journal.all(Trial)} for ctx in contexts)
    assert first != second


WAYS = pytest.mark.parametrize(
    "way",
    [{}, {"evaluator": "supernet", "sampler": "predictor", "trials": 32}],
    ids=["each trained, TPE", "shared weights, predictor"],
)


@WAYS
def test_killed_anywhere_a_run_ends_as_if_it_had_not_been(
    way: dict[str, object],
    tmp_path: Path,
    space: SearchSpace,
    open_context: Open,
    counting_pool: Callable[[], Callable[..., Iterator[Outcome]]],
) -> None:
    whole = open_context(tmp_path / "whole", **way)
    search(whole, space)
    jobs = len(whole.journal.all(Worked))
    for survives in range(0, jobs, 9 if way else 5):
        folder = tmp_path / f"killed-{survives}"
        with pytest.raises(Killed):
            search(open_context(folder, KillingPool(counting_pool(), survives), **way), space)
        again = counting_pool()
        resumed = open_context(folder, again, **way)
        search(resumed, space)
        assert decisions(resumed) == decisions(whole), survives
        assert len(again.jobs) == jobs - survives, "a finished job was done twice or lost"  # type: ignore[attr-defined]


def test_killed_between_any_two_kinds_of_journal_lines_nothing_is_lost(
    tmp_path: Path, space: SearchSpace, open_context: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = open_context(tmp_path / "whole", trials=4)
    search(whole, space)
    for survives in turning_points(whole.journal):
        folder = tmp_path / f"killed-{survives}"
        ctx = open_context(folder, trials=4)
        kill_after_lines(monkeypatch, ctx.journal, survives)
        with pytest.raises(Killed):
            search(ctx, space)
        with (folder / "journal.jsonl").open("ab") as file:
            file.write(b'{"type":"trial","key":"torn')
        resumed = open_context(folder, trials=4)
        search(resumed, space)
        assert decisions(resumed) == decisions(whole), survives


@WAYS
@pytest.mark.parametrize("moment", ["ask", "tell"])
def test_killed_between_asks_or_tells_the_study_goes_on_as_it_would_have(
    moment: str,
    way: dict[str, object],
    tmp_path: Path,
    space: SearchSpace,
    open_context: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = open_context(tmp_path / "whole", **way)
    search(whole, space)
    inner = getattr(Study, moment)
    for survives in range(10, 30, 9) if way else range(1, 18, 5):
        folder = tmp_path / f"killed-{survives}"
        monkeypatch.setattr(Study, moment, dying(inner, survives))
        with pytest.raises(Killed):
            search(open_context(folder, **way), space)
        monkeypatch.setattr(Study, moment, inner)
        resumed = open_context(folder, **way)
        search(resumed, space)
        assert decisions(resumed) == decisions(whole), survives


def test_the_best_trials_are_measured_before_one_is_taken(
    tmp_path: Path, space: SearchSpace, open_context: Open
) -> None:
    ctx = open_context(tmp_path / "run")
    search(ctx, space)
    complete = {t.architecture: t.score.accuracy for t in ctx.journal.all(Trial) if t.state == "complete" and t.score}
    ranked = sorted(complete, key=lambda arch: -complete[arch])
    finalists = [record for record in ctx.journal.all(Measured) if record.key.startswith("finalist-")]
    assert [record.architecture for record in finalists] == ranked[:5]


class SlowFirst(FakeShips):
    """The endings of the first network are a fifth slower, at the table's speed too, than that network was before."""

    def __init__(self) -> None:
        super().__init__()
        self.slow: Architecture | None = None

    def time(self, architecture: Architecture, weights: Path, model: Path) -> Measurement:
        found = super().time(architecture, weights, model)
        self.slow = self.slow or architecture
        factor = 1.2 if architecture == self.slow else 1.0
        return replace(found, measured_ms=factor * found.measured_ms, nominal_ms=factor * found.settled_ms)


def test_endings_that_were_too_slow_are_not_trained_again(
    tmp_path: Path, open_context: Open, counting_pool: Callable[..., Any]
) -> None:
    """Killed at any job, after shrinking went on from them too."""

    def world(folder: str, pool: Any, ships: FakeShips) -> Context:
        way = {"command": "netadapt", "target_ms": 3.0, "headroom": 1.0, "mode": "cheap", "delta": 0.05}
        return open_context(tmp_path / folder, pool, ships, **way)

    large, whole = known("mobilenet_v3_large", 10), counting_pool()
    ctx = world("whole", whole, SlowFirst())
    expected = netadapt(ctx, large, None)
    assert len({row.architecture for row in ctx.journal.all(Finished) if row.role == "ending"}) == 2
    for survives in range(len(whole.jobs)):
        ships, pool, again = SlowFirst(), KillingPool(counting_pool(), survives), counting_pool()
        with pytest.raises(Killed):
            netadapt(world(str(survives), pool, ships), large, None)
        assert replace(netadapt(world(str(survives), again, ships), large, None), seconds=0.0) == replace(
            expected, seconds=0.0
        )
        assert len(again.jobs) == len(whole.jobs) - survives


def test_a_baseline_that_is_better_ships(tmp_path: Path, space: SearchSpace, open_context: Open) -> None:
    ctx = open_context(tmp_path / "run")
    search(ctx, space)
    ends = [row for row in ctx.journal.all(Finished) if row.role == "ending"]
    rows = [row for row in ctx.journal.all(Finished) if row.role == "baseline"]
    ends.sort(key=lambda row: -row.validation.accuracy)
    better = replace(rows[0], validation=replace(rows[0].validation, accuracy=1.0))
    slow = replace(better, measurement=replace(better.measurement, measured_ms=99.0))
    assert choose_shipped(ends, [better, *rows], 99.0) == better
    assert choose_shipped(ends, [slow], ctx.settings.target_ms) == ends[0]
    worse = [replace(row, validation=replace(row.validation, accuracy=0.0)) for row in rows]
    assert choose_shipped(ends, worse, 99.0) == ends[0]


def test_finished_networks_have_the_scores_of_their_training_and_of_their_file(
    tmp_path: Path, space: SearchSpace, open_context: Open, fake_ships: Callable[[], FakeShips]
) -> None:
    ships = fake_ships()
    ctx = open_context(tmp_path / "run", None, ships, epochs=3.0, trials=4)
    result = search(ctx, space)
    finished = ctx.journal.all(Finished)
    assert sorted(ships.validated) == sorted(ships.tested) == sorted(row.model for row in finished)
    for row in finished:
        assert row.trained == learnt(row.architecture, 1.0 if row.name == "inherited" else 3.0)
        assert (row.validation, row.test) == (learnt(row.architecture, 9.0), learnt(row.architecture, 10.0))
    rows = {row.name: row for row in finished}
    best = rows[result.ending]
    assert (result.trained_accuracy, result.validation_accuracy, result.accuracy) == (
        best.trained.accuracy, best.validation.accuracy, best.test.accuracy,
    )  # fmt: skip
    for told in (*result.endings, *result.baselines):
        row = rows[told.name]
        assert (told.trained_accuracy, told.validation_accuracy, told.accuracy, told.resolution) == (
            row.trained.accuracy, row.validation.accuracy, row.test.accuracy, row.architecture.resolution,
        )  # fmt: skip


class Spoilt(FakeShips):
    """The exported file of one ending is worse than the network that was trained."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def validate(self, architecture: Architecture, model: Path) -> Score:
        found = super().validate(architecture, model)
        return replace(found, accuracy=found.accuracy / 2) if self.name in model.name else found


@pytest.mark.parametrize(("spoilt", "ships"), [("scratch", "inherited"), ("inherited", "scratch")])
def test_the_ending_whose_file_validates_better_ships_whatever_its_training_said(
    spoilt: str, ships: str, tmp_path: Path, open_context: Open
) -> None:
    ctx = open_context(tmp_path / "run", None, Spoilt(spoilt), command="netadapt", target_ms=3.0, baselines=False)
    assert netadapt(ctx, known("mobilenet_v3_large", 10), None).ending == ships


def test_shared_weights_are_trained_once_and_every_network_looked_at_once(
    tmp_path: Path, space: SearchSpace, open_context: Open, counting_pool: Callable[[], Any]
) -> None:
    pool = counting_pool()
    ctx = open_context(tmp_path / "run", pool, evaluator="supernet", sampler="predictor", trials=40)
    search(ctx, space)
    shares = [job for job in pool.jobs if isinstance(job, Share)]
    assert [(job.first, job.last) for job in shares] == [(0, 0.5), (0.5, 1), (1, 1.5), (1.5, 2)]
    looked = [job.architecture for job in pool.jobs if isinstance(job, EvaluateShared) and not job.keep]
    assert len(looked) == len(set(looked)) >= 30
    assert len(list((ctx.folder / "weights" / "shared").iterdir())) == 1


def test_netadapt_alone_shrinks_the_given_network(tmp_path: Path, open_context: Open) -> None:
    ctx = open_context(tmp_path / "run", command="netadapt", target_ms=3.0, headroom=1.0)
    result = netadapt(ctx, known("mobilenet_v3_large", 10), None)
    assert not ctx.journal.all(Trial)
    assert ctx.journal.all(Step)[0].architecture == known("mobilenet_v3_large", 10)
    assert result.measured_ms <= 3.0


@pytest.mark.parametrize("given", [True, False])
def test_netadapt_trains_its_start_gently_if_weights_were_given(
    given: bool, tmp_path: Path, open_context: Open, counting_pool: Callable[[], Any]
) -> None:
    weights = tmp_path / "given.safetensors"
    weights.write_text("weights")
    source, pool = known("mobilenet_v3_large", 10), counting_pool()
    ctx = open_context(tmp_path / "run", pool, command="netadapt", target_ms=3.0, baselines=False)
    netadapt(ctx, source, weights if given else None)
    seed = [job for job in pool.jobs if isinstance(job, Train) and job.architecture == source]
    assert {job.gentle for job in seed} == {given}
    assert seed[0].start == (weights if given else None)


def test_the_clock_has_the_last_word(
    tmp_path: Path, space: SearchSpace, open_context: Open, fake_ships: Callable[[float], object]
) -> None:
    """A table that predicts 8 % too little leads to further steps until the measurement is within the target."""
    ctx = open_context(tmp_path / "run", ships=fake_ships(1.08))
    result = search(ctx, space)
    assert result.measured_ms <= result.target_ms
    assert result.predicted_ms <= result.target_ms / 1.08
    assert len(ctx.journal.all(Measured)) > 1


def test_an_unreachable_target_ends_before_anything_trains(
    tmp_path: Path, space: SearchSpace, open_context: Open, counting_pool: Callable[[], object]
) -> None:
    pool = counting_pool()
    ctx = open_context(tmp_path / "run", pool, target_ms=0.001)
    with pytest.raises(Unreachable, match="the fastest of the space takes") as caught:
        search(ctx, space)
    assert caught.value.exit_code == 1
    assert "--resolution" in str(caught.value)
    assert not pool.jobs  # type: ignore[attr-defined]


def test_a_target_below_the_space_is_reached_by_netadapt(
    tmp_path: Path, space: SearchSpace, open_context: Open
) -> None:
    fastest = open_context(tmp_path / "probe").prices(space.smallest(classes=10)).ms
    ctx = open_context(tmp_path / "run", target_ms=fastest * 0.9, trials=4)
    assert search(ctx, space).measured_ms <= fastest * 0.9


def test_a_target_above_the_space_is_said_not_to_bind(tmp_path: Path, space: SearchSpace, open_context: Open) -> None:
    said: list[str] = []
    ctx = open_context(tmp_path / "run", target_ms=1000.0, trials=4)
    object.__setattr__(ctx, "say", said.append)
    search(ctx, space)
    assert any("not binding" in line for line in said)


def test_the_reward_lets_slower_networks_train(tmp_path: Path, space: SearchSpace, open_context: Open) -> None:
    ctx = open_context(tmp_path / "run", objective="reward", target_ms=0.8, trials=12)
    search(ctx, space)
    assert not [trial for trial in ctx.journal.all(Trial) if trial.state == "infeasible"]
    assert any(trial.predicted_ms > ctx.budget_ms for trial in ctx.journal.all(Trial))


def test_jobs_are_keyed_by_what_they_depend_on(tmp_path: Path) -> None:
    arch = known("mobilenet_v3_small", 10)
    job = Train(arch, 0, 1, 2, 7, tmp_path / "x")
    elsewhere = msgspec.structs.replace(job, out=Path("other"))
    assert job_key(job) == job_key(elsewhere)
    assert job_key(job) != job_key(msgspec.structs.replace(job, seed=8))
    adapt = Adapt(arch, tmp_path / "w", None, 3, 7, tmp_path)
    assert job_key(adapt) != job_key(msgspec.structs.replace(adapt, weights=tmp_path / "v"))


def test_an_unsteady_clock_is_asked_again_before_more_is_cut(
    tmp_path: Path, open_context: Open, fake_ships: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network is 2 % below the target; the clock says at first that it is no surer of that than 5 %."""
    ships = fake_ships()
    source = known("mobilenet_v3_large", 10)
    steady, asked = ships.measure, list[Architecture]()
    target_ms = steady([source])[0].settled_ms / 0.98

    def unsteady(archs: Sequence[Architecture]) -> list[Measurement]:
        asked.extend(archs)
        floor_ms = 0.05 * target_ms if len(asked) == 1 else 0.001 * target_ms
        return [replace(found, floor_ms=floor_ms) for found in steady(archs)]

    monkeypatch.setattr(ships, "measure", unsteady)
    ctx = open_context(tmp_path / "run", None, ships, command="netadapt", target_ms=target_ms)
    netadapt(ctx, source, None)
    assert [step.architecture for step in ctx.journal.all(Step)] == [source]
    assert asked[:2] == [source, source]
    assert [one.key.split("-")[1] for one in ctx.journal.all(Measured)][:2] == ["0", "0.1"]


@pytest.mark.parametrize("ending", ["scratch", "inherited"])
def test_what_is_not_asked_for_is_not_trained(
    ending: str, tmp_path: Path, open_context: Open, counting_pool: Callable[..., Any]
) -> None:
    """Killed in between too: one ending, no baselines."""
    way = {"command": "netadapt", "target_ms": 3.0, "mode": "cheap", "ending": ending, "baselines": False}
    large, whole, pool = known("mobilenet_v3_large", 10), counting_pool(), counting_pool()
    ctx = open_context(tmp_path / "run", whole, **way)
    result = netadapt(ctx, large, None)
    assert [row.name for row in result.endings] == [result.ending] == [ending]
    assert result.baselines == ()
    found = read_architecture(ctx.folder / "architecture.json")
    trained = [job for job in whole.jobs if isinstance(job, Train) and job.architecture == found]
    assert {job.gentle for job in trained} == {ending == "inherited"}
    for survives in range(0, len(whole.jobs), 5):
        with pytest.raises(Killed):
            netadapt(open_context(tmp_path / str(survives), KillingPool(counting_pool(), survives), **way), large, None)
        again = netadapt(open_context(tmp_path / str(survives), pool, **way), large, None)
        assert replace(again, seconds=0.0) == replace(result, seconds=0.0)
