"""What all tests share."""

import gc
import os

import pytest
from hypothesis import HealthCheck, settings

# A command that is not told how many processes to train in starts Ray: only the tests of that do.
os.environ.setdefault("NAS_WORKERS", "1")
# Some tests import onnxruntime themselves, before anything of ours has switched its telemetry off.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# How long an example takes is the machine's affair.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(autouse=True, scope="module")
def frozen() -> None:
    """Keep all that is there before a module's tests out of the collector's sight.

    Every round of measurements collects garbage, and to look through torch alone, with its 170 000 objects, takes
    longer than a simulated measurement. Much is imported only while tests run, so that once at the start is not enough.
    """
    gc.collect()
    gc.freeze()
