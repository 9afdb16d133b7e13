"""What this machine is, in words that a latency depends on."""

import os
import platform
from functools import lru_cache
from pathlib import Path

from nas.bench.turns import PROTOCOL
from nas.latency.conditions import Conditions
from nas.runtimes import Runtime

_CPUINFO = Path("/proc/cpuinfo")
_CACHE = Path("/sys/devices/system/cpu/cpu0/cache")


@lru_cache(maxsize=1)
def device() -> str:
    """CPU name, family and model, cores, caches and whether virtualised, as one line of text."""
    return describe(_facts(), os.cpu_count() or 1, _caches())


def describe(facts: dict[str, str], cores: int, caches: str) -> str:
    """The line for the fields of /proc/cpuinfo; without them (not Linux) for what Python knows."""
    name = facts.get("model name") or platform.processor() or platform.machine()
    parts = [" ".join(name.split())]
    if "cpu family" in facts:
        parts.append(f"family {facts['cpu family']} model {facts.get('model', '?')}")
    parts.append(f"{cores} cores")
    if caches:
        parts.append(caches)
    if "hypervisor" in facts.get("flags", "").split():
        parts.append("virtualised")
    return ", ".join(parts)


def parse_cpuinfo(text: str) -> dict[str, str]:
    """The fields of the first processor."""
    first = text.split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _facts() -> dict[str, str]:
    return parse_cpuinfo(_CPUINFO.read_text()) if _CPUINFO.exists() else {}


def _caches() -> str:
    """`L1 48K L2 1024K ...`: data and unified caches of the first core."""
    found = []
    for folder in sorted(_CACHE.glob("index*")):
        kind, level, size = ((folder / name).read_text().strip() for name in ("type", "level", "size"))
        if kind != "Instruction":
            found.append(f"L{level} {size}")
    return " ".join(found)


def conditions(runtime: Runtime) -> Conditions:
    """The conditions of a timing taken now in this runtime."""
    return Conditions(device(), runtime.name, runtime.version, runtime.threads, 1, "float32", PROTOCOL)
