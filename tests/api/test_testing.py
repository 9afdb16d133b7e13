"""The contract tests that others import hold for what is built in, and fail for what is broken."""

from pathlib import Path
from typing import Any

import optuna
import pytest

from nas.runtimes import open_runtime
from nas.testing import check_evaluator, check_runtime, check_sampler
from tests.api.test_api import fewest_macs


def random_sampler(seed: int) -> optuna.samplers.BaseSampler:
    return optuna.samplers.RandomSampler(seed=seed)


def test_check_evaluator() -> None:
    check_evaluator(fewest_macs)
    with pytest.raises(AssertionError, match="no finite number"):
        check_evaluator(lambda archs: [float("inf")] * len(archs))
    with pytest.raises(AssertionError, match="3 architectures were given and 1 values came back"):
        check_evaluator(lambda archs: [1.0])
    with pytest.raises(AssertionError, match="depend on the order"):
        check_evaluator(lambda archs: list(range(len(archs))))


def test_check_sampler(tmp_path: Path) -> None:
    check_sampler(random_sampler, tmp_path / "random")
    check_sampler(lambda seed: optuna.samplers.TPESampler(seed=seed), tmp_path / "tpe")
    with pytest.raises(AssertionError, match="different networks"):
        check_sampler(lambda seed: optuna.samplers.RandomSampler(), tmp_path / "unseeded")


@pytest.mark.parametrize("name", ["onnxruntime", "torch"])
def test_check_runtime_holds_for_those_built_in(name: str, tmp_path: Path) -> None:
    check_runtime(open_runtime(name), tmp_path)


def test_check_runtime_tells_of_wrong_outputs(tmp_path: Path) -> None:
    class Off:
        def __init__(self) -> None:
            self.good = open_runtime("torch")

        def __getattr__(self, name: str) -> Any:
            return getattr(self.good, name)

        def compile(self, *given: Any) -> Any:
            model = self.good.compile(*given)

            class Model:
                def __call__(self, *arrays: Any) -> Any:
                    return model(*arrays) * 1.1

                def outputs(self, *arrays: Any) -> Any:
                    return (self(*arrays),)

                run = model.run

            return Model()

    with pytest.raises(AssertionError, match="away from torch's"):
        check_runtime(Off(), tmp_path)


def test_check_runtime_tells_of_models_that_lack_outputs(tmp_path: Path) -> None:
    class Old:
        def __init__(self) -> None:
            self.good = open_runtime("torch")

        def __getattr__(self, name: str) -> Any:
            return getattr(self.good, name)

        def compile(self, *given: Any) -> Any:
            return self.good.compile(*given).__call__

    with pytest.raises(AssertionError, match="compile: the model has no outputs"):
        check_runtime(Old(), tmp_path)


def test_a_runtime_of_another_package_is_found_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    from nas import runtimes
    from nas.errors import NasError

    brought = EntryPoint("mine", "nas.runtimes.onnx_runtime:OnnxRuntime", "nas.runtimes")
    lost = EntryPoint("lost", "nowhere.at_all:Runtime", "nas.runtimes")
    monkeypatch.setattr(runtimes, "entry_points", lambda group: [brought, lost])
    assert runtimes.runtime_names()[-2:] == ("mine", "lost")
    assert open_runtime("mine", threads=2).threads == 2
    with pytest.raises(NasError, match="The runtime lost cannot be used here"):
        open_runtime("lost")
    assert [found.usable for found in runtimes.statuses()][-2:] == [True, False]
