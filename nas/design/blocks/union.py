"""`Block`: the union of all block families. A new one is a file beside this one, and a line here."""

from nas.design.blocks.convolutional import Convolutional, Separable
from nas.design.blocks.fire import Fire
from nas.design.blocks.ghost import Ghost
from nas.design.blocks.inverted_residual import InvertedResidual
from nas.design.blocks.shuffle import ShuffleV1, ShuffleV2
from nas.design.blocks.universal import Universal
from nas.design.blocks.xception import SeparableStack

Block = InvertedResidual | Universal | Separable | Convolutional | ShuffleV1 | ShuffleV2 | Fire | Ghost | SeparableStack
