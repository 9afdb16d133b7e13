"""Whole runs over spaces of detectors and segmenters, and from such a network, in a world without torch or clock."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nas.algorithms.block_search.latency_band import spread_draws
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.pipeline import netadapt, search
from nas.algorithms.pipeline.records import Finished, Step, Trial
from nas.design.architecture import Architecture
from nas.design.known import known
from nas.design.space import load_space
from tests.algorithms.conftest import FakePrices

Open = Callable[..., Context]
WAYS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("ssdlite_mobilenet_v3_small", {"evaluator": "train", "sampler": "tpe"}),
    ("lraspp_mobilenet_v3_small", {"evaluator": "supernet", "sampler": "predictor", "trials": 25}),
)


def middle(draws: list[tuple[dict[str, Any], Architecture]]) -> float:
    times = sorted(FakePrices()(arch).ms for _, arch in draws)
    return times[len(times) // 3]


def networks(ctx: Context) -> list[Architecture]:
    """Every step of NetAdapt, and all that was trained to the end."""
    steps = [step.architecture for step in ctx.journal.all(Step)]
    return [*steps, *(row.architecture for row in ctx.journal.all(Finished))]


@pytest.mark.parametrize(("name", "way"), WAYS, ids=[name for name, _ in WAYS])
def test_a_search_over_a_space_with_a_head_ends_with_networks_of_its_task(
    name: str, way: dict[str, Any], tmp_path: Path, open_context: Open
) -> None:
    space = load_space(name)
    target_ms = middle(spread_draws(space, 0, 96, 10))
    ctx = open_context(tmp_path / "run", resolution=96, target_ms=target_ms, proposals="all", mode="cheap", **way)
    result = search(ctx, space)
    assert result.measured_ms <= target_ms
    kind = name.split("_")[0]
    assert {row.name.split("-")[0] for row in result.baselines} == {
        f"{kind}_mobilenet_v3_large", f"{kind}_mobilenet_v3_small",
    }  # fmt: skip
    trials = [trial.architecture for trial in ctx.journal.all(Trial)]
    assert {(arch.task, arch.classes) for arch in (*trials, *networks(ctx))} == {(space.task, 10)}


@pytest.mark.parametrize("name", ["ssdlite_mobilenet_v2-0.5-96", "raspp_mobilenet_v3_large-0.5-96x128"])
def test_netadapt_from_a_dense_network_ends_with_one_of_its_task(name: str, tmp_path: Path, open_context: Open) -> None:
    start = known(name, 10)
    target_ms = 0.6 * FakePrices()(start).ms
    ctx = open_context(
        tmp_path / "run", command="netadapt", target_ms=target_ms, auto_resolution=True, mode="cheap", delta=0.05
    )
    result = netadapt(ctx, start, None)
    assert result.measured_ms <= target_ms
    assert {arch.task for arch in networks(ctx)} == {start.task}
