"""`search`, `netadapt` and `open_run`: whole runs, from Python."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from nas.algorithms.pipeline.context import MakeSampler
from nas.algorithms.pipeline.from_pretrained import PretrainedStart
from nas.algorithms.pipeline.result_file import Summary
from nas.api.check import check_network, check_text, read_space, spell_resolution, spell_targets
from nas.api.datasets import Brought, DataGiven, bring_data
from nas.api.listener import Listener
from nas.api.options.choices import check_starts_options
from nas.api.options.keywords import read_options, takes_options
from nas.api.options.limits import spell_limits
from nas.api.options.python_names import in_python, say_in_python
from nas.api.options.request import read_request
from nas.api.options.resolution import AUTO, parse_resolution, parse_resolutions, resolved_or_auto
from nas.api.options.structs import NetAdaptOptions, SearchOptions
from nas.api.options.subject import NetworkSubject, RunSubject, SpaceSubject, StartsSubject
from nas.api.plugins import Plugins, read_plugins
from nas.api.run import Run
from nas.api.start_network import open_network, read_given, require_classifier
from nas.api.threads import one_thread
from nas.design.architecture import Architecture
from nas.design.edits.keep import parts_named
from nas.design.space import SearchSpace, load_space, with_dense
from nas.errors import NasError, Unreachable
from nas.interfaces import Evaluate, Say, say_nothing

Target = str | float | Sequence[str | float]
"""A latency as in "15ms", or a number of milliseconds; or several."""


@takes_options(SearchOptions)
def search(
    target_latency: Target,
    data: DataGiven = "scenes",
    *,
    space: str | Path | SearchSpace = "mobilenet_v3_large",
    evaluator: str | Evaluate | None = None,
    sampler: str | MakeSampler | None = None,
    train: Any = None,
    log: Say = say_nothing,
    **options: Any,
) -> Run:
    """Find, train, export and prove the most accurate network within a latency target.

    A run that was killed goes on if the same call is made again with the same `out`.

    Args:
        target_latency: the latency to meet, as "15ms" or in milliseconds; of several a network is found for each.
        data: a folder, an archive, a table, shards, an .npz file, a name, arrays
            (`{"x_train": ..., "y_train": ...}`), or a torch Dataset.
        space: the name of a shipped space, a TOML file, or a space.
        evaluator: "supernet" (where the budget is enough, the default), "train", "zero-cost", or a function:
            architectures in, as many values out.
        sampler: "predictor", "tpe", "nsga2", "random", or a function that makes an Optuna sampler of a seed.
        train: a function of (network, images, epochs, seed) that trains a network in place, instead of the recipe.
        log: is told what is going on.
        options: those of `nas search`, with underscores.

    Returns:
        The run: its result, its trials, its files.

    Raises:
        NasError: where what was given is wrong; Unreachable, a kind of it, where no network meets the target.
    """
    say, plugins = say_in_python(log), read_plugins(evaluator, sampler, train)
    blocks = read_space(space)
    given = _given(options, target_latency)
    if isinstance(given.get("source"), str | Path):
        given["source"] = (given["source"],)
    given["source"] = tuple(map(str, given.get("source", ())))
    named = {"evaluator": evaluator, "sampler": sampler}
    given |= {name: value for name, value in named.items() if isinstance(value, str)}
    given["space"] = space.name if isinstance(space, SearchSpace) else str(space)
    asked = read_options(SearchOptions, given)
    return _run(asked, search_subject(asked, say, blocks), data, Listener(say=say), plugins)


@takes_options(NetAdaptOptions)
def netadapt(
    source: "str | Path | Architecture",
    target_latency: Target,
    data: DataGiven = "scenes",
    *,
    train: Any = None,
    log: Say = say_nothing,
    **options: Any,
) -> Run:
    """Shrink a network layer by layer until it meets a latency target, without a search before.

    Args:
        source: a known network's name, an architecture, its file, a file or a name of weights, or a run folder.
        target_latency: the latency to meet, as "5ms" or in milliseconds; several are met in one descent.
        data: a folder, an archive, a table, shards, an .npz file, a name, arrays, or a torch Dataset.
        train: a function of (network, images, epochs, seed) that trains a network in place, instead of the recipe.
        log: is told what is going on.
        options: those of `nas netadapt`, with underscores.

    Returns:
        The run: its result, its steps, its files.

    Raises:
        NasError: where what was given is wrong; Unreachable, a kind of it, where no network meets the target.
    """
    say, plugins = say_in_python(log), read_plugins(train=train)
    check_network("source", source)
    given = _given(options, target_latency)
    given["source"] = "architecture" if isinstance(source, Architecture) else str(source)
    asked = read_options(NetAdaptOptions, given)
    subject = netadapt_subject(asked, say, source if isinstance(source, Architecture) else None)
    return _run(asked, subject, data, Listener(say=say), plugins)


@in_python()
def open_run(folder: str | Path) -> Run:
    """A run in its folder, finished or not.

    Raises:
        InvalidRun: where the folder holds none, or a damaged one.
    """
    check_text("folder", folder, "folder of a run")
    return Run(Path(folder))


def resume(folder: Path, listener: Listener) -> Run:
    """Go on with the run in a folder as it was begun."""
    asked = read_request(folder)
    return run_subject(replace(asked.options, out=folder, fresh=False), asked.subject, folder, listener)


def run_subject(
    options: SearchOptions | NetAdaptOptions,
    subject: RunSubject,
    home: Path,
    listener: Listener,
    plugins: Plugins | None = None,
    brought: Brought | None = None,
) -> Run:
    """Do a run with its threads; `home` is where its folder will be if none is asked for."""
    from nas.api.running.runs import run

    with one_thread():
        folder, result = run(options, subject, home, listener, plugins, brought)
    return Run(folder, result)


def require_met(run: Run) -> Run:
    """The run; raises Unreachable, all else being done, where one of several targets was not met."""
    if isinstance(run.result, Summary) and run.result.missed:
        raise Unreachable(" ".join(one.reason for one in run.result.missed))
    return run


def search_subject(
    options: SearchOptions, say: Say = say_nothing, space: SearchSpace | None = None
) -> SpaceSubject | StartsSubject:
    """The space of a search, or the pretrained networks that it begins with, at the resolutions asked for."""
    if options.source:
        return _starts_subject(options, say)
    blocks = with_dense(space or load_space(options.space), "classification")  # what a search can train
    blocks, side = resolved_or_auto(blocks, options.resolution)
    return SpaceSubject(blocks, side)


def _starts_subject(options: SearchOptions, say: Say) -> StartsSubject:
    check_starts_options(options)
    given = read_given(options.mean, options.std, options.norm_eps, options.padding)
    starts = []
    for source in options.source:
        start = open_network(source, None, given, say, "--from")
        require_classifier(start, "a search")
        if start.weights is None:
            raise NasError(
                f"--from {source}: names a network without weights, and a search from a start needs them. Give a file "
                "of weights or a run folder, or leave --from out to search from random weights."
            )
        parts_named(start.architecture, options.keep_parts)
        starts.append(PretrainedStart(start.name, start.architecture, start.weights))
    sides = () if options.resolution in (None, AUTO) else parse_resolutions(str(options.resolution))
    return StartsSubject(tuple(starts), sides)


def netadapt_subject(options: NetAdaptOptions, say: Say, source: Architecture | None = None) -> NetworkSubject:
    """The network to shrink, with its weights if there are any, at the resolution asked for."""
    given = read_given(options.mean, options.std, options.norm_eps, options.padding)
    start = open_network(source or options.source, options.weights, given, say, "--from")
    require_classifier(start, "NetAdapt")
    parts_named(start.architecture, options.keep_parts)
    side = parse_resolution(options.resolution, start.architecture.resolution)
    return NetworkSubject(start.architecture, start.weights, side)


def _run(
    options: SearchOptions | NetAdaptOptions, subject: RunSubject, data: DataGiven, listener: Listener, plugins: Plugins
) -> Run:
    options, brought = bring_data(options, data)
    home = options.out or Path(tempfile.mkdtemp(prefix="nas-"))
    found = run_subject(options, subject, home, listener, plugins, brought)
    return require_met(found)


def _given(options: dict[str, Any], target_latency: Target) -> dict[str, Any]:
    resolution = spell_resolution(options.get("resolution"))
    return {**spell_limits(options), "resolution": resolution, "target_latency": spell_targets(target_latency)}
