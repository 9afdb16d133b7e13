"""Where and how networks are timed, and the bench that it names."""

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

from nas.api.options.declare import DEVICE, MOST, option
from nas.interfaces import Say

if TYPE_CHECKING:
    from nas.bench.bench import Bench
    from nas.latency.table_file.header import Header

PrecisionName = Literal["float32", "int8"]
PrecisionOption = Annotated[PrecisionName, option(DEVICE, "float32, or int8 quantised after training.")]
BatchOption = Annotated[
    Annotated[int, Meta(ge=1, le=1024)], option(DEVICE, "Images an inference; the latency is of the whole batch.")
]


class Setup(Struct, frozen=True, kw_only=True):
    """The conditions of a latency."""

    runtime: Annotated[str, option(MOST, "What the network ships on: see `nas runtimes`.")] = "onnxruntime"
    precision: PrecisionOption = "float32"
    threads: Annotated[Annotated[int, Meta(ge=1, le=256)], option(DEVICE, "Threads of the runtime.")] = 1
    batch: BatchOption = 1
    device: Annotated[str | None, option(DEVICE, "A board, ssh://USER@HOST[:PORT]; default: this machine.")] = None
    gap_ms: Annotated[
        Annotated[float, Meta(ge=0, le=10_000)], option(DEVICE, "Pause before each run; 0 is back to back.")
    ] = 0.0


def describe_setup(setup: Setup) -> str:
    """The runtime and all that is not the default, in words.

    >>> describe_setup(Setup(threads=2))
    'onnxruntime 2 threads'
    """
    extra = [
        "" if setup.precision == "float32" else setup.precision,
        "" if setup.threads == 1 else f"{setup.threads} threads",
        "" if setup.batch == 1 else f"batch {setup.batch}",
        "" if setup.device is None else f"on {setup.device}",
        "" if setup.gap_ms == 0 else f"{setup.gap_ms:g} ms apart",
    ]
    return " ".join([setup.runtime, *filter(None, extra)])


def setup_of(header: "Header", device: str | None = None) -> Setup:
    """What a table was measured with, so that nobody need type it again."""
    found = header.conditions
    precision: PrecisionName = "int8" if found.precision == "int8" else "float32"
    return Setup(
        runtime=found.runtime,
        threads=found.threads,
        batch=found.batch,
        precision=precision,
        device=device,
        gap_ms=header.fingerprint.gap_ms,
    )


def open_bench(setup: Setup, say: Say) -> "Bench":
    """This machine or a board, with the runtime; raises NasError where it is not to be had."""
    from nas.bench.bench import LocalBench
    from nas.runtimes import open_runtime

    runtime = open_runtime(setup.runtime, setup.threads, setup.batch, setup.precision)
    if setup.device is None:
        return LocalBench(runtime, gap_ms=setup.gap_ms)
    from nas.bench.boards.board import SshBench

    return SshBench(setup.device, runtime, gap_ms=setup.gap_ms, say=say)
