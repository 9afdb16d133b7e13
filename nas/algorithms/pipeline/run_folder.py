"""The run folder: made once, continued only with the same settings, written by one process at a time."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout
from msgspec.structs import asdict

from nas.algorithms.budgets import BUDGET_NAMES
from nas.algorithms.pipeline.context import Settings
from nas.design.files import write_json
from nas.errors import InvalidRun

_SETTINGS = "settings.json"
# How settings are called on the command line, where that is not their own name.
_OPTIONS = {
    "target_ms": "--target-latency",
    "targets_ms": "--target-latency",
    "source": "--from",
    "budget_s": "--budget",
    "own": "what the caller brought",
}


def prepare_run(folder: Path) -> None:
    """Make a run's folder; raises InvalidRun where it cannot be written or holds other things than a run."""
    _make(folder)
    others = [found.name for found in folder.iterdir() if found.name != ".lock"]
    if others and not (folder / _SETTINGS).exists():
        raise InvalidRun(f"{folder}: holds {others[0]!r} but no {_SETTINGS}, so it is no run. Give another --out.")


def read_settings(folder: Path) -> Settings | None:
    """The settings of the run in a folder, None where there is no run; raises InvalidRun where they are damaged."""
    path = folder / _SETTINGS
    try:
        return msgspec.json.decode(path.read_bytes(), type=Settings)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
        raise InvalidRun(f"{path}: {error}. Restore it, or start over with --fresh.") from error


@contextmanager
def open_run(folder: Path, settings: Settings, fresh: bool) -> Iterator[Path]:
    """The folder of a run with these settings, locked for this process.

    Raises InvalidRun where the folder is another run's, holds other things, cannot be written or is in use.
    """
    prepare_run(folder)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise InvalidRun(f"{folder}: another process is at work on this run. Wait, or give another --out.") from error
    try:
        if fresh:
            _clear(folder)
        _check(folder, settings)
        write_json(folder / _SETTINGS, settings)
        yield folder
    finally:
        lock.release()


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".lock").touch()
    except OSError as error:
        raise InvalidRun(f"{folder}: cannot be written ({error.strerror}). Give another --out.") from error


def _clear(folder: Path) -> None:
    """Start over; only what a run has made is deleted."""
    if not (folder / _SETTINGS).exists():
        return
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != ".lock":
            path.unlink()


def _check(folder: Path, settings: Settings) -> None:
    before = read_settings(folder)
    if before is None:
        return
    old, new = _by_option(before), _by_option(settings)
    different = [
        f"{_option(name)} was {_told(value)}, now {_told(new[name])}"
        for name, value in old.items()
        if value != new[name]
    ]
    if different:
        raise InvalidRun(
            f"{folder}: was made with other settings ({'; '.join(different)}). "
            "Repeat them to go on, start over with --fresh, or give another --out."
        )


def _by_option(settings: Settings) -> dict[str, object]:
    """The settings by the names of their options; a limit that was not given is None."""
    limits = {f"max_{name}": settings.limits.get(name) for name in BUDGET_NAMES}
    return {name: value for name, value in asdict(settings).items() if name != "limits"} | limits


def _option(name: str) -> str:
    return _OPTIONS.get(name, f"--{name.replace('_', '-')}")


def _told(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "a single one"
    return "not given" if value is None else str(value)
