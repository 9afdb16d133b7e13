"""`Run`: a run folder as a value, for people who work in Python."""

import html
from functools import cached_property
from pathlib import Path
from typing import Any

from msgspec.structs import asdict

from nas.algorithms.budgets import describe_uses
from nas.algorithms.pipeline.result_file import Result, Summary
from nas.api.options.python_names import in_python
from nas.api.running.finished import AnyResult, load_result
from nas.design.architecture import Architecture
from nas.design.size import describe_size
from nas.errors import InvalidRun
from nas.notebook import as_html
from nas.report.folder import RunContents, read_run
from nas.units import told_ms

Row = dict[str, Any]


class Run:
    """A run in its folder, finished or not. What it holds is read once, when it is first asked for."""

    def __init__(self, folder: Path, result: AnyResult | None = None) -> None:
        """`result` is what it ended with, if that is known. Raises InvalidRun where the folder holds no run."""
        self.folder, self._known = folder, result
        if not (folder / "settings.json").exists():
            raise InvalidRun(f"{folder}: holds no settings.json, so it is no run.")

    @cached_property
    def _contents(self) -> RunContents:
        several = isinstance(self.result, Summary)
        return RunContents(self.folder.name) if several else read_run(self.folder)

    def _rows(self, name: str) -> list[Row]:
        """Records of a kind as rows; of several targets, each with the target's name."""
        if targets := self.targets:
            return [{"target": target, **row} for target, run in targets.items() for row in run._rows(name)]
        return [_row(record) for record in getattr(self._contents, name)]

    @cached_property
    def result(self) -> AnyResult | None:
        """What the run ended with: of one target, of several, or a whole front; None while it is unfinished."""
        return self._known or load_result(self.folder)

    @property
    def targets(self) -> dict[str, "Run"]:
        """The runs of each target, by its name, where there are several."""
        return {path.parent.name: Run(path.parent) for path in sorted(self.folder.glob("*/settings.json"))}

    @property
    def trials(self) -> list[Row]:
        """The networks that the block search asked for, one row each; `pandas.DataFrame(run.trials)` is a table."""
        return self._rows("trials")

    @property
    def steps(self) -> list[Row]:
        """The networks that NetAdapt went through, from its seed to the last, one row each."""
        return self._rows("steps")

    @property
    def finished(self) -> list[Row]:
        """The networks that were trained to the end and measured, baselines too, one row each."""
        return self._rows("finished")

    @property
    def architecture(self) -> Architecture | None:
        """The network that ships, None as long as there is none."""
        return self._contents.architecture

    @property
    def model(self) -> Path | None:
        """The model file that ships."""
        return min(self.folder.glob("model.*"), default=None)

    @property
    def weights(self) -> Path | None:
        """Its weights, for `nas.module`, `nas.train` and `nas.export`."""
        path = self.folder / "weights.safetensors"
        return path if path.exists() else None

    @in_python()
    def module(self) -> Any:
        """The network that ships as a torch module with its weights, in evaluation mode.

        Raises InvalidRun where the run has none.
        """
        from nas.api.networks import module

        if self.architecture is None or self.weights is None:
            raise InvalidRun(f"{self.folder}: has no finished network yet. Go on with it: nas resume {self.folder}")
        return module(self.architecture, self.weights)

    @in_python()
    def report(self) -> Path:
        """Write report.html, one page that needs no network, and return its path."""
        from nas.report.pages.page import write_report

        return write_report(self.folder)

    def __repr__(self) -> str:
        return f"<Run {self.folder}: {self._line()}>"

    def _repr_html_(self) -> str:
        """The result as a table, as a notebook shows it."""
        if not isinstance(self.result, Result):
            return f"<p>{html.escape(repr(self))}</p>"
        return f"{as_html(_table(self.result))}<p>{html.escape(str(self.folder))}</p>"

    def _line(self) -> str:
        match self.result:
            case None:
                return f"unfinished, {len(self._contents.trials)} trials, {len(self._contents.steps)} steps"
            case Result() as found:
                return ", ".join(f"{name} {value}" for name, value in _table(found).items())
            case Summary() as found:
                return f"{len(found.results)} targets met, {len(found.missed)} missed"
            case found:
                return f"a front of {len(found.networks)} networks"


def _table(result: Result) -> dict[str, str]:
    low, high = result.accuracy_ci95
    limits = {"limits": describe_uses(result.budgets)} if result.budgets else {}
    return {
        "target": f"{result.target_ms:g} ms",
        "latency": f"{told_ms(result.settled_ms)} ms ({told_ms(result.predicted_ms)} predicted)",
        f"test {result.metric}": f"{result.accuracy:.1%} ({low:.1%} to {high:.1%})",
        "resolution": f"{describe_size(result.resolution)} px",
        "parameters": f"{result.params / 1e6:.2f} M",
        "MACs": f"{result.macs / 1e6:.0f} M",
        **limits,
        "runtime": f"{result.runtime} on {result.device}",
    }


def _row(record: Any) -> Row:
    """A record with its scores and measurements as columns of their own."""
    row: Row = {}
    for name, value in asdict(record).items():
        if name in ("trained", "validation", "test", "score") and value is not None:
            prefix = "" if name == "score" else f"{name}_"
            row |= {f"{prefix}accuracy": value.accuracy, f"{prefix}loss": value.loss}
        elif name == "measurement":
            row |= {"measured_ms": value.measured_ms, "nominal_ms": value.nominal_ms}
        elif name not in ("key", "by_class"):
            row[name] = value
    return row
