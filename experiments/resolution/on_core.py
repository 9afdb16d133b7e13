"""A command whose clock has a core of its own, so that many can run beside each other on one machine.

    python experiments/resolution/on_core.py CORE FOLDER nas netadapt --from ...
    python experiments/resolution/on_core.py CORE FOLDER SCRIPT.py ...

All that is timed is timed on that core, by one command at a time, and one command at a time looks for a latency table
or builds it: files in FOLDER say who does.
"""

import os
import runpy
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from nas.api.running import runs
from nas.bench.bench import LocalBench
from nas.cli import main

CORE, FOLDER = int(sys.argv[1]), Path(sys.argv[2])
CLOCK, TABLE = FileLock(FOLDER / f"clock-{CORE}.lock"), FileLock(FOLDER / f"table-{Path.home().name}.lock")
open_session: Any = LocalBench.open
open_prices: Any = runs.open_prices


@contextmanager
def open_alone(bench: LocalBench, *asked: Any) -> Iterator[Any]:
    """A session of the bench while no other command has one."""
    with CLOCK:
        others = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {CORE})
        try:
            with open_session(bench, *asked) as session:
                yield session
        finally:
            os.sched_setaffinity(0, others)


def open_prices_alone(*asked: Any) -> Any:
    with TABLE:
        return open_prices(*asked)


LocalBench.open = open_alone  # type: ignore[method-assign, assignment]
runs.open_prices = open_prices_alone
sys.argv = sys.argv[3:]
if sys.argv[0] == "nas":
    main()
else:
    sys.path.insert(0, str(Path(sys.argv[0]).parent))
    runpy.run_path(sys.argv[0], run_name="__main__")
