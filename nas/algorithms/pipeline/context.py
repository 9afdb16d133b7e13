"""What every stage of a run needs: its settings, and the ports it works through."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from nas.algorithms.budgets import Budget, budgets_of
from nas.algorithms.pipeline.journal import Journal
from nas.algorithms.workers.job_cache import JobCache
from nas.design.dense.head import TaskName
from nas.design.files import write_json
from nas.design.size import Size
from nas.design.space import COMPARED_WITH
from nas.interfaces import Deployer, Evaluate, LatencyModel, Say
from nas.jobs import AugmentName, ImportanceName, RecipeName, SharingRule
from nas.latency.statistic import LatencyName

Objective = Literal["constraint", "reward"]
EvaluatorName = Literal["supernet", "train", "zero-cost"]
EvaluatorKind = EvaluatorName | Literal["own", "library"]
ProposalKinds = Literal["channels", "all"]
Selection = Literal["paired", "paper"]
Mode = Literal["reference", "cheap"]
EndingName = Literal["both", "scratch", "inherited"]
SamplerName = Literal["predictor", "tpe", "nsga2", "motpe", "random"]
SamplerKind = SamplerName | Literal["own"]
MakeSampler = Callable[[int], Any]
"""Makes an Optuna sampler of a seed."""


class Settings(Struct, frozen=True, kw_only=True):
    """All that a run's decisions depend on, kept as `settings.json`; a folder made with other settings is refused.

    `space`, `source`, `weights` and `data` end in a digest of their content; `table` is the name of its file without
    the folder, and the table's header is kept as `table.json`. Epochs are passes over the
    training images. Where there are several targets, `targets_ms` are all of them and `target_ms` is the lowest; each
    has settings of its own with its target alone. `delta` is a share of the seed's latency, `steps` the mini-batches
    of a proposal's fine-tune. `batch` architectures are scored between proposals, however many workers there are.
    Amounts may have been chosen to fit `budget_s`, among them `aim`, the share of the target that the networks searched
    take; `images` is None where all training images are used. `resolution`
    is the largest of `resolutions`, from which one is chosen; `auto_resolution` says that they followed from the data
    and the target, and that NetAdapt may lower the resolution. Targets are of the median or the quantile `latency`.
    `own` names what the caller brought instead of what is built in, `keep` the parts of the start that may not change.
    `limits` are the budgets by name: no network that is searched, shrunk to or shipped costs more. `published` are the
    known networks that it is compared with. `augment` is what training images go through, None what the recipe says.
    """

    command: Literal["search", "netadapt"]
    target_ms: float
    space: str | None
    source: str | None
    weights: str | None
    data: str
    runtime: str
    table: str
    resolution: Size
    train_resolution: int | None
    trials: int
    trial_epochs: float
    epochs: float
    headroom: float | None
    delta: float
    steps: int
    objective: Objective
    seed: int
    evaluator: EvaluatorKind
    sampler: SamplerKind
    batch: int
    reward_exponent: float
    pareto: bool
    recipe: RecipeName
    targets_ms: tuple[float, ...]
    budget_s: float | None
    images: int | None
    importance: ImportanceName
    proposals: ProposalKinds
    select: Selection
    sharing: SharingRule
    mode: Mode
    ending: EndingName
    baselines: bool
    aim: float
    resolutions: tuple[Size, ...]
    auto_resolution: bool
    latency: LatencyName
    own: dict[str, str] = {}
    keep: tuple[str, ...] = ()
    limits: dict[str, int] = {}
    published: tuple[str, ...] = COMPARED_WITH
    augment: tuple[AugmentName, ...] | None = None
    task: TaskName = "classification"

    @property
    def training(self) -> str:
        """The recipe and what changes its images, in words: weights that were trained by it depend on it."""
        return self.recipe if self.augment is None else f"{self.recipe} with {','.join(self.augment) or 'none'}"


@dataclass(frozen=True)
class Context:
    """One run: its folder, its memory and its ports. `shelf` is the folder of shared weights that outlive their run.

    `guard` is how far beyond the target the table may be wrong. A network that is predicted at `reach` times a latency
    usually measures no more than that. `noise` is the relative repeatability of the table's timings. `export_steps`:
    export every step of NetAdapt. `pause` waits so many seconds. `evaluate` and `make_sampler` are the caller's own.
    """

    folder: Path
    settings: Settings
    class_names: tuple[str, ...]
    device: str
    table: str
    notes: tuple[str, ...]
    data_description: str
    journal: Journal
    work: JobCache
    prices: LatencyModel
    ships: Deployer
    say: Say
    guard: float = 0.03
    reach: float = 1.0
    noise: float = 0.0
    shelf: Path | None = None
    export_steps: bool = False
    pause: Callable[[float], None] = time.sleep
    evaluate: Evaluate | None = None
    make_sampler: MakeSampler | None = None

    @property
    def classes(self) -> int:
        """How many classes the networks tell apart."""
        return len(self.class_names)

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """What a network of the run may cost beside latency."""
        return budgets_of(self.settings.limits)

    @property
    def aim_ms(self) -> float:
        """The latency of the networks searched: the target, unless a budget of time allows only smaller ones."""
        return self.settings.target_ms * self.settings.aim

    @property
    def budget_ms(self) -> float:
        """What the block search aims at: above the target, so that NetAdapt has something to take away.

        By default as far above as the table may be wrong: what it prices too dear is among what is trained.
        """
        return self.aim_ms * (self.settings.headroom or 1 + self.guard)

    def within(self, name: str) -> "Context":
        """The same run with weights in a folder of their own, where no decision of NetAdapt clears them away."""
        return replace(self, work=JobCache(self.folder / name, self.work.journal, self.work.pool, self.work.results))

    def at(self, target_ms: float) -> "Context":
        """The same run for one of its targets, in a folder of its own inside the run's.

        Finished jobs are known to all targets. Weights are not shared: what one target's decisions clear away may be
        what another needs.
        """
        name = f"{target_ms:g}ms"
        folder = self.folder / name
        settings = msgspec.structs.replace(self.settings, target_ms=target_ms, targets_ms=())
        write_json(folder / "settings.json", settings)
        return replace(
            self,
            folder=folder,
            settings=settings,
            journal=Journal(folder / "journal.jsonl", self.journal.lend_peak_mb),
            work=JobCache(folder / "weights", self.work.journal, self.work.pool, self.work.results),
            say=lambda message: self.say(f"{name}: {message}"),
        )


def short_digest(value: object) -> str:
    """Eight hexadecimal digits of a value's JSON or of bytes."""
    data = value if isinstance(value, bytes) else msgspec.json.encode(value)
    return hashlib.sha256(data).hexdigest()[:8]
