"""`SearchSpace`: data from TOML. It asks for each decision; a generator, a record and Optuna are all just choosers."""

import itertools
import math
import operator
import random
import tomllib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, structs
from msgspec.structs import replace

from nas.design.architecture import MOST_SIDE, Architecture, Head, Stem
from nas.design.dense.choice import DEEP_DECISIONS, USUAL_CHOICES, DenseChoices
from nas.design.dense.head import USUAL_HEAD, TaskName
from nas.design.edits.resize import LEAST_RESOLUTION
from nas.design.edits.tail import TAIL_STRIDE, reduce_tail
from nas.design.known import IMAGENET_CLASSES, KNOWN_NAMES, known
from nas.design.published.dense import CLASSES
from nas.design.size import Size, bounded_size, by_area, describe_size, height_width, make_size, parse_size
from nas.design.space_options import Choose, draw_stage
from nas.design.space_options import HeadChoice as HeadChoice
from nas.design.space_options import StageChoice as StageChoice
from nas.design.space_options import StemChoice as StemChoice
from nas.errors import InvalidArchitecture, InvalidSpace
from nas.folders import shipped_folder

# What is compared with where a space says nothing else.
COMPARED_WITH = ("mobilenet_v3_large", "mobilenet_v3_small")
_STEM_STRIDE = 2
if TYPE_CHECKING:
    _Resolution = Size
else:
    _Resolution = bounded_size(LEAST_RESOLUTION, MOST_SIDE)


