"""`lower`: the one walk over an architecture. Counts, prices, modules and model files are folds over its `Graph`."""

from collections.abc import Sequence
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import force_setattr, replace

from nas.design.architecture import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    LEAST_SIDE,
    MOST_SIDE,
    Architecture,
    Channels,
    Head,
    Stage,
    Stem,
)
from nas.design.dense.anchors import AnchorMap, anchor_maps
from nas.design.dense.head import DenseHead, TaskName
from nas.design.dense.ssdlite import SsdLite
from nas.design.map_op import AnchorList
from nas.design.op import Padding, has_norm
from nas.design.shapes import Shape
from nas.design.size import Size, describe_size, map_sides
from nas.design.walk import LOGITS, GraphPart, Node, NoMapLeft, Output, Walk


class Graph(Struct, frozen=True):
    """A directed acyclic graph of ops in execution order; unless `outputs` say more, the last node gives `logits`.

    `mean` and `std` are those of the images that it takes, of pixels from 0 to 1. `task` says what the outputs mean,
    `anchors` of a detector those that its boxes belong to.
    """

    inputs: tuple[Shape, ...]
    nodes: tuple[Node, ...]
    norm_eps: float = 1e-3
    mean: Channels = IMAGENET_MEAN
    std: Channels = IMAGENET_STD
    outputs: tuple[Output, ...] = ()
    task: TaskName = "classification"
    anchors: tuple[AnchorMap, ...] = ()

    def __post_init__(self) -> None:
        """Name the last node where nothing is named."""
        if not self.outputs:
            force_setattr(self, "outputs", (Output(LOGITS, len(self.nodes) - 1),))


def is_normed(graph: Graph) -> bool:
    """Whether any layer has a batch norm."""
    return any(has_norm(node.op) for node in graph.nodes)


@lru_cache(maxsize=512)
def lower(arch: Architecture) -> Graph:
    """The graph of an architecture: every op with its shapes, in execution order.

    Node names are `stem`, `stem_pool`, `s{stage}b{block}_{part}` (counted from 0; the parts are the family's),
    `head_conv`, `head_pool`, `head_hidden` and `head_classifier`; a dense head's parts are its own.
    """
    *backbone, head = parts(arch)
    walk = _walk_over(backbone)
    start = len(walk.nodes)
    walk.extend(head, _taps(arch, walk.nodes))
    nodes, outputs = tuple(walk.nodes), tuple(Output(one.name, one.node + start) for one in head.outputs)
    return Graph(
        (walk.image,), nodes, arch.norm_eps, arch.mean, arch.std, outputs, arch.task, _anchors(arch, nodes, outputs)
    )


def _walk_over(backbone: Sequence[GraphPart]) -> Walk:
    walk = Walk(backbone[0].image)
    for part in backbone:
        walk.extend(part)
    return walk


def _taps(arch: Architecture, nodes: Sequence[Node]) -> tuple[int, ...]:
    """The nodes of the backbone whose maps the head takes beside the last one."""
    return arch.dense.taps(nodes) if isinstance(arch.dense, DenseHead) else ()


def _anchors(arch: Architecture, nodes: tuple[Node, ...], outputs: tuple[Output, ...]) -> tuple[AnchorMap, ...]:
    if not isinstance(arch.dense, SsdLite):
        return ()
    listed = nodes[outputs[0].node].op
    assert isinstance(listed, AnchorList)
    return anchor_maps(arch.dense, listed)


def parts(arch: Architecture) -> list[GraphPart]:
    """The walk itself, part by part: the stem, each stage, the head; their nodes one after another are the graph.

    Raises InvalidArchitecture with the least resolution that works where nothing is left of a map.
    """
    try:
        return _parts(arch)
    except NoMapLeft as error:
        least = next(side for side in range(LEAST_SIDE, MOST_SIDE) if _has_room(arch, side))
        nearest = map_sides(lambda side: max(side, least), arch.resolution)
        raise NoMapLeft(f"{error} The nearest that works is {describe_size(nearest)}.") from error


def _has_room(arch: Architecture, resolution: Size) -> bool:
    try:
        _parts(replace(arch, resolution=resolution))
    except NoMapLeft:
        return False
    return True


def _parts(arch: Architecture) -> list[GraphPart]:
    found = [_stem(arch.stem, Shape(3, arch.resolution), arch.padding)]
    for number, (stage, dilation) in enumerate(zip(arch.stages, dilations(arch), strict=True)):
        found.append(_stage(number, stage, found[-1].left, arch.padding, dilation))
    if not isinstance(arch.dense, DenseHead):
        return [*found, _head(arch.head, arch.classes, found[-1].left)]
    walk = _walk_over(found)
    last, *taps = (Shape(one.width, one.size) for one in (walk.here, *map(walk.at, _taps(arch, walk.nodes))))
    head = _dense(arch.head, arch.dense, arch.classes, arch.resolution, arch.padding, last, tuple(taps))
    return [*found, head]


def dilations(arch: Architecture) -> tuple[int, ...]:
    """Of every stage: 1 until the map has the stride at which the head wants it, then what strides would have been."""
    most = arch.dense.stride if isinstance(arch.dense, DenseHead) else None
    stride, dilation, found = arch.stem.stride, 1, []
    for stage in arch.stages:
        if most is None or stride * stage.stride <= most:
            stride *= stage.stride
        else:
            dilation *= stage.stride
        found.append(dilation)
    return tuple(found)


@lru_cache(maxsize=1024)
def _dense(
    head: Head, dense: DenseHead, classes: int, size: Size, padding: Padding, image: Shape, taps: tuple[Shape, ...]
) -> GraphPart:
    """The last convolution, if there is one, and a dense head; `size` is of the network's images."""
    walk = Walk(image, padding, taps=taps)
    if head.width is not None:
        walk.conv("head_conv", head.width, 1, head.activation)
    outputs = dense.lower(walk, size, classes)
    return replace(walk.part(), outputs=outputs)


@lru_cache(maxsize=256)
def _stem(stem: Stem, image: Shape, padding: Padding) -> GraphPart:
    walk = Walk(image, padding)
    walk.conv("stem", stem.width, stem.kernel, stem.activation, 2, padding=stem.padding, affine=stem.affine)
    if stem.pool:
        walk.max_pool("stem_pool", 3, 2)
    return walk.part()


# The largest shipped space has about 5000 different stages with the width before them.
@lru_cache(maxsize=8192)
def _stage(number: int, stage: Stage, image: Shape, padding: Padding, dilation: int) -> GraphPart:
    walk = Walk(image, padding, dilation)
    for b, (block, stride) in enumerate(stage.numbered):
        block.lower(walk, f"s{number}b{b}", stage.width, stride)
    return walk.part()


@lru_cache(maxsize=1024)
def _head(head: Head, classes: int, image: Shape) -> GraphPart:
    walk = Walk(image)
    if head.width is not None:
        walk.conv("head_conv", head.width, 1, head.activation)
    if head.convolutional:
        walk.conv("head_classifier", classes, 1, head.activation, affine="bias")
        walk.global_pool("head_pool")
        return walk.part()
    walk.global_pool("head_pool")
    if head.hidden is not None:
        walk.linear("head_hidden", head.hidden, head.activation, head.hidden_affine)
    walk.linear("head_classifier", classes, None)
    return walk.part()
