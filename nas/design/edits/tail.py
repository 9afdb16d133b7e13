"""`ReduceTail`: half of the channels behind stride 16 of a network with a dense head (MobileNetV3, section 6.3)."""

from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from nas.design.architecture import Architecture, Block, Stage
from nas.design.dense.head import DenseHead
from nas.design.edits.joined import may_narrow
from nas.design.op import divisible

TAIL_STRIDE = 32  # stride of the tail


class ReduceTail(Struct, frozen=True, tag=True):
    """Halve all channels of the tail at once; see `reduce_tail`."""

    @property
    def name(self) -> str:
        """What is changed, unique in its architecture."""
        return "tail"


def reduce_tail(arch: Architecture) -> Architecture:
    """Half of all channels behind the first expansion of stride 32 (V3, section 6.3), as torchvision has it.

    A network that ends at stride 16 has no tail and stays as it is.
    """
    first = first_deep(arch)
    if first == len(arch.stages):
        return arch
    tail = (_halved(stage, number == 0) for number, stage in enumerate(arch.stages[first:]))
    width = arch.head.width
    head = replace(arch.head, width=None if width is None else divisible(width / 2))
    return replace(arch, stages=(*arch.stages[:first], *tail), head=head)


def first_deep(arch: Architecture) -> int:
    """The number of the first stage of stride 32, dilated or not; the number of stages if there is none."""
    stride = arch.stem.stride
    for number, stage in enumerate(arch.stages):
        stride *= stage.stride
        if stride >= TAIL_STRIDE:
            return number
    return len(arch.stages)


def may_reduce(arch: Architecture) -> bool:
    """Whether a network has a dense head and a tail whose every width can be cut, and is wide enough to be halved."""
    if not isinstance(arch.dense, DenseHead):
        return False
    starts = (s for s in range(first_deep(arch), len(arch.stages)) if not arch.stages[s].tied)
    return all(may_narrow(arch, s) for s in starts) and _is_narrower(reduce_tail(arch), arch)


def _is_narrower(one: Architecture, other: Architecture) -> bool:
    """Whether no width is larger and some are smaller; in steps of 8, half of 8 channels are 8, and half of 4 too."""
    pairs = list(zip(_widths(one), _widths(other), strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def _widths(arch: Architecture) -> list[int]:
    inner = [width for stage in arch.stages for block in stage.blocks for width in block.widths.values()]
    return [*(stage.width for stage in arch.stages), *inner, arch.head.width or 0]


# A search space draws the same stages over and over.
@lru_cache(maxsize=8192)
def _halved(stage: Stage, first: bool) -> Stage:
    """The expansion of the first block of stride 32 is C4's, and stays."""
    blocks = tuple(block if first and number == 0 else _narrowed(block) for number, block in enumerate(stage.blocks))
    return replace(stage, width=divisible(stage.width / 2), blocks=blocks)


def _narrowed(block: Block) -> Block:
    for part, width in block.widths.items():
        block = block.with_width(part, divisible(width / 2))
    return block
