"""What all tests share."""

import gc
import os

from hypothesis import HealthCheck, settings

# A command that is not told how many processes to train in starts Ray: only the tests of that do.
os.environ.setdefault("NAS_WORKERS", "1")
# Some tests import onnxruntime themselves, before anything of ours has switched its telemetry off.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# How long an example takes is the machine's affair.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_collection_finish() -> None:
    """Keep all that was imported out of the collector's sight: every round of measurements collects garbage.

    Torch alone has 170 000 objects, and to look through them takes longer than a simulated measurement.
    """
    gc.collect()
    gc.freeze()
