"""A pause for a machine that is slow for a while is begun once: a run that is killed in every pause ends too."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from nas.design.architecture import Architecture
from nas.design.known import known
from nas.latency.timing import Measurement
from nas.search.context import Context
from nas.search.records import Paused, Result
from nas.search.run import netadapt
from tests.search.conftest import FakeShips
from tests.search.killing import Killed, decisions

SOURCE = known("mobilenet_v3_large", 10)
TARGET_MS = FakeShips().measure([SOURCE])[0].worst_ms / 0.95


class Slow(FakeShips):
    """The uncut network is 5 % below the target at the table's speed, and 14 % above it by this clock."""

    def __init__(self, between_steps: bool) -> None:
        super().__init__()
        self.between_steps = between_steps

    def measure(self, architectures: Sequence[Architecture]) -> list[Measurement]:
        return [slowed(found, self.between_steps) for found in super().measure(architectures)]

    def time(self, architecture: Architecture, weights: Path, model: Path) -> Measurement:
        return slowed(super().time(architecture, weights, model), not self.between_steps)


def slowed(found: Measurement, slow: bool) -> Measurement:
    return replace(found, measured_ms=1.2 * found.measured_ms) if slow else found


def kill(seconds: float) -> None:
    raise Killed


def resume_until_ended(begin: Callable[[], Context]) -> tuple[Context, Result, int]:
    """The run that ended, its result, and how often the process was killed before."""
    for kills in range(50):
        ctx = begin()
        try:
            return ctx, netadapt(ctx, SOURCE, None), kills
        except Killed:
            continue
    raise AssertionError("killed in every pause, the run never ends")


@pytest.mark.parametrize("between_steps", [True, False], ids=["between steps", "at the proof"])
def test_a_run_that_is_killed_in_every_pause_ends_as_if_it_had_not_been(
    between_steps: bool, tmp_path: Path, open_context: Callable[..., Any]
) -> None:
    def world(folder: str, pause: Callable[[float], None]) -> Context:
        ctx: Context = open_context(
            tmp_path / folder, None, Slow(between_steps), pause=pause, command="netadapt", target_ms=TARGET_MS
        )
        return ctx

    pauses: list[float] = []
    whole = world("whole", pauses.append)
    expected = netadapt(whole, SOURCE, None)
    resumed, result, kills = resume_until_ended(lambda: world("killed", kill))
    assert kills == len(pauses) == len(resumed.journal.all(Paused)) > 0
    assert replace(result, seconds=0.0) == replace(expected, seconds=0.0)
    assert decisions(resumed) == decisions(whole)
