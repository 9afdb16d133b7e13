"""What a look at the hold-out gives, as the outcome of a job."""

import time
from collections.abc import Callable

import torch

from nas.errors import Diverged
from nas.jobs import Outcome
from nas.nets.tasks.task import Judged


def outcome_of(judged: Judged, seconds: float) -> Outcome:
    """The outcome of what a network made of a split; raises Diverged where a loss is no number."""
    if not bool(torch.isfinite(judged.losses).all()):
        raise Diverged("Training diverged: the loss of a validation image is no number. Try a smaller learning rate.")
    return Outcome(judged.score, tuple(judged.losses.tolist()), seconds)


def unless_diverged(look: Callable[[], Outcome], began: float) -> Outcome:
    """An edit that leaves nothing to go on with is refused; there are others."""
    try:
        return look()
    except Diverged as error:
        return Outcome.refusal(str(error), time.perf_counter() - began)
