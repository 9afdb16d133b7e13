"""`train`: one network, trained."""

from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from nas import __version__
from nas.api.check import check_network
from nas.api.datasets import Brought, DataGiven, bring_data, load_given
from nas.api.options.augment import describe_left_out
from nas.api.options.heads import fit_head
from nas.api.options.keywords import read_options, takes_options
from nas.api.options.python_names import say_in_python
from nas.api.options.structs import TrainOptions
from nas.api.start_network import Start, open_network, read_given
from nas.api.threads import one_thread
from nas.design.architecture import Architecture
from nas.design.dense.head import TaskName
from nas.design.files import require_writable, write_bytes
from nas.design.shipping.metadata import describe_weights, with_header
from nas.design.size import Size, describe_size
from nas.errors import NasError
from nas.interfaces import Say, say_nothing
from nas.jobs import AugmentName, Score, Teacher, Train
from nas.nets.data.dataset import Data
from nas.nets.training.recipe import choose_recipe, default_epochs
from nas.nets.weights.traits import Traits
from nas.nets.weights.weights_file import load_weights
from nas.nets.worker import Worker


class Trained(Struct, frozen=True):
    """A trained network: its score on the validation split and where its weights are."""

    name: str
    architecture: Architecture
    score: Score
    weights: Path
    classes: tuple[str, ...]
    data: str
    epochs: float
    train_resolution: Size
    augment: tuple[AugmentName, ...]
    notes: tuple[str, ...]
    seconds: float
    task: TaskName


@takes_options(TrainOptions)
def train(
    architecture: Architecture | str | Path, data: DataGiven = "scenes", *, log: Say = say_nothing, **options: Any
) -> Trained:
    """Train a network, at the end at its own resolution.

    Args:
        architecture: a network, a known one's name, an architecture.json, a file or a name of weights, or a run folder.
        data: a folder, an archive, a table, shards, an .npz file, a name, arrays, or a torch Dataset.
        log: is told what is going on.
        options: those of `nas train`, with underscores.

    Returns:
        What was trained; the accuracy is of the validation split.

    Raises:
        NasError: where what was given is wrong.
    """
    say = say_in_python(log)
    check_network("architecture", architecture)
    asked, brought = bring_data(read_options(TrainOptions, options), data)
    with one_thread():
        return train_network(architecture, asked, say, brought)


def train_network(
    source: Architecture | str | Path, options: TrainOptions, say: Say, brought: Brought | None = None
) -> Trained:
    """The same with options that were read; `brought` is data that is no file."""
    require_writable(options.out)
    given = read_given(options.mean, options.std, options.norm_eps, options.padding)
    start = open_network(source, options.weights, given, say)
    data = load_given(options, brought, start.architecture.resolution, say)
    network = replace(fit_head(start.name, start.architecture, data.task, options.head), classes=len(data.classes))
    for line in (data.line, *data.notes, *describe_left_out(options.augment_names, data.mirror, data.task)):
        say(line)
    if start.weights is not None and (loaded := load_weights(start.weights, network)).fresh:
        what = "classifier of these classes" if data.task == "classification" else f"head for {data.task} like this"
        say(f"{start.weights} has no {what}; made anew: {loaded.missing}.")
    return _train(start, network, options, data, say)


def _train(start: Start, network: Architecture, options: TrainOptions, data: Data, say: Say) -> Trained:
    teacher = _teacher(options.teacher, options.teacher_weights, data, say)
    recipe = choose_recipe(options.recipe, options.train_resolution, options.augment_names, data.task)
    epochs = default_epochs(data) if options.epochs is None else options.epochs
    small, share, size = recipe.small_resolution(network.resolution), recipe.full_share, network.resolution
    ahead = f"{1 - share:.0%} of them at {describe_size(small)} px, the last {share:.0%} " if small != size else ""
    images = f"{len(data.train)} images, {ahead}at {describe_size(size)} px"
    say(f"Training {start.name} for {epochs:g} epochs of {images}.")
    gentle = start.weights is not None
    job = Train(network, 0, epochs, epochs, options.seed, options.out, start.weights, gentle, teacher)
    trained = Worker(data, recipe)(job)
    header = describe_weights(network, data.classes, __version__)
    write_bytes(options.out, with_header(options.out.read_bytes(), header))
    return Trained(
        name=start.name,
        architecture=network,
        score=trained.score,
        weights=options.out,
        classes=data.classes,
        data=data.name,
        epochs=epochs,
        train_resolution=small,
        augment=recipe.augmentation.names,
        notes=start.seed.notes if start.seed else (),
        seconds=trained.seconds,
        task=data.task,
    )


def _teacher(arch: str | None, weights: Path | None, data: Data, say: Say) -> Teacher | None:
    """The teacher of both options, checked before anything is trained."""
    if arch is None and weights is None:
        return None
    start = None if arch is None else open_network(arch, weights, Traits(), say, "--teacher")
    if start is None or start.weights is None:
        raise NasError("--teacher and --teacher-weights belong together: give the network and its weights.")
    if start.architecture.task != data.task:
        raise NasError(f"{start.name}: is a network for {start.architecture.task}, but the data is for {data.task}.")
    network, classes = replace(start.architecture, classes=len(data.classes)), len(data.classes)
    if fresh := load_weights(start.weights, network).fresh:
        raise NasError(
            f"{start.weights}: {', '.join(fresh)} are of other classes than the data's {classes}. Train it on them."
        )
    return Teacher(network, start.weights)
