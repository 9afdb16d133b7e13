"""Memory that a process no longer needs."""

from __future__ import annotations

import ctypes
import gc


def return_memory() -> None:
    """Gives the memory of what was deleted back to the system, if its C library can do that.

    The C library keeps freed blocks of up to some megabytes for the process: of eight networks that were closed, ONNX
    Runtime and LiteRT left three quarters of their memory behind.
    """
    gc.collect()
    trim_memory()


def trim_memory() -> None:
    """The same for what was deleted already; takes a millisecond, not the tenth of a second of a collection."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
