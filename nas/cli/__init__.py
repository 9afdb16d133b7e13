"""The command line: wires the floors together; the only place that prints."""

import os
import sys

# One thread a process: two threads on busy cores are slower than one, and timings are of one thread.
for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")


def main() -> None:
    """Run the command line; a user's mistake ends in a sentence and exit code 2, never in a traceback."""
    from nas.cli.app import app
    from nas.cli.output import log
    from nas.errors import NasError

    try:
        app()
    except NasError as error:
        log(f"nas: {error}")
        sys.exit(error.exit_code)
    except OSError as error:
        log(f"nas: {error.filename or 'the system'}: {error.strerror or error}. What is finished is kept.")
        sys.exit(2)
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "memory" not in str(error):
            raise
        log(f"nas: this machine's memory is full ({(str(error).splitlines() or ['no more is free'])[0]}). ")
        log("What is finished is kept: stop other programs, or give fewer --workers or a smaller --train-resolution.")
        sys.exit(2)
    except KeyboardInterrupt:
        log("nas: stopped. Start the same command again to go on where it was.")
        sys.exit(130)
