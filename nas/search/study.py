"""The block search's proposer, an ordinary Optuna study asked and told. The only file that knows Optuna."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import Trial, TrialState

from nas.design.architecture import Architecture
from nas.design.space import SearchSpace
from nas.errors import InvalidRun
from nas.search.journal import cut_torn_line
from nas.search.work import derive

_TOLD = (TrialState.COMPLETE, TrialState.PRUNED)


class Candidate:
    """A trial that has been asked for and not yet told."""

    def __init__(self, trial: Trial, architecture: Architecture) -> None:
        self.trial, self.architecture = trial, architecture

    def constrain(self, excess_ms: float) -> None:
        """Note by how much the predicted latency is over the budget (zero or less: feasible)."""
        self.trial.set_constraint("latency", excess_ms)

    def report(self, accuracy: float, rung: int) -> bool:
        """Note the accuracy after a rung; whether the trial should stop here."""
        self.trial.report(accuracy, rung)
        return self.trial.should_prune()


class Study:
    """Asks Optuna for architectures. Killed at any moment and opened again, it goes on as if nothing had happened.

    A killed process leaves a torn last line, a lock and RUNNING trials. The line is cut back, the lock removed
    (the run folder has one writer), the trials are failed and enqueued again, so that the next ask returns them.
    The sampler keeps no state in the file: it is seeded anew from the seed and the number of trials before every ask.
    """

    def __init__(self, path: Path, space: SearchSpace, resolution: int, classes: int, seed: int, startup: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.space, self.resolution, self.classes, self.seed, self.startup = space, resolution, classes, seed, startup
        self._options = space.options()
        cut_torn_line(path)
        Path(f"{path}.lock").unlink(missing_ok=True)
        try:
            storage = JournalStorage(JournalFileBackend(str(path), JournalFileOpenLock(str(path))))
            self._study = optuna.create_study(
                storage=storage,
                study_name="nas",
                direction="maximize",
                load_if_exists=True,
                pruner=optuna.pruners.MedianPruner(n_startup_trials=4),
            )
        except (ValueError, KeyError) as error:
            raise InvalidRun(f"{path}: is damaged ({error}). Restore it, or start over with --fresh.") from error
        self._requeue()

    def _requeue(self) -> None:
        """Enqueue what was asked, then what was about to be: in the order in which it would have come."""
        running = self._study.get_trials(states=(TrialState.RUNNING,))
        waiting = self._study.get_trials(states=(TrialState.WAITING,))
        for trial in running:
            self._study.tell(trial.number, state=TrialState.FAIL)
        for _ in waiting:
            self._study.tell(self._study.ask(), state=TrialState.FAIL)
        for choices in (*(t.params for t in running), *(t.system_attrs["fixed_params"] for t in waiting)):
            self._study.enqueue_trial(choices)

    def told(self) -> int:
        """How many trials are finished."""
        return self._count(*_TOLD)

    def waiting(self) -> bool:
        """Whether the next ask returns a trial that is enqueued."""
        return self._count(TrialState.WAITING) > 0

    def _count(self, *states: TrialState) -> int:
        return len(self._study.get_trials(deepcopy=False, states=states))

    def enqueue(self, choices: Mapping[str, Any]) -> None:
        """Have these choices returned by the next ask."""
        self._study.enqueue_trial(dict(choices))

    def ask(self) -> Candidate:
        """The next candidate."""
        self._study.sampler = TPESampler(
            seed=derive("sampler", self.seed, self._count(*_TOLD, TrialState.RUNNING)),
            n_startup_trials=self.startup,
            multivariate=True,
        )
        trial = self._study.ask()
        # An option may be None or mixed; Optuna's categories take any of them.
        choose = lambda name, _: trial.suggest_categorical(name, self._options[name])  # noqa: E731
        return Candidate(trial, self.space.draw(choose, self.resolution, self.classes))

    def tell(self, candidate: Candidate, value: float | None) -> None:
        """Finish a candidate; None means pruned or infeasible."""
        if value is None or not math.isfinite(value):
            self._study.tell(candidate.trial, state=TrialState.PRUNED)
        else:
            self._study.tell(candidate.trial, value)
