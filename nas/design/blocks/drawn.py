"""`draw_block`: the block of what a space decided, family by family."""

from collections.abc import Callable
from typing import Literal

from nas.design.blocks.convolutional import Separable
from nas.design.blocks.family import BlockChoice, kernel_of
from nas.design.blocks.inverted_residual import InvertedResidual
from nas.design.blocks.shuffle import ShuffleV2
from nas.design.blocks.union import Block
from nas.design.blocks.universal import Universal
from nas.design.op import divisible

FamilyName = Literal["inverted_residual", "universal", "fused", "separable", "shuffle_v2"]
"""Families that a space may choose from, in the place of `family`."""

# Of those, which can do without a kernel.
WITHOUT_KERNEL: tuple[FamilyName, ...] = ("universal",)


def draw_block(family: FamilyName, choice: BlockChoice) -> Block:
    """The block of some decisions."""
    return _FAMILIES[family](choice)


def _inverted_residual(choice: BlockChoice) -> Block:
    kernel = _some_kernel(choice)
    return InvertedResidual(kernel, choice.expanded, choice.se, choice.activation, choice.residual)


def _universal(choice: BlockChoice) -> Block:
    expanded = choice.expanded or choice.into
    start, middle = kernel_of(choice.start), kernel_of(choice.kernel)
    return Universal(start, expanded, middle, choice.activation, choice.residual)


def _fused(choice: BlockChoice) -> Block:
    expanded = choice.expanded or choice.into
    return Universal(None, expanded, _some_kernel(choice), choice.activation, choice.residual, fused=True)


def _separable(choice: BlockChoice) -> Block:
    return Separable(_some_kernel(choice), choice.activation)


def _shuffle_v2(choice: BlockChoice) -> Block:
    """The expansion is of the half that goes through the branch."""
    inner = divisible(choice.out // 2 * (choice.expansion or 1), 2)
    return ShuffleV2(inner, _some_kernel(choice), choice.activation)


def _some_kernel(choice: BlockChoice) -> int:
    kernel = kernel_of(choice.kernel)
    assert kernel is not None, "a space checks its kernels"
    return kernel


_FAMILIES: dict[FamilyName, Callable[[BlockChoice], Block]] = {
    "inverted_residual": _inverted_residual,
    "universal": _universal,
    "fused": _fused,
    "separable": _separable,
    "shuffle_v2": _shuffle_v2,
}
