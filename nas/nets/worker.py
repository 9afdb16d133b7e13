"""`Worker`: does the jobs of a search with torch."""

import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import assert_never

import torch
from msgspec import Struct
from msgspec.structs import replace

from nas.design.alternatives import assembled
from nas.design.architecture import Architecture
from nas.design.edits.edit import Edit, block_origins, edited
from nas.design.graph import is_normed, lower
from nas.device.memory import trim_memory
from nas.jobs import (
    Adapt,
    Assemble,
    EvaluateEdits,
    EvaluateShared,
    ImportanceName,
    Job,
    Outcome,
    Share,
    Teacher,
    Train,
    TrainPieces,
)
from nas.nets.data.dataset import Data, Split
from nas.nets.library.assemble import assembled_state, read_library
from nas.nets.library.pieces import PIECE_RATE, make_pieces, tensors_of
from nas.nets.network import Network, build, with_weights
from nas.nets.outcomes import outcome_of, unless_diverged
from nas.nets.pruning.inherit import inherit
from nas.nets.pruning.parent import Parent, open_parent
from nas.nets.pruning.screen import Branch, branch_off, parting, screen
from nas.nets.supernet.supernet import Sandwich, Sharing, SinglePath, SupernetEvaluator, train_supernet
from nas.nets.training.batches import device, mixed, placed
from nas.nets.training.loop import TrainingRun, evaluate, recalibrate, steps_in_epoch, train
from nas.nets.training.optim import optimiser_of
from nas.nets.training.recipe import Recipe, peak_rate
from nas.nets.training.resumable import begin, course_of, finish_segment
from nas.nets.weights.weights_file import State, load_weights, save_weights, state_of

TrainFunction = Callable[[Network, Split, float, int], object]
"""Trains a network in place: the network, the training images (uint8) with labels, epochs, a seed."""


class WorkerSettings(Struct, frozen=True):
    """All but the data that another process needs to open the same learner."""

    recipe: Recipe = Recipe()
    threads: int = 1
    train: TrainFunction | None = None


def open_worker(settings: WorkerSettings, data: Data) -> "Worker":
    """A learner on data that it never writes to: other processes may share the memory."""
    prepare_process(settings.threads)
    return Worker(data, settings.recipe, settings.train)


def prepare_process(threads: int = 1) -> None:
    """Set up torch in this process: on busy cores two threads are slower than one.

    A GPU's convolutions are exact to float32, so that a network is judged as the exported file will be.
    """
    torch.set_num_threads(threads)
    torch.backends.cudnn.allow_tf32 = False


