"""Several targets from one descent of NetAdapt, in a world without torch, runtime or clock."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.journal import Journal
from nas.algorithms.pipeline.multi_target import netadapt_targets
from nas.algorithms.pipeline.pipeline import netadapt
from nas.algorithms.pipeline.records import Step
from nas.algorithms.pipeline.result_file import Result, Summary
from nas.design.known import known
from nas.errors import Unreachable
from nas.jobs import Adapt
from tests.algorithms.killing import Killed, all_decisions
from tests.algorithms.netadapt.test_netadapt_runs import Workers

Open = Callable[..., Context]
LARGE = known("mobilenet_v3_large", 10)
TARGETS = (3.0, 3.5, 4.0)  # of 4.3
WAY = {"command": "netadapt", "targets_ms": TARGETS, "target_ms": TARGETS[0], "delta": 0.05, "mode": "cheap"}


def nothing(folder: Path) -> None:
    """Makes no report."""


def test_one_descent_is_finished_at_every_target(tmp_path: Path, open_context: Open, counting_pool: Any) -> None:
    done: list[str] = []
    pool = counting_pool()
    ctx = open_context(tmp_path / "run", pool, **WAY)
    summary = netadapt_targets(ctx, LARGE, None, lambda folder: done.append(folder.name))
    assert done == ["4ms", "3.5ms", "3ms"]
    assert [result.target_ms for result in summary.results] == list(TARGETS)
    assert not summary.missed
    assert msgspec.json.decode((ctx.folder / "result.json").read_bytes(), type=Summary) == summary
    way = ctx.journal.all(Step)
    for result in summary.results:
        folder = ctx.folder / f"{result.target_ms:g}ms"
        assert result.measured_ms <= result.target_ms
        assert {row.name for row in result.endings} == {"scratch", "inherited"}
        assert msgspec.json.decode((folder / "result.json").read_bytes(), type=Result) == result
        steps = Journal(folder / "journal.jsonl").all(Step)
        assert steps == way[: len(steps)]
        assert steps[-1].predicted_ms <= result.target_ms < steps[-2].predicted_ms
        for file in ("model.onnx", "weights.safetensors", "architecture.json", "estimate.json"):
            assert (folder / file).exists()


def test_one_descent_costs_less_than_one_for_each_target(
    tmp_path: Path, open_context: Open, counting_pool: Any
) -> None:
    several, alone = counting_pool(), counting_pool()
    netadapt_targets(open_context(tmp_path / "several", several, **WAY), LARGE, None, nothing)
    for target in TARGETS:
        way = {**WAY, "targets_ms": (), "target_ms": target}
        netadapt(open_context(tmp_path / str(target), alone, **way), LARGE, None)

    def adapted(pool: Any) -> int:
        return sum(isinstance(job, Adapt) for job in pool.jobs)

    assert adapted(several) < 0.8 * adapted(alone)


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_anywhere_the_targets_end_as_if_it_had_not_been(
    workers: int, tmp_path: Path, open_context: Open, fake_ships: Callable[[float], object]
) -> None:
    """The clock is slower than the table, so that some targets take a second attempt."""
    unbroken, ships = Workers(tmp_path / "whole", workers), fake_ships(1.08)
    whole = netadapt_targets(open_context(tmp_path / "whole", unbroken, ships, **WAY), LARGE, None, nothing)
    jobs, expected = len(unbroken.jobs), all_decisions(tmp_path / "whole")
    assert any(" Measured measured-1" in name for name in expected)
    for survives in range(workers, jobs, jobs // 5):
        folder = tmp_path / str(survives)
        with pytest.raises(Killed):
            netadapt_targets(
                open_context(folder, Workers(folder, workers, survives), ships, **WAY), LARGE, None, nothing
            )
        again = Workers(folder, workers)
        found = netadapt_targets(open_context(folder, again, ships, **WAY), LARGE, None, nothing)
        assert all_decisions(folder) == expected, survives
        assert [msgspec.structs.replace(r, seconds=0.0) for r in found.results] == [
            msgspec.structs.replace(r, seconds=0.0) for r in whole.results
        ]
        assert len(again.jobs) == jobs - survives


def test_a_target_out_of_reach_is_named_and_the_others_done(tmp_path: Path, open_context: Open) -> None:
    way = {**WAY, "targets_ms": (0.001, 4.0), "target_ms": 0.001}
    summary = netadapt_targets(open_context(tmp_path / "run", **way), LARGE, None, nothing)
    assert [result.target_ms for result in summary.results] == [4.0]
    assert "No network reaches 0.001 ms" in summary.missed[0].reason
    assert " ms, with --proposals all to 0.0" in summary.missed[0].reason
    with pytest.raises(Unreachable, match=r"No network reaches 0\.001 ms"):
        netadapt_targets(open_context(tmp_path / "none", **{**way, "targets_ms": (0.001,)}), LARGE, None, nothing)
