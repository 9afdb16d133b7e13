"""What people would do by hand: a published network scaled in width to the latency, as far as a space contains it."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import geometric_mean, mode
from typing import Any

from nas.algorithms.block_search.bands import Band
from nas.design.architecture import Architecture, Block, Stage
from nas.design.dense.head import DenseHead
from nas.design.edits.tail import reduce_tail
from nas.design.known import known
from nas.design.size import Size, describe_size
from nas.design.space import SearchSpace, resolution_option

_WIDTHS = tuple(0.25 * 1.05**step for step in range(58))  # 0.25 to 4
_STAGE = re.compile(r"s([0-9]+)(?:b([0-9]+))?")

Choices = dict[str, Any]


def by_hand(
    space: SearchSpace,
    classes: int,
    price_ms: Callable[[Architecture], float],
    bands: Mapping[Size, Band],
) -> list[Choices]:
    """Choices of the networks nearest to the space's published ones, scaled, within the latencies of a resolution.

    Depth, kernels, squeeze-excites and activations are the published ones where the space offers them; of the widths
    and expansions those count that lie nearest to some width multiplier's. A space whose stages halve the map
    elsewhere contains none, and where none lies in the band there is none.
    """
    found = []
    for name in space.published_names:
        for side, (low_ms, high_ms) in bands.items():
            models = [known(f"{name}-{width:.3f}-{describe_size(side)}", classes) for width in _WIDTHS]
            if [stage.stride for stage in models[0].stages] != [stage.stride for stage in space.stages]:
                continue
            alike = [reduce_tail(model) for model in models] if _is_reduced(space) else models
            inside: list[tuple[float, Choices]] = []
            for choices in _around([_nearest(space, model) for model in models], space):
                arch = space.draw(lambda name, _, choices=choices: choices[name], side, classes)  # type: ignore[misc]
                if low_ms <= price_ms(arch) <= high_ms:
                    inside.append((min(_distance(arch, model) for model in alike), choices))
            found += [choices for _, choices in sorted(inside, key=lambda pair: pair[0])[:1]]
    return found


def _is_reduced(space: SearchSpace) -> bool:
    """Whether all its networks have a reduced tail; its published ones have the whole."""
    return space.dense is not None and all(space.dense.reduced)


def _around(nearest: Sequence[Choices], space: SearchSpace) -> Iterator[Choices]:
    """Each choices once, and with every width and expansion an option up and down."""
    options, seen = space.options(), set[str]()
    for choices in nearest:
        for moved in (choices, *_moved(choices, options)):
            if repr(moved) not in seen:
                seen.add(repr(moved))
                yield moved


def _moved(choices: Choices, options: dict[str, tuple[Any, ...]]) -> Iterator[Choices]:
    for name, chosen in choices.items():
        if name.endswith((".width", ".expansion", ".inner")):
            place = options[name].index(chosen)
            for other in {max(place - 1, 0), min(place + 1, len(options[name]) - 1)} - {place}:
                yield {**choices, name: options[name][other]}


def _nearest(space: SearchSpace, model: Architecture) -> Choices:
    choices: Choices = {}

    def choose(name: str, options: Sequence[Any]) -> Any:
        wanted = _wanted(model, name)
        return choices.setdefault(name, min(options, key=lambda option: _apart(option, wanted)))

    space.draw(choose, model.resolution, model.classes)
    return choices


def _apart(option: Any, wanted: Any) -> float:
    """Numbers by their ratio; no expansion is one of 1, and what a network has not is the least."""
    first, second = (1 if value in ("none", None) else value for value in (option, wanted))
    if isinstance(first, str | bool) or isinstance(second, str | bool):
        return float(first != second)
    return abs(math.log(first / second))


def _wanted(model: Architecture, name: str) -> Any:
    """What a decision of the space is in a network: of a stage's blocks what most of them have, or their mean."""
    place, _, kind = name.rpartition(".")
    if not place:
        return resolution_option(model.resolution)
    if place in ("stem", "head"):
        return getattr(getattr(model, place), kind)
    if isinstance(model.dense, DenseHead) and place == "dense":
        return model.dense.choices.get(kind, False)
    found = _STAGE.fullmatch(place)
    assert found is not None, name
    number, stage = int(found[1]), model.stages[int(found[1])]
    if kind in ("depth", "width"):
        return len(stage.blocks) if kind == "depth" else stage.width
    before = (model.stages[number - 1] if number else model.stem).width
    blocks = list(zip(stage.blocks, (before, *[stage.width] * len(stage.blocks)), strict=False))
    if found[2]:
        blocks = blocks[int(found[2]) :][:1] or blocks[-1:]
    if kind == "expansion":
        return geometric_mean(block.widths.get("expansion", width) / width for block, width in blocks)
    return mode(block.choices.get(kind, "none") for block, _ in blocks)


def _distance(arch: Architecture, model: Architecture) -> float:
    """Squared differences of the logarithms of all widths, those of blocks that only one of them has left out."""
    pairs = [(arch.stem.width, model.stem.width), (arch.head.width or 1, model.head.width or 1)]
    for mine, theirs in zip(arch.stages, model.stages, strict=True):
        pairs.append((mine.width, theirs.width))
        pairs += [(_inner(a, mine), _inner(b, theirs)) for a, b in zip(mine.blocks, theirs.blocks, strict=False)]
    pairs += zip(_dense(arch), _dense(model), strict=False)
    return sum(math.log(a / b) ** 2 for a, b in pairs)


def _dense(arch: Architecture) -> list[int]:
    return list(arch.dense.widths.values()) if isinstance(arch.dense, DenseHead) else []


def _inner(block: Block, stage: Stage) -> int:
    return next(iter(block.widths.values()), stage.width)
