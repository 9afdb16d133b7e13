"""`MemoryMeter`: the most memory that this process and all processes it started have held, stage by stage.

Read from Linux's /proc, which needs no package. `resource.getrusage` knows a process's own peak and that of its dead
children, but neither those that still live nor when it was.
"""

import os
import threading
import time
from collections import defaultdict
from pathlib import Path

_EVERY_S = 1.0
# Dividing shared pages takes the kernel milliseconds, so it is asked to only if more is resident than before.
_RISE = 1.01
_MB = 1 << 20


class MemoryMeter:
    """Looks every second at the memory of a process and its descendants; pages that they share count once.

    What lives for less than a second may not be seen. Workers on other machines of a cluster are not counted.
    """

    def __init__(self, root: int | None = None, proc: Path = Path("/proc")) -> None:
        self._root, self._proc = os.getpid() if root is None else root, proc
        self._resident = self._peak = 0
        self._lock = threading.Lock()

    def start(self) -> "MemoryMeter":
        """Watch from now on, until the process ends."""
        threading.Thread(target=self._watch, name="memory", daemon=True).start()
        return self

    def take_peak_mb(self) -> int | None:
        """Return the most MB held since this was last asked; None if this system has no /proc."""
        self.look()
        with self._lock:
            peak, self._resident, self._peak = self._peak, 0, 0
        return round(peak / _MB) or None

    def look(self) -> None:
        """Take note of what is held now."""
        family = descendants(self._root, self._proc)
        resident = sum(resident_bytes(pid, self._proc) for pid in family)
        with self._lock:
            if resident <= _RISE * self._resident:
                return
            self._resident = resident
            self._peak = max(self._peak, sum(held_bytes(pid, self._proc) for pid in family))

    def _watch(self) -> None:
        while True:
            time.sleep(_EVERY_S)
            self.look()


def descendants(root: int, proc: Path = Path("/proc")) -> list[int]:
    """Return a process and all that it, or one that it started, has started."""
    children: dict[int, list[int]] = defaultdict(list)
    for path in proc.glob("[0-9]*"):
        # The name in brackets may hold anything; the parent is the second word after it.
        words = _read(path / "stat").rpartition(")")[2].split()
        if len(words) > 1:
            children[int(words[1])].append(int(path.name))
    found = [root]
    for pid in found:
        found += children[pid]
    return found


def resident_bytes(pid: int, proc: Path = Path("/proc")) -> int:
    """Return the memory of a process, shared pages in full; 0 if it has ended."""
    words = _read(proc / str(pid) / "statm").split()
    return int(words[1]) * os.sysconf("SC_PAGE_SIZE") if len(words) > 1 else 0


def held_bytes(pid: int, proc: Path = Path("/proc")) -> int:
    """Return the memory of a process with its share of shared pages (PSS), or all of them if the kernel keeps that."""
    for line in _read(proc / str(pid) / "smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return resident_bytes(pid, proc)


def _read(path: Path) -> str:
    """Return a file's text; empty if the process has ended or is another user's."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
