"""The head of a network follows from what the data is for."""

from nas.design.architecture import Architecture
from nas.design.dense.head import USUAL_HEAD, DenseHead, HeadName, TaskName
from nas.design.published.dense import HEADS, put_head
from nas.design.space import SearchSpace, with_dense
from nas.errors import NasError


def fit_head(name: str, arch: Architecture, task: TaskName, head: HeadName | None) -> Architecture:
    """A network with a head for a task: its own if it is for that task, else `head` or the task's usual one.

    Raises NasError for a network of another task, and for a head that does not fit the task or the network.
    """
    require_head(task, head)
    if arch.task == task:
        own = arch.dense.kind if isinstance(arch.dense, DenseHead) else None
        if head not in (None, own):
            raise NasError(f"{name}: has the head {own} already. Leave --head {head} out, or give its backbone.")
        return arch
    if arch.task != "classification":
        raise NasError(f"{name}: is a network for {arch.task}, but the data is for {task}.")
    try:
        return put_head(head or USUAL_HEAD[task], arch, 1.0, False)
    except ValueError as error:
        raise NasError(f"{name}: cannot be made a network for {task}: {error}.") from error


def fit_space(space: SearchSpace, task: TaskName, head: HeadName | None) -> SearchSpace:
    """A space whose networks have a head for a task; raises NasError as `fit_head` does."""
    require_head(task, head)
    return with_dense(space, head or task)


def require_head(task: TaskName, head: HeadName | None) -> None:
    """Raise NasError for a head that is not for the task."""
    fits = [name for name, dense in HEADS.items() if dense.task == task]
    if head is not None and head not in fits:
        hint = f"Heads for {task} are {', '.join(fits)}" if fits else "Networks that classify need none"
        raise NasError(f"--head {head} is not for {task}, which the data is for. {hint}.")