class Worker:
    """Trains and adapts networks on one data set; on a CPU the same job gives exactly the same outcome.

    There is one rule of resolution: a network is trained to the end, judged and cut at the one that it ships at.
    """

    def __init__(self, data: Data, recipe: Recipe | None = None, own: TrainFunction | None = None) -> None:
        """`own` trains networks instead of the loop of this package."""
        self._own = own
        self.data = data.to(device())
        self.recipe = recipe or Recipe()
        self._looked = replace(self.data, val=self.data.val.thinned(self.recipe.look_images))
        self._opened: tuple[Path, SupernetEvaluator] | None = None
        self._parent: tuple[tuple[Architecture, Path, ImportanceName, bool], Parent] | None = None

    def __call__(self, job: Job) -> Outcome:
        """Do a job, write its weights to `job.out` and look at the validation split.

        The memory of its network is then the system's again: a worker that waits does not hold that of its last job.
        """
        try:
            return self._do(job, time.perf_counter())
        finally:
            trim_memory()

    def _do(self, job: Job, began: float) -> Outcome:
        self._opened = self._opened if isinstance(job, EvaluateShared) else None
        self._parent = self._parent if isinstance(job, Adapt | EvaluateEdits | TrainPieces) else None
        match job:
            case Train():
                return self._outcome(self._train(job), began)
            case Adapt():
                return unless_diverged(lambda: self._outcome(self._adapt(job), began), began)
            case Share():
                return self._share(job, began)
            case EvaluateShared():
                return self._judge(job)
            case EvaluateEdits():
                return self._screen(job, began)
            case TrainPieces():
                return self._train_pieces(job, began)
            case Assemble():
                return self._assemble(job, began)
            case _:
                assert_never(job)

    def _train(self, job: Train) -> Network:
        network = placed(build(lower(job.architecture), self.recipe.dropout, mixed(job.seed, 0)))
        if self._own is not None:
            return self._train_own(network, job, self._own)
        course = course_of(job, self.data, self.recipe)
        optimiser, average = begin(network, job, course, self.recipe)
        teacher = self._teacher(job.teacher) if job.teacher else None
        train(network, optimiser, self.data.train, course, self.recipe, average, teacher)
        finish_segment(network, job.out, optimiser, average, self.data.train, course, self.recipe)
        return network

    def _train_own(self, network: Network, job: Train, train: TrainFunction) -> Network:
        if job.start is not None:
            network.load_state_dict(load_weights(job.start, job.architecture).state, strict=False)
        train(network, self.data.train, job.last - job.first, mixed(job.seed, int(job.first)))
        save_weights(job.out, state_of(network))
        return network.eval()

    def _teacher(self, teacher: Teacher) -> Network:
        """A trained network, as it is."""
        arch = teacher.architecture
        return self._with_weights(arch, load_weights(teacher.weights, arch).state).eval()

    def _adapt(self, job: Adapt) -> Network:
        parent = self._looked_at(job.parent, job.weights, job.importance, job.repair)
        network, resolution = self._edited(parent, job.edit), job.child.resolution
        rate = peak_rate(self.recipe, self.data, gentle=True, normed=is_normed(network.graph))
        course = TrainingRun(0, job.steps, job.steps, rate, resolution, job.seed, self.data.mirror)
        train(network, optimiser_of(network, self.recipe), self.data.train, course, self.recipe)
        recalibrate(network, self.data.train, resolution, self.recipe.adapt_norm_images)
        save_weights(job.out, state_of(network))
        return network

    def _edited(self, parent: Parent, edit: Edit | None) -> Network:
        """The network after an edit, with what it inherits."""
        arch = parent.architecture
        child = arch if edit is None else edited(arch, edit)
        origins = block_origins(arch, edit)
        state = inherit(lower(arch), lower(child), parent.state, parent.scores, origins, parent.moments)
        return self._with_weights(child, state)

    def _screen(self, job: EvaluateEdits, began: float) -> Outcome:
        arch = job.architecture
        parent = self._looked_at(arch, job.weights, job.importance, job.repair)
        branches = [self._branch(parent, edit) for edit in job.edits]
        return self._seen(parent, branches, began)

    def _seen(self, parent: Parent, branches: Sequence[Branch], began: float) -> Outcome:
        """What a network and its branches make of the hold-out."""
        own, seen = screen(parent.network, branches, self._looked, self.recipe.adapt_norm_images)
        each = (time.perf_counter() - began) / max(1, len(seen))
        return replace(
            outcome_of(own, time.perf_counter() - began),
            edits=tuple(unless_diverged(partial(outcome_of, one, each), began) for one in seen),
        )

    def _branch(self, parent: Parent, edit: Edit) -> Branch:
        network = self._edited(parent, edit)
        first = parting(parent.network.graph, network.graph, block_origins(parent.architecture, edit))
        return branch_off(parent.network, network, first)

    def _looked_at(self, arch: Architecture, weights: Path, importance: ImportanceName, repair: bool) -> Parent:
        """A network that is to be cut: read, and looked at, once for all proposals of a step."""
        asked = arch, weights, importance, repair
        if self._parent is None or self._parent[0] != asked:
            self._parent = asked, open_parent(*asked, self.data, self.recipe)
        return self._parent[1]

    def _train_pieces(self, job: TrainPieces, began: float) -> Outcome:
        parent = self._looked_at(job.architecture, job.weights, job.importance, True)
        each = steps_in_epoch(self.data.train, self.recipe)
        total = max(1, round(job.epochs * each))
        course = TrainingRun(0, total, total, PIECE_RATE, job.architecture.resolution, job.seed, self.data.mirror)
        found = make_pieces(parent, job.pieces, self.data.train, course, self.recipe)
        save_weights(job.out, {name: value for piece in found for name, value in tensors_of(piece).items()})
        branches = [branch_off(parent.network, piece.network, piece.first) for piece in found]
        return self._seen(parent, branches, began)

    def _assemble(self, job: Assemble, began: float) -> Outcome:
        arch = replace(assembled(job.architecture, job.pieces), resolution=job.resolution)
        state = load_weights(job.weights, job.architecture).state
        network = self._with_weights(
            arch, assembled_state(job.architecture, state, job.pieces, read_library(job.library))
        )
        recalibrate(network, self.data.train, job.resolution, self.recipe.norm_images)
        if job.keep:
            save_weights(job.out, state_of(network))
        return outcome_of(evaluate(network, self._looked.val, job.resolution), time.perf_counter() - began)

    def _share(self, job: Share, began: float) -> Outcome:
        """Shared weights; the outcome is that of the largest network in them that is searched."""
        training = Train(job.architecture, job.first, job.last, job.total, job.seed, job.out, job.start)
        train_supernet(training, _sharing(job), self.data, self.recipe)
        outcome = self._evaluator(job.out, job.architecture)(job.largest)
        return replace(outcome, seconds=time.perf_counter() - began)

    def _judge(self, job: EvaluateShared) -> Outcome:
        evaluator = self._evaluator(job.weights, job.container)
        if job.keep:
            save_weights(job.out, evaluator.inherit(job.architecture))
        return evaluator(job.architecture)

    def _evaluator(self, weights: Path, container: Architecture) -> SupernetEvaluator:
        """Opened once: reading the weights would take longer than a look."""
        if self._opened is None or self._opened[0] != weights:
            self._opened = weights, SupernetEvaluator(weights, container, self.data, self.recipe)
        return self._opened[1]

    def _with_weights(self, arch: Architecture, state: State) -> Network:
        return placed(with_weights(lower(arch), state, self.recipe.dropout))

    def _outcome(self, network: Network, began: float) -> Outcome:
        return outcome_of(evaluate(network, self.data.val, network.resolution), time.perf_counter() - began)


def _sharing(job: Share) -> Sharing:
    def draw(rng: random.Random) -> Architecture:
        return rng.choice(job.networks)

    return SinglePath(draw) if job.rule == "single-path" else Sandwich(job.largest, job.smallest, draw)
