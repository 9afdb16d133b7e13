"""What a crew does where workers die as they open. The Ray is none: the real one would have to run out of memory."""

from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nas.algorithms.workers.ray_pool import RayPool, _versions
from nas.errors import NasError
from tests.algorithms.side_worker import outcome, train


class RayError(Exception):
    pass


class RayTaskError(RayError):
    pass


class FakeRay:
    """Actors of which only some open; calls are done when their outcome is asked for."""

    exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)

    def __init__(self, opens: Callable[[int], bool]) -> None:
        self.opens, self.hired = opens, 0

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 2}

    def remote(self, **_: object) -> Callable[[type], Any]:
        return lambda _: SimpleNamespace(remote=self._actor)

    def wait(self, calls: Iterable[Any], num_returns: int = 1, timeout: float = 0) -> tuple[list[Any], list[Any]]:
        return list(calls)[:num_returns], []

    def get(self, call: Callable[[], Any]) -> Any:
        return call()

    def _actor(self) -> Any:
        self.hired += 1
        opens = self.opens(self.hired)

        def opened() -> dict[str, str]:
            if not opens:
                raise RayError("out of memory")
            return _versions()

        return SimpleNamespace(
            open=SimpleNamespace(remote=lambda *_: opened),
            work=SimpleNamespace(remote=lambda job, _: lambda: (outcome(job), None)),
        )


def test_a_worker_that_there_is_no_place_for_is_given_up(tmp_path: Path) -> None:
    said: list[str] = []
    ray, jobs = FakeRay(lambda number: number == 1), [train(seed, tmp_path) for seed in range(50)]
    crew = RayPool(ray, 2, (), tmp_path, said.append, apart=False)
    assert list(crew(jobs)) == [outcome(job) for job in jobs]
    assert ray.hired == 1 + 3
    assert said == ["One worker less: it died 3 times before it could work (out of memory)."]


def test_where_no_worker_opens_the_run_ends_with_a_sentence(tmp_path: Path) -> None:
    crew = RayPool(FakeRay(lambda _: False), 2, (), tmp_path, lambda _: None, apart=False)
    with pytest.raises(NasError, match="Workers die before they can work: out of memory"):
        list(crew([train(0, tmp_path)]))
