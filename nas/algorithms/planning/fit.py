"""`fit_budget`: the most of a run that is predicted to fit into a budget of time."""

import math
from collections.abc import Callable, Collection, Iterable

from nas.algorithms.planning.run_plan import Amounts, PlannedStage, RunPlan
from nas.errors import NasError
from nas.units import told_s


def fit_budget(
    attempts: Iterable[Amounts],
    predict: Callable[[Amounts], tuple[PlannedStage, ...]],
    given: Collection[str],
    budget_s: float,
) -> RunPlan:
    """The plan of the first of some falling amounts that fit.

    Raises NasError, which says what the least is and which of the amounts `given` could be left out, where none does.
    """
    found = None
    for amounts in attempts:
        found = RunPlan(amounts, predict(amounts), budget_s)
        if found.seconds <= budget_s:
            return found
    assert found is not None
    longest = sorted(found.stages, key=lambda stage: -stage.seconds)[:3]
    raise NasError(
        f"--budget: {told_s(budget_s)} is too little. The least that can be done here takes about "
        f"{told_s(found.seconds)} ({', '.join(f'{stage.name} {told_s(stage.seconds)}' for stage in longest)}, …). Give "
        f"--budget {math.ceil(found.seconds / 60) + 1}m{_loosen(given)}."
    )


def _loosen(given: Collection[str]) -> str:
    names = ", ".join("--" + name.replace("_", "-") for name in sorted(given))
    return f", or leave out {names}" if names else ""
