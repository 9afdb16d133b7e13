"""What a device says of itself, as far as a latency may depend on it. Nothing here needs rights or a subprocess."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import NamedTuple

_CPU = Path("/sys/devices/system/cpu/cpu0")


class Facts(NamedTuple):
    """One device at one moment; None where it does not tell."""

    device: str
    cpu: str
    cores: int
    core_mask: str | None
    governor: str | None
    min_mhz: float | None
    max_mhz: float | None
    observed_mhz: float | None
    temperature_c: float | None
    memory_mib: int | None
    virtualised: bool | None
    quota_cores: float | None
    power: str | None
    pressure: float | None
    boot_id: str | None
    os: str | None
    busy_s: float | None = None


def facts() -> Facts:
    """Of this machine, now."""
    fields = parse_cpuinfo(_read("/proc/cpuinfo") or "")
    cores = os.cpu_count() or 1
    return Facts(
        device=describe(fields, cores, _caches(), _board()),
        cpu=_name(fields, _board()),
        cores=cores,
        core_mask=",".join(map(str, sorted(os.sched_getaffinity(0)))) if hasattr(os, "sched_getaffinity") else None,
        governor=_read(_CPU / "cpufreq/scaling_governor"),
        min_mhz=_scaled(_read(_CPU / "cpufreq/scaling_min_freq"), 1e-3),
        max_mhz=_scaled(_read(_CPU / "cpufreq/scaling_max_freq"), 1e-3),
        observed_mhz=_scaled(_read(_CPU / "cpufreq/scaling_cur_freq"), 1e-3) or _scaled(fields.get("cpu MHz"), 1.0),
        temperature_c=_temperature(),
        memory_mib=_memory_mib(_read("/proc/meminfo") or ""),
        virtualised="hypervisor" in fields["flags"].split() if "flags" in fields else None,
        quota_cores=parse_quota(_read("/sys/fs/cgroup/cpu.max") or ""),
        power=_power(),
        pressure=parse_pressure(_read("/proc/pressure/cpu") or ""),
        boot_id=_read("/proc/sys/kernel/random/boot_id"),
        os=f"{platform.system()} {platform.release()}",
        busy_s=parse_busy(_read("/proc/stat") or ""),
    )


def describe(fields: dict[str, str], cores: int, caches: str, board: str | None = None) -> str:
    """CPU name, family and model, cores, caches and whether virtualised, as one line of text."""
    parts = [_name(fields, board)]
    if "cpu family" in fields:
        parts.append(f"family {fields['cpu family']} model {fields.get('model', '?')}")
    elif "CPU part" in fields:
        parts.append(f"implementer {fields.get('CPU implementer', '?')} part {fields['CPU part']}")
    parts.append(f"{cores} cores")
    if caches:
        parts.append(caches)
    if "hypervisor" in fields.get("flags", "").split():
        parts.append("virtualised")
    return ", ".join(parts)


def parse_cpuinfo(text: str) -> dict[str, str]:
    """The fields of the first processor."""
    pairs = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def parse_quota(text: str) -> float | None:
    """Cores that a cgroup may use, of the text of cpu.max; None without a limit.

    >>> parse_quota("150000 100000"), parse_quota("max 100000")
    (1.5, None)
    """
    limit, _, period = text.partition(" ")
    return int(limit) / int(period) if limit.isdigit() and period.isdigit() and int(period) else None


def parse_pressure(text: str) -> float | None:
    """Percent of the last ten seconds that some task waited for a core.

    >>> parse_pressure("some avg10=12.50 avg60=3.00 avg300=1.00 total=5")
    12.5
    """
    _, found, rest = text.partition("some avg10=")
    return _scaled(rest.split(" ")[0], 1.0) if found else None


def parse_busy(text: str) -> float | None:
    """Seconds that all cores together have worked since the start, of the text of /proc/stat.

    >>> parse_busy("cpu  200 100 50 9000 30 0 50 100 0 0") == 500 / os.sysconf("SC_CLK_TCK")
    True
    """
    name, *ticks = (text.splitlines() or [""])[0].split()[:9] or [""]
    if name != "cpu" or len(ticks) < 5 or not all(tick.isdigit() for tick in ticks):
        return None
    user, nice, system, _idle, _waiting, *rest = map(int, ticks)
    return (user + nice + system + sum(rest)) / os.sysconf("SC_CLK_TCK")


def _name(fields: dict[str, str], board: str | None) -> str:
    name = fields.get("model name") or board or fields.get("Hardware") or platform.processor() or platform.machine()
    return " ".join(name.split())


def _board() -> str | None:
    """The board's name where firmware gives one, as on most ARM boards."""
    text = _read("/proc/device-tree/model")
    return text.rstrip("\0") if text else None


def _read(path: Path | str) -> str | None:
    try:
        return Path(path).read_text(errors="replace").strip() or None
    except OSError:
        return None


def _scaled(text: str | None, by: float) -> float | None:
    try:
        return float(text) * by if text else None
    except ValueError:
        return None


def _caches() -> str:
    """`L1 48K L2 1024K ...`: data and unified caches of the first core."""
    found = []
    for folder in sorted((_CPU / "cache").glob("index*")):
        kind, level, size = (_read(folder / name) or "" for name in ("type", "level", "size"))
        if kind != "Instruction":
            found.append(f"L{level} {size}")
    return " ".join(found)


def _temperature() -> float | None:
    """The hottest zone."""
    zones = [_scaled(_read(path), 1e-3) for path in Path("/sys/class/thermal").glob("thermal_zone*/temp")]
    return max((zone for zone in zones if zone is not None), default=None)


def _memory_mib(text: str) -> int | None:
    for line in text.splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) // 1024
    return None


def _power() -> str | None:
    """`mains` or `battery` where the device knows."""
    supplies = {_read(path / "type"): _read(path / "online") for path in Path("/sys/class/power_supply").glob("*")}
    if not supplies:
        return None
    return "mains" if supplies.get("Mains") == "1" else "battery"
