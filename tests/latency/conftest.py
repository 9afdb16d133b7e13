import pytest

from nas.design.graph import Graph, lower
from nas.design.known import known
from nas.latency.conditions import Conditions
from nas.latency.fingerprint import Anchor, Fingerprint
from nas.latency.prediction.calibrate import ALL, Calibration
from nas.latency.prediction.entry import entries
from nas.latency.report_card import Pair, grade
from nas.latency.table import VERSION, Header, LatencyTable, Reference
from nas.latency.timing import Timing

CONDITIONS = Conditions("a phone, 8 cores", "onnxruntime", "1.22.0", 1, 1, "float32", "turns-1")


def table_for(graph: Graph, entry_ms: float = 0.5) -> LatencyTable:
    """Every entry takes the same time; factors are 1, and 2 for squeeze-excite; a call takes 0.1 ms."""
    factors = {ALL: 1.0, "se": 2.0}
    validation = grade([Pair(1.0, 1.0, 1.2), Pair(2.1, 2.0, 2.4)], floor=0.02)
    header = Header(
        version=VERSION,
        conditions=CONDITIONS,
        space="a space",
        resolutions=(224,),
        reference=Reference("mobilenet_v3_small", 1.0, 0.1),
        calibration=Calibration(factors, "traits", 10, 0.2, 0.05, 0.03),
        validation=validation,
        anchors=(Anchor("mobilenet_v3_small-1-224", 1.5, 0.01),),
        fingerprint=Fingerprint(cpu="a phone", cores=8),
        drift=0.02,
        created="2026-01-01T00:00:00+00:00",
        contended=False,
        seconds=60.0,
    )
    timing = Timing(entry_ms, entry_ms * 0.9, entry_ms * 1.2, 30, 3)
    return LatencyTable(header, {entry.key: timing for entry in entries(graph)})


@pytest.fixture
def graph() -> Graph:
    return lower(known("mobilenet_v3_small"))


@pytest.fixture
def table(graph: Graph) -> LatencyTable:
    return table_for(graph)
