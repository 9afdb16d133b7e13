"""`Segmentation`: a class for every pixel."""

from msgspec import Struct


class Segmentation(Struct, frozen=True):
    """Placeholder until pixels are learnt."""
