"""Hardware-aware neural architecture search: the most accurate network that runs within a latency target.

    import nas

    run = nas.search("15ms", data="photos/")
    run.result, run.trials, run.module()

Every command is one call with the same options and defaults. Nothing is printed; `log=print` tells what is going on.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nas.api.exporting import export
    from nas.api.guidelines import guidelines
    from nas.api.latency import build_table, estimate, load_table, measure
    from nas.api.networks import from_torch, module, network
    from nas.api.run import Run
    from nas.api.runs import netadapt, open_run, search
    from nas.api.training import train
    from nas.design.architecture import Architecture
    from nas.design.space import SearchSpace, load_space
    from nas.errors import NasError
    from nas.latency.table import LatencyTable

__version__ = "0.1.0"
__all__ = [
    "Architecture",
    "LatencyTable",
    "NasError",
    "Run",
    "SearchSpace",
    "build_table",
    "estimate",
    "export",
    "from_torch",
    "guidelines",
    "load_space",
    "load_table",
    "measure",
    "module",
    "netadapt",
    "network",
    "open_run",
    "search",
    "train",
]

# Where each name lives: it is imported when it is first used, so that `import nas` costs nothing.
_HOMES = {
    "Architecture": "nas.design.architecture",
    "LatencyTable": "nas.latency.table",
    "NasError": "nas.errors",
    "Run": "nas.api.run",
    "SearchSpace": "nas.design.space",
    "build_table": "nas.api.latency",
    "estimate": "nas.api.latency",
    "export": "nas.api.exporting",
    "from_torch": "nas.api.networks",
    "guidelines": "nas.api.guidelines",
    "load_space": "nas.design.space",
    "load_table": "nas.api.latency",
    "measure": "nas.api.latency",
    "module": "nas.api.networks",
    "netadapt": "nas.api.runs",
    "network": "nas.api.networks",
    "open_run": "nas.api.runs",
    "search": "nas.api.runs",
    "train": "nas.api.training",
}


def __getattr__(name: str) -> Any:
    """A public name, from where it lives."""
    if name not in _HOMES:
        raise AttributeError(f"module 'nas' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted([*__all__, "__version__"])
