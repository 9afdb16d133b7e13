"""Before anything long, a search says what its space and the published networks take here."""

from pathlib import Path

from nas.api.running.first_answer import tell_reach
from nas.design.architecture import Architecture
from nas.design.files import write_json
from nas.design.graph import lower
from nas.design.known import known
from nas.latency.timing import Measurement
from nas.units import told_ms
from tests.algorithms.conftest import FakeShips, settings
from tests.bench.conftest import SPACE
from tests.bench.device import Device


class Timed(FakeShips):
    """Its clock is the device's."""

    def _measurement(self, arch: Architecture) -> Measurement:
        ms = Device().true_ms(lower(arch))
        return Measurement("fake", ms, ms, ms, 60, False, 0.0, ms)


def test_a_search_says_first_what_can_be_reached(tmp_path: Path) -> None:
    asked, messages = settings(resolution=96), list[str]()
    tell_reach(asked, SPACE, 10, Timed(), tmp_path, messages.append)
    [line] = messages
    times = [
        Device().true_ms(lower(arch))
        for arch in (SPACE.smallest(96, 10), SPACE.largest(96, 10), known("mobilenet_v3_small-1-96", 10))
    ]
    smallest, largest, small = (told_ms(ms) for ms in times)
    assert f"at 96 px networks of tiny take {smallest} to {largest} ms" in line
    assert f"mobilenet_v3_small {small}" in line
    write_json(tmp_path / "settings.json", asked)
    tell_reach(asked, SPACE, 10, Timed(), tmp_path, messages.append)
    assert messages == [line], "a run that was begun has said it"
