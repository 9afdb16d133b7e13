"""A search that chooses the resolution as well."""

from collections.abc import Callable
from pathlib import Path

import pytest

from nas.algorithms.pipeline.context import Context, EvaluatorName
from nas.algorithms.pipeline.pipeline import search
from nas.algorithms.pipeline.records import Finished, Trial
from nas.design.space import SearchSpace

SIDES = (64, 96, 128)


@pytest.mark.parametrize("evaluator", ["train", "supernet"])
def test_networks_keep_their_resolution_and_baselines_have_the_largest(
    evaluator: EvaluatorName, tmp_path: Path, space: SearchSpace, open_context: Callable[..., Context]
) -> None:
    ctx = open_context(tmp_path / "run", resolution=128, evaluator=evaluator, trials=8)
    result = search(ctx, space.at(*SIDES))
    assert {trial.architecture.resolution for trial in ctx.journal.all(Trial)} == set(SIDES)
    finished = {one.role: one.architecture.resolution for one in ctx.journal.all(Finished)}
    assert finished["baseline"] == 128
    assert finished["ending"] in SIDES
    assert result.resolution == (128 if result.ending.startswith("mobilenet") else finished["ending"])
    assert {row.resolution for row in result.baselines} == {128}
    assert {row.resolution for row in result.endings} == {finished["ending"]}
    assert result.measured_ms <= result.target_ms
