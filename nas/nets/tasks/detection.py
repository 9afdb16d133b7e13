"""`Detection`: boxes with classes, as SSD learns them (Liu et al. 2016, arXiv 1512.02325)."""

from msgspec import Struct

from nas.design.dense.anchors import AnchorMap


class Detection(Struct, frozen=True):
    """Placeholder until boxes are learnt."""

    anchors: tuple[AnchorMap, ...]
