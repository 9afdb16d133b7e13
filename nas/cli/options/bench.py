"""The options that say where and how a network is timed, and the bench they name."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec import Struct

from nas.cli.text.output import log

if TYPE_CHECKING:
    from nas.bench.bench import Bench
    from nas.latency.table_file.header import Header


class Precision(StrEnum):
    """What the deployed network computes in."""

    float32 = "float32"
    int8 = "int8"


RuntimeName = Annotated[str, typer.Option("--runtime", help="What the network ships on: see `nas runtimes`.")]
Threads = Annotated[int, typer.Option(min=1, max=256, help="Threads of the runtime.")]
BatchOption = Annotated[
    int, typer.Option(min=1, max=1024, help="Images an inference; the latency is of the whole batch.")
]
PrecisionOption = Annotated[Precision, typer.Option("--precision", help="float32, or int8 quantised after training.")]
DeviceOption = Annotated[
    str | None, typer.Option("--device", help="A board, ssh://USER@HOST[:PORT]; default: this machine.")
]
AllowFailed = Annotated[bool, typer.Option("--allow-failed", help="Take a table whose validation failed, too.")]
Gap = Annotated[float, typer.Option("--gap-ms", min=0, max=10_000, help="Pause before each run; 0 is back to back.")]


class Latency(StrEnum):
    """What a latency is: the median, or what so many percent of all runs keep."""

    p50 = "p50"
    p90 = "p90"
    p99 = "p99"


LatencyOption = Annotated[
    Latency,
    typer.Option("--latency", help="The median of runs, or what 90 % or 99 % of all runs keep (for deadlines)."),
]


class Setup(Struct, frozen=True):
    """Where and how networks are timed, as typed."""

    runtime: str = "onnxruntime"
    threads: int = 1
    batch: int = 1
    precision: str = "float32"
    device: str | None = None
    gap_ms: float = 0.0

    def __str__(self) -> str:
        """The runtime and all that is not the default, in words."""
        extra = [
            "" if self.precision == "float32" else self.precision,
            "" if self.threads == 1 else f"{self.threads} threads",
            "" if self.batch == 1 else f"batch {self.batch}",
            "" if self.device is None else f"on {self.device}",
            "" if self.gap_ms == 0 else f"{self.gap_ms:g} ms apart",
        ]
        return " ".join([self.runtime, *filter(None, extra)])


def setup_of(header: "Header", device: str | None = None) -> Setup:
    """What a table was measured with, so that nobody need type it again."""
    found = header.conditions
    return Setup(found.runtime, found.threads, found.batch, found.precision, device, header.fingerprint.gap_ms)


def open_bench(setup: Setup) -> "Bench":
    """This machine or a board, with the runtime; raises NasError where it is not to be had."""
    from nas.bench.bench import LocalBench
    from nas.runtimes import open_runtime

    runtime = open_runtime(setup.runtime, setup.threads, setup.batch, setup.precision)
    if setup.device is None:
        return LocalBench(runtime, gap_ms=setup.gap_ms)
    from nas.bench.boards.board import SshBench

    return SshBench(setup.device, runtime, gap_ms=setup.gap_ms, say=log)
