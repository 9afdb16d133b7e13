"""The command line: wires the floors together; the only place that prints."""

import os
import sys

# One thread a process: two threads on busy cores are slower than one, and timings are of one thread.
for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

# What PyTorch says where the system or the GPU has no more memory.
_FULL = ("out of memory", "t allocate memory", "not enough memory")
_INTERRUPTED = 130  # what a shell makes of Ctrl-C
_STOPPED = "nas: stopped. What a run has finished is kept: the same command, or 'nas resume RUN', goes on where it was."


def main() -> None:
    """Run the command line; a user's mistake ends in a sentence and exit code 2, never in a traceback."""
    from nas.cli.app import app
    from nas.cli.text.output import complain
    from nas.errors import NasError

    try:
        app()
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            complain(_STOPPED)
        raise
    except NasError as error:
        complain(f"nas: {error}")
        sys.exit(error.exit_code)
    except OSError as error:
        complain(f"nas: {error.filename or 'the system'}: {error.strerror or error}. What is finished is kept.")
        sys.exit(2)
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not any(text in str(error) for text in _FULL):
            raise
        reason = (str(error).splitlines() or ["no more is free"])[0]
        complain(
            f"nas: the memory is full ({reason}). What is finished is kept: stop other programs, or give fewer "
            "--workers or a smaller --train-resolution."
        )
        sys.exit(2)
    except KeyboardInterrupt:
        complain(_STOPPED)
        sys.exit(_INTERRUPTED)