class SearchSpace(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Every list of options is written from the cheapest to the dearest.

    `resolutions` are sizes of the input in pixels: in a file 224, or "192x320", height first. A space without them
    leaves the resolution to the `resolution` that its methods take; one with them ignores that. `published` are the
    known networks that its own are compared with, and that a search begins near where the space contains something
    like them. With `dense`, which takes the place of the hidden layer and the classifier, its networks are detectors or
    segmenters, and the published ones have such a head too.
    """

    name: str
    stem: StemChoice
    stages: Annotated[tuple[StageChoice, ...], Meta(min_length=1, max_length=16)]
    head: HeadChoice
    resolutions: Annotated[tuple[_Resolution, ...], Meta(max_length=16)] = ()
    published: Annotated[tuple[str, ...], Meta(max_length=8)] = COMPARED_WITH
    dense: DenseChoices | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for resolutions out of order, networks that nobody knows, and a head that has no place."""
        if unknown := [name for name in self.published if name not in KNOWN_NAMES]:
            raise ValueError(f"published has {unknown[0]!r}, which is no known network: {', '.join(KNOWN_NAMES)}")
        structs.force_setattr(self, "resolutions", tuple(make_size(*height_width(one)) for one in self.resolutions))
        if list(self.resolutions) != sorted(set(self.resolutions), key=by_area):
            named = ", ".join(map(describe_size, self.resolutions))
            raise ValueError(f"resolutions = [{named}] must rise from one to the next")
        if self.dense is not None:
            self._check_dense(self.dense)

    def _check_dense(self, dense: DenseChoices) -> None:
        if reason := dense.head.refused(_STEM_STRIDE * math.prod(stage.stride for stage in self.stages)):
            raise ValueError(f"dense: {reason}")
        for name in self.published_names:
            try:
                known(name)
            except InvalidArchitecture as error:
                raise ValueError(f"published has {name!r}: {error}") from error

    @property
    def task(self) -> TaskName:
        """What its networks are for."""
        return "classification" if self.dense is None else self.dense.head.task

    @property
    def usual_classes(self) -> int:
        """How many its networks have where nothing is said."""
        return IMAGENET_CLASSES if self.dense is None else CLASSES[self.dense.head.kind]

    @property
    def published_names(self) -> tuple[str, ...]:
        """The published networks with a head of the kind that the space has."""
        kind = "" if self.dense is None else f"{self.dense.head.kind}_"
        return tuple(f"{kind}{name}" for name in self.published)

    def at(self, *resolutions: Size) -> "SearchSpace":
        """The same space with these resolutions, in any order, to choose from."""
        return replace(self, resolutions=tuple(sorted(set(resolutions), key=by_area)))

    def sides(self, resolution: Size = 224) -> tuple[Size, ...]:
        """The resolutions of its networks, where `resolution` is what the space leaves open."""
        return self.resolutions or (resolution,)

    def draw(self, choose: Choose, resolution: Size = 224, classes: int | None = None) -> Architecture:
        """The architecture of a chooser's answers; asked is only where there is more than one option."""
        ask = _asker(choose)
        sizes = {resolution_option(size): size for size in self.sides(resolution)}
        size = sizes[ask("resolution", tuple(sizes))]
        stem = Stem(ask("stem.width", self.stem.width), ask("stem.activation", self.stem.activation))
        stages, width = [], stem.width
        for number, options in enumerate(self.stages):
            stages.append(draw_stage(ask, f"s{number}", options, width))
            width = stages[-1].width
        last = ask("head.width", self.head.width)
        hidden = None if self.dense else ask("head.hidden", self.head.hidden)
        head = Head(last, hidden, ask("head.activation", self.head.activation))
        dense = UNSET if self.dense is None else self.dense.draw(ask)
        arch = Architecture(size, stem, tuple(stages), head, classes or self.usual_classes, dense=dense)
        return reduce_tail(arch) if self.dense and ask("dense.reduced", self.dense.reduced) else arch

    def sample(self, rng: random.Random, resolution: Size = 224, classes: int | None = None) -> Architecture:
        """An architecture of uniformly random choices."""
        return self.draw(lambda _, options: rng.choice(options), resolution, classes)

    def smallest(self, resolution: Size = 224, classes: int | None = None) -> Architecture:
        """The architecture of all the cheapest options."""
        return self.draw(lambda _, options: options[0], resolution, classes)

    def largest(self, resolution: Size = 224, classes: int | None = None) -> Architecture:
        """The architecture of all the dearest options."""
        return self.draw(lambda _, options: options[-1], resolution, classes)

    def options(self) -> dict[str, tuple[Any, ...]]:
        """Every decision that may be asked by name with its options, in the order in which they are asked."""
        asked: dict[str, tuple[Any, ...]] = {}

        def note(name: str, options: Sequence[Any]) -> Any:
            asked[name] = tuple(options)
            return max(options) if name.endswith(".depth") else options[0]

        self.draw(note)
        return asked

    def gates(self) -> dict[str, tuple[str, int]]:
        """The decisions that are asked only where a depth is above a number: the depth's name and the number."""
        found = {}
        for number, stage in enumerate(self.stages):
            for block in range(min(stage.depth), max(stage.depth)) if stage.per_block else ():
                for part in ("kernel", "expansion", "start"):
                    found[f"s{number}b{block}.{part}"] = f"s{number}.depth", block
        return {name: gate for name, gate in found.items() if name in self.options()}

    def size(self) -> int:
        """How many different sets of choices there are."""
        stem = len(self.stem.width) * len(self.stem.activation)
        end = len(self.head.hidden) if self.dense is None else self.dense.size()
        head = len(self.head.width) * len(self.head.activation) * end
        return len(self.sides()) * stem * head * math.prod(stage.size() for stage in self.stages)

    def cover(self, resolution: Size = 224, classes: int | None = None) -> Iterator[Architecture]:
        """Architectures that together contain every op of the space.

        An op depends on the resolution, on its own stage's choices and on the width before it, so those are varied
        together, one stage after the other, at the greatest depth. Blocks that choose for themselves have no other
        ops than blocks that choose together, so together they are varied. Of a dense head's decisions those that reach
        into the tail are varied with each stage of it, all with the head; what it takes from a stage varies with that.
        """
        stages = tuple(replace(stage, per_block=False) for stage in self.stages)
        for side in self.sides(resolution):
            yield from replace(self, stages=stages, resolutions=())._cover(side, classes)

    def _cover(self, resolution: Size, classes: int | None) -> Iterator[Architecture]:
        decisions = self.options()
        befores = ["stem", *(f"s{number}" for number in range(len(self.stages))), "head"]
        deep = self._deep_stages()
        for before, part in itertools.pairwise(befores):
            parts = ("head", "dense") if part == "head" else (part,)
            names = [n for n in decisions if n.split(".")[0] in parts and not n.endswith(".depth")]
            names += [n for n in decisions if n == f"{before}.width" or n == f"{before}.activation"]
            names += [n for n in decisions if part in deep and n in DEEP_DECISIONS]
            for values in itertools.product(*(decisions[name] for name in names)):
                answers = dict(zip(names, values, strict=True))
                yield self.draw(partial(_covering, answers), resolution, classes)

    def _deep_stages(self) -> set[str]:
        """Those of the tail of a dense network."""
        strides = itertools.accumulate((stage.stride for stage in self.stages), operator.mul, initial=_STEM_STRIDE)
        return {
            f"s{number}" for number, stride in enumerate(itertools.islice(strides, 1, None)) if stride >= TAIL_STRIDE
        }


def resolution_option(size: Size) -> int | str:
    """A resolution as choosers are asked for it: a square's side, else a text, for records and Optuna know no pairs."""
    return size if isinstance(size, int) else describe_size(size)


def _covering(answers: dict[str, Any], name: str, options: Sequence[Any]) -> Any:
    return answers.get(name, options[-1] if name.endswith(".depth") else options[0])


def _asker(choose: Choose) -> Choose:
    return lambda name, options: choose(name, options) if len(options) > 1 else options[0]


def space_names() -> tuple[str, ...]:
    """The names of the shipped spaces."""
    return tuple(sorted(path.stem for path in shipped_folder("search_spaces").glob("*.toml")))


def dense_space_names() -> tuple[str, ...]:
    """The names of the shipped spaces with a head."""
    return tuple(f"{kind}_{name}" for kind in USUAL_CHOICES for name in space_names())


def load_space(name: str | Path) -> SearchSpace:
    """A shipped space by its name, or a TOML file by its path; `ssdlite_NAME` is a shipped space with that head."""
    name = str(name)
    if name in dense_space_names():
        kind, _, backbone = name.partition("_")
        return with_dense(load_space(backbone), kind)
    path = shipped_folder("search_spaces") / f"{name}.toml" if name in space_names() else Path(name)
    if not path.is_file():
        kinds = ", ".join(f"{kind}_NAME" for kind in USUAL_CHOICES)
        names = ", ".join(space_names())
        raise InvalidSpace(f"{name!r} is no search space: give a TOML file or one of {names}; with a head {kinds}.")
    try:
        return msgspec.convert(_with_sizes(path, tomllib.loads(path.read_text())), SearchSpace)
    except msgspec.ValidationError as error:
        raise InvalidSpace(f"{path}: {error}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InvalidSpace(f"{path}: is not a TOML file ({error}).") from error


def with_dense(space: SearchSpace, wanted: str) -> SearchSpace:
    """A space for a task, or with a kind of head: the usual head, if it has none of its own.

    Raises InvalidSpace where the space has a head for another task, or no maps for one.

    >>> with_dense(load_space("mobilenet_v3_small"), "detection").name
    'ssdlite_mobilenet_v3_small'
    """
    kind = None if wanted == "classification" else USUAL_HEAD.get(wanted, wanted)
    task = "classification" if kind is None else USUAL_CHOICES[kind].head.task
    if space.dense is None and kind is not None:
        try:
            return replace(space, name=f"{kind}_{space.name}", dense=USUAL_CHOICES[kind])
        except ValueError as error:
            raise InvalidSpace(f"{space.name}: {error}.") from error
    if space.task != task:
        raise InvalidSpace(f"{space.name}: its networks are for {space.task}, and {task} is asked for.")
    return space


def _with_sizes(path: Path, document: dict[str, Any]) -> dict[str, Any]:
    """The document of a space with pairs for the resolutions that are written like "192x320"."""
    several = document.get("resolutions")
    if not isinstance(several, list):
        return document
    sizes = [parse_size(one) if isinstance(one, str) else one for one in several]
    if None in sizes:
        wrong = several[sizes.index(None)]
        raise InvalidSpace(
            f'{path}: resolutions has "{wrong}", which is no size: write 224, or "192x320", height first.'
        )
    return document | {"resolutions": sizes}
