"""Models of every runtime that a device may have, opened from the content of a file."""

from __future__ import annotations

import hashlib
from importlib import import_module
from pathlib import Path
from typing import Any

# Runtimes whose models are files. Torch needs this whole program beside it and runs on this machine only.
MODEL_RUNTIMES = ("onnxruntime", "openvino", "litert")
# Those that tell how long each node of a whole network takes.
PROFILED = ("onnxruntime", "openvino")
_BLOCK = 1 << 20


_SESSIONS = {"onnxruntime": "OnnxSession", "openvino": "OpenvinoSession", "litert": "LitertSession"}


def open_model(runtime: str, content: bytes, threads: int, precision: str) -> Any:
    """A model with `run()` and call; raises ImportError where the runtime is not installed."""
    return getattr(_module(runtime), _SESSIONS[runtime])(content, threads, precision)


def node_times(runtime: str, content: bytes, threads: int, runs: int) -> list[tuple[str, float]]:
    """What the profiler of a runtime in PROFILED says of a model: (name, milliseconds) in order of execution."""
    found: list[tuple[str, float]] = _module(runtime).nodes(content, threads, runs)
    return found


def versions(runtime: str) -> tuple[str, str]:
    """The version of a runtime here, and a stamp of its shared library; raises ImportError where it is missing."""
    module = _module(runtime)
    return module.version(), stamp(Path(module.library()))


def _module(runtime: str) -> Any:
    if runtime not in MODEL_RUNTIMES:
        raise ValueError(f"{runtime!r} runs no model files: the runtimes that do are {', '.join(MODEL_RUNTIMES)}")
    return import_module(f"nas.device.{runtime}_session")


def stamp(path: Path) -> str:
    """Twelve hex digits of a file's SHA-256: two builds of one version are two libraries."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()[:12]
