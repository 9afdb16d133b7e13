"""Shared weights that outlive their run: taken where they serve, passed over where they do not."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.algorithms.block_search.latency_band import spread_draws
from nas.algorithms.evaluators.supernet_weights import shared_weights
from nas.algorithms.evaluators.weight_cache import serves
from nas.algorithms.pipeline.context import Context
from nas.algorithms.pipeline.pipeline import search
from nas.algorithms.pipeline.records import Shelved, Taken
from nas.design.architecture import Architecture
from nas.design.cost import macs
from nas.design.graph import lower
from nas.design.space import SearchSpace
from nas.errors import InvalidRun
from nas.jobs import EvaluateShared, Share

Open = Callable[..., Context]
Prepare = Callable[..., tuple[Path, int]]


@pytest.fixture
def ordered(space: SearchSpace) -> list[Architecture]:
    """Networks from the fewest MACs to the most."""
    return sorted((arch for _, arch in spread_draws(space, 0, 224, 10)[:100]), key=lambda arch: macs(lower(arch)))


@pytest.fixture
def prepare(
    tmp_path: Path,
    space: SearchSpace,
    ordered: list[Architecture],
    open_context: Open,
    counting_pool: Callable[[], Any],
) -> Prepare:
    """Shared weights of a run of a name for a slice of the networks; gives their file and the trainings done."""

    def call(
        name: str, first: int, last: int, say: Callable[[str], None] = lambda message: None, **changes: object
    ) -> tuple[Path, int]:
        pool = counting_pool()
        ctx = open_context(tmp_path / name, pool, shelf=tmp_path / "shelf", say=say, **changes)
        path = shared_weights(ctx, space, ordered[first:last], ordered[first:last])
        return path, sum(isinstance(job, Share) for job in pool.jobs)

    return call


def test_a_second_lower_target_costs_no_training(
    tmp_path: Path, space: SearchSpace, open_context: Open, counting_pool: Callable[[], Any]
) -> None:
    options = {"evaluator": "supernet", "sampler": "predictor", "trials": 22, "shelf": tmp_path / "shelf"}
    first = open_context(tmp_path / "first", target_ms=1.2, **options)
    search(first, space)
    said: list[str] = []
    pool = counting_pool()
    second = open_context(tmp_path / "second", pool, target_ms=1.05, say=said.append, **options)
    search(second, space)
    assert not [job for job in pool.jobs if isinstance(job, Share)]
    assert any("taken from a run" in line for line in said)
    [taken] = second.journal.all(Taken)
    [kept] = (first.folder / "weights" / "shared").iterdir()
    copied = second.folder / "weights" / "shared" / taken.weights
    assert copied.read_bytes() == kept.read_bytes()
    assert {job.weights for job in pool.jobs if isinstance(job, EvaluateShared)} == {copied}


def test_networks_beyond_what_was_trained_are_trained(prepare: Prepare) -> None:
    assert prepare("first", 20, 70)[1] == 4
    assert prepare("within", 30, 60)[1] == 0
    assert prepare("larger", 30, 90)[1] == 4
    assert prepare("smaller", 0, 60)[1] == 4


def test_the_narrowest_that_serves_is_taken_and_what_a_wider_one_serves_is_deleted(
    prepare: Prepare, tmp_path: Path
) -> None:
    narrow, _ = prepare("narrow", 30, 60)
    wider, _ = prepare("wider", 10, 50)
    assert prepare("within both", 35, 45)[0].read_bytes() == narrow.read_bytes() != wider.read_bytes()
    assert len(list((tmp_path / "shelf").iterdir())) == 4
    widest, _ = prepare("widest", 0, 99)
    assert len(list((tmp_path / "shelf").iterdir())) == 2
    assert prepare("within one", 35, 45)[0].read_bytes() == widest.read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"data": "others 0123"},
        {"train_resolution": 48},
        {"trial_epochs": 3.0},
        {"recipe": "paper"},
        {"augment": ("crop",)},
        {"sharing": "sandwich"},
        {"images": 500},
        {"space": "another"},
        {"resolution": 192},
    ],
    ids=lambda change: next(iter(change)),
)
def test_weights_are_of_one_kind_only(change: dict[str, object], prepare: Prepare) -> None:
    prepare("first", 20, 70)
    assert prepare("second", 20, 70, **change)[1] == 4


@pytest.mark.parametrize("change", [{"target_ms": 7.0}, {"runtime": "another"}, {"table": "another"}])
def test_they_serve_other_targets_and_devices(change: dict[str, object], prepare: Prepare) -> None:
    prepare("first", 20, 70)
    assert prepare("second", 20, 70, **change)[1] == 0


@pytest.mark.parametrize("suffix", ["safetensors", "json"])
def test_a_damaged_file_is_passed_over_with_a_sentence(suffix: str, prepare: Prepare, tmp_path: Path) -> None:
    prepare("first", 20, 70)
    [path] = (tmp_path / "shelf").glob(f"*.{suffix}")
    path.write_bytes(path.read_bytes()[:-5])
    said: list[str] = []
    assert prepare("second", 20, 70, said.append)[1] == 4
    assert any(str(path) in line and "passed over" in line for line in said)


def test_a_run_that_took_its_weights_goes_on_without_the_shelf(prepare: Prepare, tmp_path: Path) -> None:
    prepare("first", 20, 70)
    taken, _ = prepare("second", 30, 60)
    shutil.rmtree(tmp_path / "shelf")
    assert prepare("second", 30, 60) == (taken, 0)
    taken.unlink()
    with pytest.raises(InvalidRun, match="are gone"):
        prepare("second", 30, 60)


def test_what_a_run_took_and_lost_it_takes_again(prepare: Prepare) -> None:
    prepare("first", 20, 70)
    taken, _ = prepare("second", 30, 60)
    content = taken.read_bytes()
    taken.unlink()
    assert prepare("second", 30, 60) == (taken, 0)
    assert taken.read_bytes() == content


def test_a_run_that_trains_its_own_stays_with_them(prepare: Prepare, tmp_path: Path) -> None:
    own, _ = prepare("first", 20, 70)
    prepare("second", 10, 80)
    assert prepare("first", 20, 70) == (own, 0)


def test_a_shelf_that_cannot_be_written_is_a_sentence(prepare: Prepare, tmp_path: Path) -> None:
    (tmp_path / "shelf").write_text("no folder")
    said: list[str] = []
    assert prepare("first", 20, 70, said.append)[0].exists()
    assert any("not kept for later runs" in line for line in said)


@given(st.integers(100, 10_000), st.integers(0, 10_000), st.integers(0, 4_000), st.integers(0, 4_000))
def test_what_lies_within_is_served_and_what_lies_far_beyond_is_not(low: int, width: int, inner: int, far: int) -> None:
    shelved = Shelved("0" * 64, (low, low + width), 0.9, 1.0, "now")
    inside = (low + min(inner, width), low + width)
    assert serves(shelved, inside)
    beyond = round((low + width) * 1.04) + 1 + far
    assert not serves(shelved, (low, beyond))
    assert not serves(shelved, (round(low * 0.95) - far, low + width))
