"""`DenseHead`: what a head for detection or segmentation answers, and where in a backbone it takes its maps."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

from msgspec import Struct

from nas.design.op import Conv, Pool
from nas.design.size import Size, shorter_side
from nas.design.walk import Node, Output, Walk

TaskName = Literal["classification", "detection", "segmentation"]
HeadName = Literal["ssdlite", "lraspp", "raspp"]
USUAL_HEAD: dict[str, HeadName] = {"detection": "ssdlite", "segmentation": "lraspp"}
"""The head of a task if none is asked for."""
METRICS: dict[TaskName, str] = {"classification": "accuracy", "detection": "mAP", "segmentation": "mean IoU"}
"""What networks of a task are scored by; mAP is the mean over IoU .5 to .95."""


def _tag(name: str) -> str:
    """`SsdLite` is `ssdlite` in files."""
    return name.lower()


class DenseHead(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag=_tag):
    """A head on maps of several strides; the backbone ends with the last 1x1 convolution, if it has one."""

    task: ClassVar[TaskName]

    @property
    def stride(self) -> int:
        """What the backbone's last map is smaller by than the image: strides beyond it are made of dilation."""
        raise NotImplementedError

    def refused(self, stride: int) -> str:
        """Why it cannot stand behind a backbone of this stride; empty where it can."""
        raise NotImplementedError

    def taps(self, nodes: Sequence[Node]) -> tuple[int, ...]:
        """The nodes of a backbone whose maps it takes beside the last one."""
        return ()

    def lower(self, walk: Walk, size: Size, classes: int) -> tuple[Output, ...]:
        """Push the head's ops, named `head_{part}`, onto a walk that begins at the backbone's maps.

        The last map is `walk.here`, its taps are numbered from -2 down; `size` is the image's. Return what the network
        gives.
        """
        raise NotImplementedError

    @property
    def kind(self) -> str:
        """What it is called in files and names, like `ssdlite`."""
        return str(self.__struct_config__.tag)

    @property
    def widths(self) -> dict[str, int]:
        """The widths that can be cut, by name; what predicts classes and boxes has none."""
        return {}

    def with_width(self, part: str, width: int) -> Self:
        """The head with one of its widths changed."""
        raise KeyError(part)

    @property
    def choices(self) -> dict[str, Any]:
        """What a space would have decided to make it, by the decision's kind."""
        raise NotImplementedError

    def scaled(self, multiplier: float) -> Self:
        """The head of a network whose widths are all multiplied."""
        return self


def find_before(nodes: Sequence[Node], stride: int) -> int:
    """The node whose map the first op of a stride takes: of an inverted residual the expansion, before its depthwise.

    Of stride 32 it is what SSDLite calls C4.
    """
    return nodes[strides(nodes).index(stride)].inputs[0]


def find_first_block(nodes: Sequence[Node], stride: int) -> int:
    """The last node of the first block whose map has a stride: of 8, what LR-ASPP takes its fine features from."""
    block = _block_of(nodes[strides(nodes).index(stride)])
    return max(number for number, node in enumerate(nodes) if _block_of(node) == block)


def strides(nodes: Sequence[Node]) -> list[int]:
    """How much smaller than the image the map is that each node leaves."""
    found: list[int] = []
    for node in nodes:
        taken = found[node.inputs[0]] if node.inputs[0] >= 0 else 1
        found.append(taken * (shorter_side(node.op.stride) if isinstance(node.op, Conv | Pool) else 1))
    return found


def _block_of(node: Node) -> str:
    return node.name.partition("_")[0]
