"""What processes hold, from a /proc made by the test and from the real one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from nas.resources import MemoryMeter, descendants, held_bytes

PAGE = os.sysconf("SC_PAGE_SIZE")
MB = 1 << 20


def put(proc: Path, pid: int, parent: int, resident_mb: int, pss_mb: int | None = None, name: str = "python") -> None:
    folder = proc / str(pid)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stat").write_text(f"{pid} ({name}) S {parent} 1 1 0")
    (folder / "statm").write_text(f"999999 {resident_mb * MB // PAGE} 1 1 0 1 0")
    if pss_mb is not None:
        (folder / "smaps_rollup").write_text(
            f"0-1 ---p 0 [rollup]\nRss: 1 kB\nPss: {pss_mb * 1024} kB\nPss_Anon: 1 kB\n"
        )


def test_descendants_are_children_of_children_but_no_others(tmp_path: Path) -> None:
    for pid, parent in ((1, 0), (10, 1), (11, 10), (12, 11), (20, 1)):
        put(tmp_path, pid, parent, 5, name="a) S 1 (b")
    (tmp_path / "30").mkdir()  # it ended in between
    assert sorted(descendants(10, tmp_path)) == [10, 11, 12]


def test_take_peak_mb_adds_shares_of_shared_pages_and_starts_again(tmp_path: Path) -> None:
    meter = MemoryMeter(10, tmp_path)
    put(tmp_path, 10, 1, 900, 700)
    put(tmp_path, 11, 10, 300, 100)
    put(tmp_path, 20, 1, 5000, 5000)
    meter.look()
    put(tmp_path, 11, 10, 30, 20)  # it gave memory back
    meter.look()
    assert meter.take_peak_mb() == 800
    assert meter.take_peak_mb() == 720


def test_held_bytes_counts_shared_pages_in_full_if_the_kernel_does_not_divide_them(tmp_path: Path) -> None:
    put(tmp_path, 10, 1, 64)
    assert held_bytes(10, tmp_path) == 64 * MB
    assert held_bytes(99, tmp_path) == 0


def test_take_peak_mb_is_none_without_proc(tmp_path: Path) -> None:
    assert MemoryMeter(10, tmp_path / "none").take_peak_mb() is None


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    code = "import sys; held = bytearray(b'x') * (200 << 20); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        process.kill()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system has no /proc")
def test_take_peak_mb_sees_this_process_and_its_children(child: subprocess.Popen[bytes]) -> None:
    meter = MemoryMeter()
    alone = meter.take_peak_mb() or 0
    assert child.stdout is not None
    child.stdout.readline()
    held = np.ones(100 << 20, dtype=np.uint8)
    both = meter.take_peak_mb() or 0
    del held
    assert alone > 0
    assert both - alone > 250  # the pages of the interpreters are shared
