"""What all tests share."""

import os

# A command that is not told how many processes to train in starts Ray: only the tests of that do.
os.environ.setdefault("NAS_WORKERS", "1")
