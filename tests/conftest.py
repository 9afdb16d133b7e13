"""What all tests share."""

import os

from hypothesis import HealthCheck, settings

# A command that is not told how many processes to train in starts Ray: only the tests of that do.
os.environ.setdefault("NAS_WORKERS", "1")
# Some tests import onnxruntime themselves, before anything of ours has switched its telemetry off.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# How long an example takes is the machine's affair.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
