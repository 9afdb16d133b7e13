"""`Guideline`: a rule of thumb, what a paper measured of it, and the graphs that measure it elsewhere."""

from typing import Literal

from msgspec import Struct

from nas.design.graph import Graph
from nas.design.walk import Walk

# Of a variant, beside the first one of its guideline.
Claim = Literal["slower", "faster", "no slower"]


class PaperFigure(Struct, frozen=True):
    """Times of a variant over those of the first one, as published, at several sizes; `where` they were measured."""

    where: str
    ratios: tuple[float, ...]


class Variant(Struct, frozen=True):
    """A network of a guideline. `claim` is what the paper says of it beside the first one, None: nothing.

    `width` is given where variants differ in one width only.
    """

    label: str
    graph: Graph
    claim: Claim | None = None
    paper: tuple[PaperFigure, ...] = ()
    width: int | None = None


class Guideline(Struct, frozen=True):
    """A rule of thumb. The first variant is the one that the others are compared with.

    `claim` is the rule and `source` where it comes from. `per_mac`: times are compared per multiply-add, because the
    multiply-adds are equal to a few percent only, or are what varies. `note` says what a reader should know.
    """

    name: str
    question: str
    claim: str
    source: str
    variants: tuple[Variant, ...]
    per_mac: bool = False
    note: str = ""


def ratios_of_speeds(where: str, first: tuple[float, ...], own: tuple[float, ...]) -> PaperFigure:
    """The figure of a paper that gives speeds, of the first variant and of another one.

    >>> ratios_of_speeds("ARM", (40.0, 10.0), (20.0, 8.0)).ratios
    (2.0, 1.25)
    """
    return PaperFigure(where, tuple(one / other for one, other in zip(first, own, strict=True)))


def describe_figures(figures: tuple[PaperFigure, ...]) -> str:
    """Say what a paper measured: the smallest and the largest ratio of each device.

    >>> describe_figures((PaperFigure("ARM", (1.32, 1.2)), PaperFigure("GPU", (1.5,))))
    'ARM 1.20 to 1.32; GPU 1.50'
    """
    return "; ".join(f"{one.where} {_range(min(one.ratios), max(one.ratios))}" for one in figures)


def _range(low: float, high: float) -> str:
    return f"{low:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.2f} to {high:.2f}"


def as_graph(walk: Walk) -> Graph:
    """The graph of what was walked from an image, with a global pool at its end.

    Every variant then takes an image and leaves a vector, and none pays more than another for layouts at its ends.
    """
    walk.global_pool("pool")
    return Graph((walk.image,), tuple(walk.nodes))
