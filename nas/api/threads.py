"""One thread, as on the command line: timings are of one, and on busy cores two are slower than one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread, in processes that are started meanwhile too; afterwards with as many as before."""
    import torch

    from nas.nets.worker import prepare_process

    before, exact = torch.get_num_threads(), torch.backends.cudnn.allow_tf32
    missing = [name for name in _VARIABLES if name not in os.environ]
    os.environ.update(dict.fromkeys(missing, "1"))
    try:
        prepare_process()
        yield
    finally:
        torch.set_num_threads(before)
        torch.backends.cudnn.allow_tf32 = exact
        for name in missing:
            os.environ.pop(name, None)
