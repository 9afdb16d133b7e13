"""`SearchSpace`: data from TOML. It asks for each decision; a generator, a record and Optuna are all just choosers."""

import itertools
import math
import random
import tomllib
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, structs
from msgspec.structs import replace

from nas.design.architecture import MOST_SIDE, Architecture, Head, Stage, Stem, Width
from nas.design.blocks.drawn import WITHOUT_KERNEL, FamilyName, draw_block
from nas.design.blocks.family import BlockChoice, KernelChoice
from nas.design.edits.resize import LEAST_RESOLUTION
from nas.design.known import KNOWN_NAMES
from nas.design.op import Activation
from nas.design.size import Size, bounded_size, by_area, describe_size, height_width, make_size, parse_size
from nas.errors import InvalidSpace
from nas.folders import shipped_folder

# What is compared with where a space says nothing else.
COMPARED_WITH = ("mobilenet_v3_large", "mobilenet_v3_small")
Choose = Callable[[str, Sequence[Any]], Any]
Expansion = Annotated[float, Meta(ge=0.25, le=12)] | Literal["none"]
_Some = Meta(min_length=1, max_length=16)
if TYPE_CHECKING:
    _Resolution = Size
else:
    _Resolution = bounded_size(LEAST_RESOLUTION, MOST_SIDE)


class StemChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the first convolution."""

    width: Annotated[tuple[Width, ...], _Some]
    activation: Annotated[tuple[Activation, ...], _Some]


class StageChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of one stage; expansion is a ratio of the block's input.

    All blocks share what is chosen, as in MnasNet; with `per_block` each chooses its own kernels and expansion, as in
    once-for-all (Cai et al. 2020, arXiv 1908.09791). `start` is the kernel before the expansion of the family
    "universal"; a first block with a stride and no kernel at all takes the smallest that `kernel` has.
    """

    stride: Annotated[int, Meta(ge=1, le=2)]
    depth: Annotated[tuple[Annotated[int, Meta(ge=1, le=32)], ...], _Some]
    width: Annotated[tuple[Width, ...], _Some]
    kernel: Annotated[tuple[KernelChoice, ...], _Some]
    expansion: Annotated[tuple[Expansion, ...], _Some]
    se: Annotated[tuple[bool, ...], _Some]
    activation: Annotated[tuple[Activation, ...], _Some]
    per_block: bool = False
    family: Annotated[tuple[FamilyName, ...], _Some] = ("inverted_residual",)
    start: Annotated[tuple[KernelChoice, ...], _Some] = ("none",)

    def __post_init__(self) -> None:
        """Raise ValueError for options that no block of a family can have."""
        if "none" in self.kernel and (other := [name for name in self.family if name not in WITHOUT_KERNEL]):
            raise ValueError(f'kernel has "none", but blocks of the family {other[0]} have a kernel')
        if all(kernel == "none" for kernel in self.kernel):
            raise ValueError('kernel has only "none", but a block with a stride needs a kernel')
        for kernel in (*self.kernel, *self.start):
            if kernel != "none" and kernel % 2 == 0:
                raise ValueError(f"kernel {kernel} is even, but a kernel is odd")
        if "shuffle_v2" not in self.family:
            return
        if odd := [width for width in self.width if width % 2]:
            raise ValueError(f"width {odd[0]} is odd, but shuffle_v2 splits its channels: take {odd[0] + 1}")
        if self.stride == 1:
            raise ValueError("stride 1 with shuffle_v2, but its first block changes the width: take stride 2")

    def size(self) -> int:
        """How many different sets of choices there are."""
        blocks = len(self.kernel) * len(self.expansion) * len(self.start)
        bodies = sum(blocks**depth for depth in self.depth) if self.per_block else len(self.depth) * blocks
        return bodies * len(self.width) * len(self.se) * len(self.activation) * len(self.family)


class HeadChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the head."""

    width: Annotated[tuple[Width, ...], _Some]
    hidden: Annotated[tuple[Width, ...], _Some]
    activation: Annotated[tuple[Activation, ...], _Some]


class SearchSpace(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Every list of options is written from the cheapest to the dearest.

    `resolutions` are sizes of the input in pixels: in a file 224, or "192x320", height first. A space without them
    leaves the resolution to the `resolution` that its methods take; one with them ignores that. `published` are the
    known networks that its own are compared with, and that a search begins near where the space contains something
    like them.
    """

    name: str
    stem: StemChoice
    stages: Annotated[tuple[StageChoice, ...], Meta(min_length=1, max_length=16)]
    head: HeadChoice
    resolutions: Annotated[tuple[_Resolution, ...], Meta(max_length=16)] = ()
    published: Annotated[tuple[str, ...], Meta(max_length=8)] = COMPARED_WITH

    def __post_init__(self) -> None:
        """Raise ValueError for resolutions out of order and for networks that nobody knows."""
        if unknown := [name for name in self.published if name not in KNOWN_NAMES]:
            raise ValueError(f"published has {unknown[0]!r}, which is no known network: {', '.join(KNOWN_NAMES)}")
        structs.force_setattr(self, "resolutions", tuple(make_size(*height_width(one)) for one in self.resolutions))
        if list(self.resolutions) != sorted(set(self.resolutions), key=by_area):
            named = ", ".join(map(describe_size, self.resolutions))
            raise ValueError(f"resolutions = [{named}] must rise from one to the next")

    def at(self, *resolutions: Size) -> "SearchSpace":
        """The same space with these resolutions, in any order, to choose from."""
        return replace(self, resolutions=tuple(sorted(set(resolutions), key=by_area)))

    def sides(self, resolution: Size = 224) -> tuple[Size, ...]:
        """The resolutions of its networks, where `resolution` is what the space leaves open."""
        return self.resolutions or (resolution,)

    def draw(self, choose: Choose, resolution: Size = 224, classes: int = 1000) -> Architecture:
        """The architecture of a chooser's answers; asked is only where there is more than one option."""
        ask = _asker(choose)
        sizes = {resolution_option(size): size for size in self.sides(resolution)}
        size = sizes[ask("resolution", tuple(sizes))]
        stem = Stem(ask("stem.width", self.stem.width), ask("stem.activation", self.stem.activation))
        stages, width = [], stem.width
        for number, options in enumerate(self.stages):
            stages.append(_draw_stage(ask, f"s{number}", options, width))
            width = stages[-1].width
        head = Head(
            ask("head.width", self.head.width),
            ask("head.hidden", self.head.hidden),
            ask("head.activation", self.head.activation),
        )
        return Architecture(size, stem, tuple(stages), head, classes)

    def sample(self, rng: random.Random, resolution: Size = 224, classes: int = 1000) -> Architecture:
        """An architecture of uniformly random choices."""
        return self.draw(lambda _, options: rng.choice(options), resolution, classes)

    def smallest(self, resolution: Size = 224, classes: int = 1000) -> Architecture:
        """The architecture of all the cheapest options."""
        return self.draw(lambda _, options: options[0], resolution, classes)

    def largest(self, resolution: Size = 224, classes: int = 1000) -> Architecture:
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
        head = len(self.head.width) * len(self.head.hidden) * len(self.head.activation)
        return len(self.sides()) * stem * head * math.prod(stage.size() for stage in self.stages)

    def cover(self, resolution: Size = 224, classes: int = 1000) -> Iterator[Architecture]:
        """Architectures that together contain every op of the space.

        An op depends on the resolution, on its own stage's choices and on the width before it, so those are varied
        together, one stage after the other, at the greatest depth. Blocks that choose for themselves have no other
        ops than blocks that choose together, so together they are varied.
        """
        stages = tuple(replace(stage, per_block=False) for stage in self.stages)
        for side in self.sides(resolution):
            yield from replace(self, stages=stages, resolutions=())._cover(side, classes)

    def _cover(self, resolution: Size, classes: int) -> Iterator[Architecture]:
        decisions = self.options()
        befores = ["stem", *(f"s{number}" for number in range(len(self.stages))), "head"]
        for before, part in itertools.pairwise(befores):
            names = [n for n in decisions if n.split(".")[0] == part and not n.endswith(".depth")]
            names += [n for n in decisions if n == f"{before}.width" or n == f"{before}.activation"]
            for values in itertools.product(*(decisions[name] for name in names)):
                answers = dict(zip(names, values, strict=True))
                yield self.draw(partial(_covering, answers), resolution, classes)


def resolution_option(size: Size) -> int | str:
    """A resolution as choosers are asked for it: a square's side, else a text, for records and Optuna know no pairs."""
    return size if isinstance(size, int) else describe_size(size)


def _covering(answers: dict[str, Any], name: str, options: Sequence[Any]) -> Any:
    return answers.get(name, options[-1] if name.endswith(".depth") else options[0])


def _asker(choose: Choose) -> Choose:
    return lambda name, options: choose(name, options) if len(options) > 1 else options[0]


def _draw_stage(ask: Choose, name: str, options: StageChoice, width: int) -> Stage:
    family = ask(f"{name}.family", options.family)
    depth, out = ask(f"{name}.depth", options.depth), ask(f"{name}.width", options.width)
    blocks = [f"{name}b{number}" for number in range(depth)] if options.per_block else [name]
    body = [
        (
            ask(f"{block}.kernel", options.kernel),
            ask(f"{block}.expansion", options.expansion),
            ask(f"{block}.start", options.start),
        )
        for block in blocks
    ]
    body = body if options.per_block else body * depth
    se, activation = ask(f"{name}.se", options.se), ask(f"{name}.activation", options.activation)
    if options.stride > 1 and body[0][0] == body[0][2] == "none":
        body[0] = (min(kernel for kernel in options.kernel if kernel != "none"), *body[0][1:])
    return _stage(family, options.stride, width, out, tuple(body), se, activation)


# A search draws the same few thousand stages over and over.
@lru_cache(maxsize=8192)
def _stage(
    family: FamilyName,
    stride: int,
    width: int,
    out: int,
    body: tuple[tuple[KernelChoice, Expansion, KernelChoice], ...],
    se: bool,
    activation: Activation,
) -> Stage:
    """The stage of these choices, its body kernels and an expansion for each block, behind a map of `width`."""
    blocks = []
    for number, (kernel, expansion, start) in enumerate(body):
        ratio = None if expansion == "none" else expansion
        residual = (number > 0 or stride == 1) and width == out
        choice = BlockChoice(width, out, kernel, start, ratio, se, activation, residual)
        blocks.append(draw_block(family, choice))
        width = out
    return Stage(out, stride, tuple(blocks))


def space_names() -> tuple[str, ...]:
    """The names of the shipped spaces."""
    return tuple(sorted(path.stem for path in shipped_folder("search_spaces").glob("*.toml")))


def load_space(name: str | Path) -> SearchSpace:
    """A shipped space by its name, or a TOML file by its path."""
    name = str(name)
    path = shipped_folder("search_spaces") / f"{name}.toml" if name in space_names() else Path(name)
    if not path.is_file():
        raise InvalidSpace(f"{name!r} is no search space: give a TOML file or one of {', '.join(space_names())}.")
    try:
        return msgspec.convert(_with_sizes(path, tomllib.loads(path.read_text())), SearchSpace)
    except msgspec.ValidationError as error:
        raise InvalidSpace(f"{path}: {error}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InvalidSpace(f"{path}: is not a TOML file ({error}).") from error


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
