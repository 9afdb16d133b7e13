"""The block search by itself: where it begins, in what batches, and by what it ranks."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nas.algorithms.block_search.block_search import BlockSearch
from nas.algorithms.block_search.latency_band import survey
from nas.algorithms.block_search.warm_start import by_hand
from nas.algorithms.evaluators.by_parameters import ByParameters
from nas.algorithms.evaluators.evaluators import ByTraining, Evaluator
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.records import Trial, TrialRound
from nas.algorithms.samplers.optuna_study import Study
from nas.design.architecture import Architecture
from nas.design.cost import params
from nas.design.graph import lower
from nas.design.space import SearchSpace
from nas.interfaces import LatencyModel
from nas.latency.timing import Estimate
from tests.algorithms.killing import Killed, dying

Open = Callable[..., Context]


def searched(ctx: Context, space: SearchSpace, evaluator: Evaluator | None = None) -> BlockSearch:
    blocks = BlockSearch(ctx, space, evaluator or ByTraining(ctx), survey(ctx, space))
    blocks.run()
    return blocks


def test_what_one_would_do_by_hand_comes_first(tmp_path: Path, space: SearchSpace, open_context: Open) -> None:
    ctx = open_context(tmp_path / "run", trials=4)
    blocks = searched(ctx, space)
    [choices] = by_hand(space, 10, lambda arch: ctx.prices(arch).ms, blocks.bands.by_resolution)
    first = ctx.journal.all(Trial)[0]
    assert first.architecture == space.draw(lambda name, _: choices[name], 224, 10)
    assert first.state == "complete"


@pytest.mark.parametrize(("batch", "trials"), [(1, 3), (4, 10), (16, 24)])
def test_a_batch_is_a_setting_and_no_more_is_scored_than_asked_for(
    batch: int, trials: int, tmp_path: Path, space: SearchSpace, open_context: Open
) -> None:
    ctx = open_context(tmp_path / "run", trials=trials, batch=batch)
    searched(ctx, space)
    found = ctx.journal.all(Trial)
    sizes = [
        sum(trial.value is not None for trial in found[batch.first : batch.first + batch.size])
        for batch in ctx.journal.all(TrialRound)
    ]
    assert sizes == [batch] * (trials // batch) + [trials % batch] * (trials % batch > 0)


def test_parameters_are_a_value_and_no_accuracy(
    tmp_path: Path, space: SearchSpace, open_context: Open, counting_pool: type
) -> None:
    pool = counting_pool()
    ctx = open_context(tmp_path / "run", pool, trials=40, sampler="predictor")
    blocks = searched(ctx, space, ByParameters())
    low, high = blocks.bands.by_resolution[224]
    trials = [trial for trial in ctx.journal.all(Trial) if trial.value is not None]
    assert not pool.jobs
    assert all(trial.score is None and trial.value == trial.params for trial in trials)
    best = blocks.finalists(5)
    assert [trial.params for trial in best] == sorted(
        {t.architecture: t.params for t in trials}.values(), reverse=True
    )[:5]
    random = [one.architecture for one in survey(ctx, space) if low <= one.predicted_ms <= high]
    assert best[0].params > max(params(lower(arch)) for arch in random)


@pytest.mark.parametrize(("exponent", "slower"), [(-0.001, True), (-3.0, False)])
def test_the_reward_weighs_latency_by_its_exponent(
    exponent: float, slower: bool, tmp_path: Path, space: SearchSpace, open_context: Open
) -> None:
    ctx = open_context(tmp_path / "run", objective="reward", reward_exponent=exponent, trials=16)
    best = searched(ctx, space, ByParameters()).finalists(1)[0]
    times = [trial.predicted_ms for trial in ctx.journal.all(Trial)]
    assert (best.predicted_ms > sorted(times)[len(times) // 2]) == slower


class Lacking:
    """Prices whose table has no network with a stem of 32."""

    def __init__(self, inner: LatencyModel) -> None:
        self.inner = inner

    def __call__(self, architecture: Architecture) -> Estimate:
        return self.inner(architecture)

    def ensure(self, architectures: object) -> None: ...

    def known(self, architecture: Architecture) -> Estimate | None:
        return None if architecture.stem.width == 32 else self.inner(architecture)


def test_what_the_table_lacks_is_not_proposed(tmp_path: Path, space: SearchSpace, open_context: Open) -> None:
    ctx = open_context(tmp_path / "run", trials=40, sampler="predictor")
    searched(replace(ctx, prices=Lacking(ctx.prices)), space, ByParameters())
    proposed = [trial.architecture for trial in ctx.journal.all(Trial)][20:]
    assert len(proposed) >= 20
    assert not [arch for arch in proposed if arch.stem.width == 32]


@pytest.mark.parametrize("survives", [3, 24])
def test_killed_in_the_middle_of_a_batch_it_goes_on_with_the_same(
    survives: int, tmp_path: Path, space: SearchSpace, open_context: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"trials": 40, "batch": 16, "sampler": "predictor"}
    whole = open_context(tmp_path / "whole", **asked)
    searched(whole, space, ByParameters())
    tell = Study.tell
    monkeypatch.setattr(Study, "tell", dying(tell, survives))
    with pytest.raises(Killed):
        searched(open_context(tmp_path / "killed", **asked), space, ByParameters())
    monkeypatch.setattr(Study, "tell", tell)
    resumed = open_context(tmp_path / "killed", **asked)
    searched(resumed, space, ByParameters())
    assert resumed.journal.all(Trial) == whole.journal.all(Trial)
    assert resumed.journal.all(TrialRound) == whole.journal.all(TrialRound)
