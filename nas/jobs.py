"""What is asked of those who train and evaluate networks, and what they answer; nothing here knows torch or a clock."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import asdict, replace

from nas.design.alternatives import Alternative
from nas.design.architecture import Architecture
from nas.design.edits.edit import Edit, edited
from nas.design.size import Size

RecipeName = Literal["modern", "paper", "strong"]
AugmentName = Literal["shift", "crop", "flip", "vertical-flip", "jitter", "randaugment", "erasing", "mixup", "cutmix"]
"""What training images can go through, in the order in which it is done."""
ImportanceName = Literal["l2", "taylor"]
SharingRule = Literal["single-path", "sandwich"]


class Score(Struct, frozen=True):
    """Accuracy as a fraction with its 95 % interval (Wilson), mean cross-entropy, and how many images were seen."""

    accuracy: float
    accuracy_ci95: tuple[float, float]
    loss: float
    count: int


class ClassScores(Struct, frozen=True, omit_defaults=True):
    """Right answers and images of each class.

    If answers are not simply right or wrong, `values` holds the metric of each class instead (None if nothing is known
    of it), `hits` and `counts` are empty, and `extra` holds other metrics of all classes together, by name.
    """

    hits: tuple[int, ...]
    counts: tuple[int, ...]
    values: tuple[float | None, ...] = ()
    extra: dict[str, float] = {}

    @property
    def accuracies(self) -> tuple[float | None, ...]:
        """The accuracy on the images of each class, or its metric; None for a class without images."""
        if self.values:
            return self.values
        return tuple(hits / count if count else None for hits, count in zip(self.hits, self.counts, strict=True))

    @property
    def accuracy(self) -> float:
        """The share of right answers; of a metric by class its mean.

        >>> ClassScores((), (), (None, 0.25, 0.75)).accuracy
        0.5
        """
        return self.balanced_accuracy if self.values else sum(self.hits) / sum(self.counts)

    @property
    def balanced_accuracy(self) -> float:
        """The mean of the accuracies by class, over the classes that have images (Brodersen et al. 2010).

        It is 0 if none has.

        >>> ClassScores((95, 0), (95, 5)).balanced_accuracy
        0.5
        """
        known = [accuracy for accuracy in self.accuracies if accuracy is not None]
        return sum(known) / len(known) if known else 0.0

    @property
    def largest_share(self) -> float:
        """The share of the largest class: the accuracy of always answering with it; 0 of a metric by class.

        >>> ClassScores((95, 0), (95, 5)).largest_share
        0.95
        """
        return 0.0 if self.values else max(self.counts) / sum(self.counts)

    @property
    def beats_largest_class(self) -> bool:
        """Whether more answers are right than if each were the largest class; always true of a metric by class."""
        return bool(self.values) or sum(self.hits) > max(self.counts)


class Teacher(Struct, frozen=True):
    """A trained network; another learns from what it says beside the labels."""

    architecture: Architecture
    weights: Path


class Train(Struct, frozen=True, tag=True):
    """Train epochs `first` up to `last` of a schedule of `total`, starting from a checkpoint or from scratch.

    The checkpoint `out` holds weights and optimiser state, so that 0-2 and then 2-4 equals 0-4.
    `start` may also be bare weights (no optimiser state). `gentle` uses the fine-tuning rate.
    """

    architecture: Architecture
    first: float
    last: float
    total: float
    seed: int
    out: Path
    start: Path | None = None
    gentle: bool = False
    teacher: Teacher | None = None


class Adapt(Struct, frozen=True, tag=True):
    """Edit `parent` (None: leave it), inherit its weights by importance, fine-tune for `steps`, look at the hold-out.

    With `repair` the layers behind what was cut are refitted before. The edit is said, not only what it leads to: of
    two equal blocks either may be taken out.
    """

    parent: Architecture
    weights: Path
    edit: Edit | None
    steps: int
    seed: int
    out: Path
    importance: ImportanceName = "l2"
    repair: bool = False

    @property
    def child(self) -> Architecture:
        """The network that the edit leaves."""
        return self.parent if self.edit is None else edited(self.parent, self.edit)


class Share(Struct, frozen=True, tag=True):
    """Train weights that many networks share: epochs `first` up to `last` of a schedule of `total`.

    By the rule "single-path" one of `networks` learns the labels in every step; by "sandwich" the largest does, and the
    smallest and some of `networks` learn what it says. `architecture` contains them all; its state is what is written.
    """

    architecture: Architecture
    largest: Architecture
    smallest: Architecture
    networks: tuple[Architecture, ...]
    first: float
    last: float
    total: float
    seed: int
    out: Path
    start: Path | None = None
    rule: SharingRule = "single-path"


class EvaluateShared(Struct, frozen=True, tag=True):
    """Look at the hold-out with a network's share of weights that `container` has, its norms estimated anew.

    `keep` writes that share to `out`, to train the network on from.
    """

    architecture: Architecture
    container: Architecture
    weights: Path
    out: Path
    keep: bool = False


class EvaluateEdits(Struct, frozen=True, tag=True):
    """Look at the hold-out with each of `edits` made to a network alone, its norms estimated anew and nothing trained.

    What the network computes before a change is computed once for all. Nothing is written. For `repair` see Adapt.
    """

    architecture: Architecture
    weights: Path
    edits: tuple[Edit, ...]
    out: Path
    importance: ImportanceName = "l2"
    repair: bool = False


class TrainPieces(Struct, frozen=True, tag=True):
    """Train alternatives of one block of a network, each alone against what the block gives, and look at each there.

    They begin with what they inherit, repaired. The outcome is the network's own, `edits` are those of the network with
    one alternative in its place, in their order; `out` has the tensors of all.
    """

    architecture: Architecture
    weights: Path
    pieces: tuple[Alternative, ...]
    epochs: float
    seed: int
    out: Path
    importance: ImportanceName = "taylor"


class Assemble(Struct, frozen=True, tag=True):
    """Put trained alternatives into a network, at most one a place; look at it, its norms estimated anew.

    `library` are the files that have their tensors. The network is judged at `resolution`. `keep` writes its weights
    to `out`, to train it on from.
    """

    architecture: Architecture
    weights: Path
    pieces: tuple[Alternative, ...]
    library: tuple[Path, ...]
    resolution: Size
    out: Path
    keep: bool = False


Job = Train | Adapt | Share | EvaluateShared | EvaluateEdits | TrainPieces | Assemble


def sources(job: Job) -> dict[str, Path]:
    """The files that a job starts from, by field; those of a field that has several are numbered."""
    found: dict[str, Path] = {}
    for name, value in asdict(job).items():
        if isinstance(value, Path) and name != "out":
            found[name] = value
        elif isinstance(value, Teacher):
            found[f"{name}.weights"] = value.weights
        elif name == "library":
            found |= {f"{name}.{number}": path for number, path in enumerate(value)}
    return found


def with_sources(job: Job, paths: Mapping[str, Path]) -> Job:
    """The job with other paths to some of the files that it starts from, named as in `sources`."""
    job = replace(job, **{name: path for name, path in paths.items() if "." not in name})
    if isinstance(job, Train) and job.teacher is not None:
        teacher = replace(job.teacher, weights=paths.get("teacher.weights", job.teacher.weights))
        return replace(job, teacher=teacher)
    if isinstance(job, Assemble):
        library = (paths.get(f"library.{number}", path) for number, path in enumerate(job.library))
        return replace(job, library=tuple(library))
    return job


class Outcome(Struct, frozen=True, omit_defaults=True):
    """What a job gives: the validation score, the loss of every hold-out image in a fixed order, seconds.

    Of EvaluateEdits and TrainPieces it is the network's, and `edits` are those of its edits or alternatives. `refused`
    says why there is no score, if the training of an edit diverged.
    """

    score: Score
    losses: tuple[float, ...]
    seconds: float
    edits: tuple["Outcome", ...] = ()
    refused: str = ""

    @classmethod
    def refusal(cls, why: str, seconds: float) -> "Outcome":
        """Of an edit that leaves no network: of no image anything is known."""
        return cls(Score(0.0, (0.0, 1.0), 0.0, 0), (), seconds, refused=why)
