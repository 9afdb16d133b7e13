"""Wrong input from Python is told in a sentence, in Python's words, before anything is built, priced or trained."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from msgspec.structs import replace

import nas
from nas.errors import InvalidTable
from nas.latency.table import LatencyTable
from tests.bench.conftest import SPACE
from tests.cli.conftest import tiny_table

__all__ = ["tiny_table"]


class Begun(Exception):
    """The options were read."""


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Options and subjects of the runs that would be begun; no run is, and no device is opened."""
    taken: list[Any] = []

    def begin(*given: object, **_: object) -> None:
        taken.append(given)
        raise Begun

    monkeypatch.setattr("nas.api.runs.run_subject", begin)
    monkeypatch.setattr("nas.api.latency.open_bench", begin)
    monkeypatch.setattr("nas.api.training.Worker", begin)
    return taken


def test_search_takes_numbers_of_numpy_and_paths_of_a_space_and_a_table(begun: list[Any]) -> None:
    path = Path(__file__).parents[2] / "search_spaces" / "mobilenet_v3_small.toml"
    with pytest.raises(Begun):
        nas.search(
            list(np.array([15, 8.5], np.float32)), space=path, table=Path("t.jsonl"), trials=np.int64(3),
            epochs=np.float32(0.5), resolution=np.int32(96), baselines=np.False_,
        )  # fmt: skip
    [(options, subject, *_)] = begun
    assert (options.target_latency, options.resolution) == ("15ms,8.5ms", "96")
    assert (options.space, options.table, options.trials, options.epochs) == (str(path), "t.jsonl", 3, 0.5)
    assert type(options.trials) is int
    assert options.baselines is False
    assert subject.space.name == "mobilenet_v3_small"


def test_netadapt_takes_several_resolutions_as_numbers_and_refuses_other_things(begun: list[Any]) -> None:
    with pytest.raises(nas.NasError, match=r"`resolution` '96,big': 'big' is no size in pixels"):
        nas.netadapt("mobilenet_v2", 5.0, resolution=[96, "big"])
    assert begun == []


def test_search_makes_a_sampler_of_the_callers_once_before_anything_is_done(begun: list[Any]) -> None:
    seeds: list[int] = []

    def sampler(seed: int) -> optuna.samplers.BaseSampler:
        seeds.append(seed)
        return optuna.samplers.RandomSampler(seed=seed)

    with pytest.raises(nas.NasError, match="returned 'tpe', which is no Optuna sampler"):
        nas.search("15ms", sampler=lambda seed: "tpe")
    assert begun == []
    with pytest.raises(Begun):
        nas.search("15ms", sampler=sampler)
    assert seeds == [0]


def test_a_missing_argument_is_told() -> None:
    with pytest.raises(nas.NasError, match=r"nas.search: missing a required argument: 'target_latency'"):
        nas.search()  # type: ignore[call-arg]
    with pytest.raises(nas.NasError, match=r"nas.train: missing a required argument: 'architecture'"):
        nas.train()  # type: ignore[call-arg]


ARCH = nas.network("mobilenet_v3_small-0.5-32")
CALLS: dict[str, tuple[Callable[[Any], object], str]] = {
    "network-source": (lambda n: n.network(3), "source=3: is no network"),
    "network-classes": (lambda n: n.network("mobilenet_v2", classes="ten"), "classes='ten': give a whole number, 2"),
    "network-resolution": (lambda n: n.network("mobilenet_v2", resolution=3.5), "resolution=3.5: is no size in pixels"),
    "load_table": (lambda n: n.load_table(3), "source=3: is no table"),
    "build_table-held_out": (lambda n: n.build_table(held_out=0), "held_out=0: give a whole number, 2 or more"),
    "build_table-budget": (lambda n: n.build_table(budget_s=-1), "budget_s=-1: give a number above zero"),
    "build_table-threads": (lambda n: n.build_table(threads=0), "threads=0: Expected `int` >= 1"),
    "build_table-out": (lambda n: n.build_table(out=3), "out=3: is no path"),
    "estimate-table": (lambda n: n.estimate(ARCH, 3), "table=3: Expected"),
    "estimate-latency": (lambda n: n.estimate(ARCH, latency="p51"), "there are p50, p90, p99"),
    "estimate-broken": (
        lambda n: n.estimate(n.Architecture(3, ARCH.stem, ARCH.stages, ARCH.head, 10)),
        "The network breaks a rule: Expected `int` >= 8",
    ),
    "search-broken-space": (
        lambda n: n.search("5ms", space=replace(n.load_space("mobilenet_v3_small"), stages=())),
        "The space breaks a rule: ",
    ),
    "measure-runtime": (lambda n: n.measure(ARCH, runtime=5), "runtime=5: Expected `str`"),
    "module-weights": (lambda n: n.module(ARCH, 3), "weights=3: is no file of weights"),
    "module-seed": (lambda n: n.module(ARCH, seed="x"), "seed='x': give a whole number"),
    "from_torch": (lambda n: n.from_torch(3), "model=3: is no torch.nn.Module"),
    "train-network": (lambda n: n.train(3), "architecture=3: is no network"),
    "train-teacher": (lambda n: n.train(ARCH, "digits", teacher="mobilenet_v2"), "`teacher` and `teacher_weights`"),
    "export-network": (lambda n: n.export(3), "architecture=3: is no network"),
    "export-weights": (lambda n: n.export(ARCH), "`weights` must be given"),
    "export-int8": (lambda n: n.export(ARCH, precision="int8"), "`precision='int8'` needs `data`"),
    "netadapt-weights": (lambda n: n.netadapt(ARCH, "5ms", weights=3), "weights=3: Expected a path"),
    "search-data": (lambda n: n.search("5ms", {"file": np.zeros(3)}), "data is a dict with 'file'"),
    "search-objects": (
        lambda n: n.search("5ms", {"x_train": np.full((4, 8, 8), None), "y_train": [0, 1, 0, 1]}),
        "x_train holds Python objects, like None",
    ),
    "search-ragged": (
        lambda n: n.search("5ms", {"x_train": [[1], [1, 2]], "y_train": [0, 1]}), "x_train is no array of numbers",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_every_function_tells_wrong_arguments(
    name: str, begun: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call, told = CALLS[name]
    with pytest.raises(nas.NasError) as caught:
        call(nas)
    assert told in str(caught.value)
    assert "--" not in str(caught.value)
    assert begun == []


def test_as_arrays_keeps_texts_as_labels_and_takes_tensors_that_require_gradients() -> None:
    import torch

    from nas.api.datasets import as_arrays

    found = as_arrays({"x_train": torch.zeros(2, 8, 8, requires_grad=True), "y_train": np.array(["a", "b"], object)})
    assert (found["x_train"].shape, found["y_train"].tolist()) == ((2, 8, 8), ["a", "b"])
    assert found["y_train"].dtype.kind == "U"


def test_estimate_refuses_a_table_in_memory_that_failed_unless_it_is_allowed(tiny_table: LatencyTable) -> None:
    arch, said = SPACE.largest(96), list[str]()
    card = replace(tiny_table.header.validation, mape=0.123, spearman=0.5, error_over_floor=9.0)
    failed = LatencyTable(replace(tiny_table.header, validation=card), tiny_table.timings)
    with pytest.raises(InvalidTable, match=r"the table: its validation failed: mean error 12\.3%.*`allow_failed=True`"):
        nas.estimate(arch, failed)
    assert nas.estimate(arch, failed, allow_failed=True, log=said.append) == nas.estimate(arch, tiny_table)
    assert ["is not to be trusted" in line for line in said] == [True]
