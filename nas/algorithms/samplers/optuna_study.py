"""The block search's proposer, an ordinary Optuna study asked and told. The only file that knows Optuna."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState

from nas.algorithms.pipeline.context import MakeSampler, SamplerKind
from nas.algorithms.pipeline.journal import cut_torn_line
from nas.algorithms.samplers.encoding import Genes, Genome
from nas.algorithms.samplers.predictor import Proposer, RecordExcess
from nas.algorithms.workers.job_cache import derive
from nas.design.architecture import Architecture
from nas.design.size import Size
from nas.design.space import SearchSpace
from nas.errors import InvalidRun, NasError

_DIRECTIONS = (StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE)  # of the value, of the latency
_TOLD = (TrialState.COMPLETE, TrialState.PRUNED)

# At least. Small, because a search has hundreds of trials: 20 did better than Optuna's 50 with so few.
_POPULATION = 20


class PredictorSampler(BaseSampler):
    """An Optuna sampler that asks a `Proposer`. It has no state of its own: the trials of the study are its memory.

    A trial that was neither completed nor pruned has no value, but what it asked for is not asked for again.
    """

    def __init__(self, proposer: Proposer) -> None:
        self._proposer, self._genome = proposer, proposer.genome
        options = self._genome.options.items()
        self._space: dict[str, BaseDistribution] = {name: CategoricalDistribution(values) for name, values in options}
        self._rows: dict[int, Genes] = {}

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All decisions: they are always drawn together."""
        return self._space

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The next choices; a killed trial's, asked again, are found by its being the same question."""
        trials = [t for t in study.get_trials(deepcopy=False) if t.number != trial.number and self._known(t)]
        valued = [t for t in trials if t.state == TrialState.COMPLETE]
        return self._proposer.propose(
            rows=self._stack(valued),
            values=np.array([t.value for t in valued], dtype=float),
            asked=self._stack(trials),
            number=sum(t.state in (*_TOLD, TrialState.RUNNING) for t in trials),
        )

    def _known(self, trial: FrozenTrial) -> bool:
        """Whether a trial's choices are there; one that was killed while it asked has some of them only."""
        return trial.number in self._rows or len(trial.params) == len(self._space)

    def _stack(self, trials: list[FrozenTrial]) -> Genes:
        for trial in trials:
            if trial.number not in self._rows:
                self._rows[trial.number] = self._genome.encode(trial.params)
        return np.array([self._rows[t.number] for t in trials], dtype=int).reshape(-1, len(self._space))

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Never asked for, but an Optuna sampler has to have it."""
        return RandomSampler(seed=trial.number).sample_independent(study, trial, param_name, param_distribution)


class Candidate:
    """A trial that has been asked for and not yet told."""

    def __init__(self, trial: Trial, architecture: Architecture, prunable: bool = True) -> None:
        self.trial, self.architecture, self._prunable = trial, architecture, prunable

    def constrain(self, excess_ms: float) -> None:
        """Note by how much the predicted latency is over the budget (zero or less: feasible)."""
        self.trial.set_constraint("latency", excess_ms)

    def report(self, accuracy: float, rung: int) -> bool:
        """Note the accuracy after a rung; whether the trial should stop here. With two objectives none ever does."""
        if not self._prunable:
            return False
        self.trial.report(accuracy, rung)
        return self.trial.should_prune()


class Study:
    """Asks Optuna for architectures. Killed at any moment and opened again, it goes on as if nothing had happened.

    A killed process leaves a torn last line, a lock and RUNNING trials. The line is cut back, the lock removed
    (the run folder has one writer), the trials are failed and enqueued again, so that the next ask returns them.
    The sampler keeps no state in the file: it is seeded anew from the seed and the number of trials before every ask.

    `startup` trials are random. `batch` are asked before they are told: a generation of NSGA-II is made of whole
    batches, so that it ends between two of them, and a killed batch is asked again in its own. The predictor asks
    `excess` how far an architecture is over the budget before it proposes it (None: nothing is); the other samplers
    learn that from `Candidate.constrain`. With `front`, or with the sampler "motpe", latency is a second objective.
    `make_sampler` makes a sampler of the caller's own of a seed.
    """

    def __init__(
        self,
        path: Path,
        space: SearchSpace,
        resolution: Size,
        classes: int,
        seed: int,
        startup: int,
        sampler: SamplerKind = "tpe",
        excess: Callable[[Architecture], float] | None = None,
        front: bool = False,
        batch: int = 4,
        make_sampler: MakeSampler | None = None,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.space, self.resolution, self.classes, self.seed, self.startup = space, resolution, classes, seed, startup
        self.sampler, self.objectives = sampler, 2 if front or sampler == "motpe" else 1
        if self.objectives == 2 and sampler == "predictor":
            raise NasError('The sampler "predictor" has one objective: take "motpe" or "nsga2" for a whole front.')
        self._make = make_sampler
        self._options, self._population = space.options(), batch * -(-_POPULATION // batch)
        self._predictor = self._make_predictor(excess) if sampler == "predictor" else None
        cut_torn_line(path)
        Path(f"{path}.lock").unlink(missing_ok=True)
        try:
            storage = JournalStorage(JournalFileBackend(str(path), JournalFileOpenLock(str(path))))
            self._study = optuna.create_study(
                storage=storage,
                study_name="nas",
                directions=_DIRECTIONS[: self.objectives],
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
        self._study.sampler = sampler = self._sampler()
        trial = self._study.ask()
        if isinstance(sampler, NSGAIISampler):
            # Optuna leaves what is enqueued out of the population: what one would do by hand would have no children.
            sampler.get_trial_generation(self._study, self._study.get_trials(deepcopy=False)[trial.number])
        # Every decision is asked for, whether this network has it or not: samplers learn from a fixed set of them.
        # An option may be None or mixed; Optuna's categories take any of them.
        choices = {name: trial.suggest_categorical(name, options) for name, options in self._options.items()}
        return Candidate(trial, self._draw(choices), self.objectives == 1)

    def _draw(self, choices: Mapping[str, Any]) -> Architecture:
        return self.space.draw(lambda name, _: choices[name], self.resolution, self.classes)

    def _sampler(self) -> BaseSampler:
        seed = derive("sampler", self.seed, self._count(*_TOLD, TrialState.RUNNING))
        if self._make is not None:
            return require_sampler(self._make(seed))
        if self._predictor is not None:
            return self._predictor
        if self.sampler == "nsga2":
            return NSGAIISampler(seed=seed, population_size=self._population)
        if self.sampler == "random":
            return RandomSampler(seed=seed)
        return TPESampler(seed=seed, n_startup_trials=self.startup, multivariate=self.objectives == 1)

    def _make_predictor(self, excess: Callable[[Architecture], float] | None) -> PredictorSampler:
        over: RecordExcess = (lambda choices: excess(self._draw(choices))) if excess else (lambda choices: 0.0)
        return PredictorSampler(Proposer(Genome(self.space), over, derive("sampler", self.seed), self.startup))

    def tell(self, candidate: Candidate, value: float | None, latency_ms: float = 0.0) -> None:
        """Finish a candidate; None means pruned or infeasible. The latency counts where it is an objective."""
        if value is None or not math.isfinite(value):
            self._study.tell(candidate.trial, state=TrialState.PRUNED)
        else:
            self._study.tell(candidate.trial, [value, latency_ms][: self.objectives])


def require_sampler(made: object) -> BaseSampler:
    """Return what a function of the caller's made; raises NasError if it is no Optuna sampler."""
    if not isinstance(made, BaseSampler):
        raise NasError(
            f"The function given as sampler returned {made!r}, which is no Optuna sampler: return one made of the seed."
        )
    return made
