"""Baselines beside budgets: as wide as those allow, left out, or not shipped."""

from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from nas.algorithms.budgets import budgets_of, within
from nas.algorithms.finish.final_training import baselines, matching_width
from nas.algorithms.finish.start_baseline import start_baseline
from nas.algorithms.finish.width_baseline import width_baseline
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.records import Resized
from nas.algorithms.pipeline.result import choose_shipped
from nas.design.known import known
from nas.design.size import shorter_side
from nas.jobs import Score, Teacher
from tests.algorithms.block_search.test_budgets import EACH_BUDGET, LARGE, SMALL, excesses, limit

Open = Callable[..., Context]


@EACH_BUDGET
def test_baselines_are_as_wide_as_a_limit_allows(name: str, tmp_path: Path, open_context: Open) -> None:
    free = baselines(open_context(tmp_path / "free", target_ms=9.0), SMALL)
    ctx = open_context(tmp_path / "run", target_ms=9.0, limits=limit(name, SMALL, 0.5))
    bound = baselines(ctx, SMALL)
    assert len(free) == len(bound) == 2
    assert max(excesses(ctx, [row.architecture for row in free])) > 0
    assert max(excesses(ctx, [row.architecture for row in bound])) <= 0
    wider = matching_width(ctx, "again", lambda width: known(f"mobilenet_v3_small-{width:.2f}", 10), [0.3, 0.6], SMALL)
    assert wider == max(width for width in (0.3, 0.6) if within(known(f"mobilenet_v3_small-{width}", 10), ctx.budgets))


def test_baselines_that_no_width_or_resolution_brings_within_a_limit_are_left_out(
    tmp_path: Path, open_context: Open
) -> None:
    said: list[str] = []
    ctx = open_context(tmp_path / "run", target_ms=9.0, limits={"parameters": 1000}, say=said.append)
    weights = ctx.work.folder / "start.safetensors"
    weights.write_text("start")
    assert baselines(ctx, SMALL) == []
    assert width_baseline(ctx, Teacher(LARGE, weights), SMALL) == []
    assert start_baseline(ctx, LARGE, weights) == []
    assert [line.split(" is left out")[0] for line in said if "left out" in line] == [
        "The baseline mobilenet_v3_large",
        "The baseline mobilenet_v3_small",
        "The baseline start with a width multiplier",
    ]


def test_start_baseline_is_at_a_resolution_within_the_limit(tmp_path: Path, open_context: Open) -> None:
    ctx = open_context(tmp_path / "run", target_ms=9.0, limits=limit("macs", LARGE, 0.5))
    weights = ctx.work.folder / "start.safetensors"
    weights.write_text("start")
    [found] = start_baseline(ctx, LARGE, weights)
    assert shorter_side(found.architecture.resolution) < 224
    assert within(found.architecture, ctx.budgets)
    assert ctx.journal.all(Resized)[0].resolution == found.architecture.resolution


def test_a_baseline_above_a_limit_does_not_ship(tmp_path: Path, open_context: Open) -> None:
    rows = baselines(open_context(tmp_path / "run", target_ms=9.0), SMALL)
    worse = replace(rows[0], role="ending", validation=Score(0.1, (0.0, 0.2), 9.0, 50))
    best = max(rows, key=lambda row: row.validation.accuracy)
    assert choose_shipped([worse], rows, 9.0) == best
    assert choose_shipped([worse], rows, 9.0, budgets_of(limit("parameters", best.architecture))) == best
    assert choose_shipped([worse], rows, 9.0, budgets_of({"parameters": 1000})) == worse
