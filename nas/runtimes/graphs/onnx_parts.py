"""What an ONNX graph is put together from."""

from typing import Any, assert_never

import numpy as np
import onnx
from onnx import helper, numpy_helper

from nas.design.op import Activation, AnchorList, Conv, Gate, Pool, Shuffle, Slice, Upsample
from nas.design.size import Pads, area, height_width


class Parts:
    """Collects the nodes and constants of one graph."""

    def __init__(self) -> None:
        """Empty."""
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, array: Any) -> str:
        """Its name."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array) if np.ndim(array) else array, name))
        return name

    def push(self, kind: str, inputs: list[str], out: str, **attributes: Any) -> str:
        """A node; the name of its one output."""
        self.nodes.append(helper.make_node(kind, inputs, [out], name=out, **attributes))
        return out

    def activation(self, kind: Activation | None, value: str, out: str) -> str:
        """The name of the activated value."""
        match kind:
            case None:
                return value
            case "relu":
                return self.push("Relu", [value], out)
            case "relu6":
                low, high = (self.constant(f"{out}.{end}", np.array(at, np.float32)) for end, at in _RELU6)
                return self.push("Clip", [value, low, high], out)
            case "hswish":
                return self.push("HardSwish", [value], out)
            case "silu":  # Swish came with opset 24; runtimes fuse these two.
                return self.push("Mul", [value, self.push("Sigmoid", [value], f"{out}.sigmoid")], out)
            case _:
                assert_never(kind)

    def pool(self, value: str, op: Pool, out: str) -> str:
        """The largest or the mean of windows; ONNX pads a maximum with what is below everything."""
        if op.covers and op.kind == "average":
            return self.push("GlobalAveragePool", [value], out)
        attributes: dict[str, Any] = {"count_include_pad": 1} if op.kind == "average" else {}
        sides, strides = (list(height_width(size)) for size in (op.kernel, op.stride))
        pads = _pads_in_order(op)
        kind = "AveragePool" if op.kind == "average" else "MaxPool"
        return self.push(kind, [value], out, kernel_shape=sides, strides=strides, pads=pads, **attributes)

    def pad(self, value: str, pads: Pads, out: str) -> str:
        """Zeros around a map."""
        (above, below), (left, right) = pads
        sides = np.array([0, 0, above, left, 0, 0, below, right], np.int64)
        return self.push("Pad", [value, self.constant(f"{out}.sides", sides)], out)

    def slice(self, value: str, op: Slice, out: str) -> str:
        """Some of the channels."""
        ends = {"starts": op.first, "ends": op.first + op.width, "axes": 1}
        inputs = [self.constant(f"{out}.{name}", np.array([number], np.int64)) for name, number in ends.items()]
        return self.push("Slice", [value, *inputs], out)

    def grouped(self, value: str, op: Shuffle, out: str) -> str:
        """[N, C, H, W] as [N, groups, C / groups, H * W]."""
        return self._reshaped(value, (0, op.groups, op.width // op.groups, area(op.size)), out)

    def swapped(self, value: str, out: str) -> str:
        """Groups and their channels exchanged."""
        return self.push("Transpose", [value], out, perm=[0, 2, 1, 3])

    def ungrouped(self, value: str, op: Shuffle, out: str) -> str:
        """A map again."""
        return self._reshaped(value, (0, op.width, *height_width(op.size)), out)

    def upsample(self, value: str, op: Upsample, batch: int, out: str) -> str:
        """A map of another size."""
        shape = np.array([batch, op.width, *height_width(op.out_size)], np.int64)
        inputs = [value, "", "", self.constant(f"{out}.shape", shape)]
        return self.push("Resize", inputs, out, mode="linear", coordinate_transformation_mode="half_pixel")

    def channels_last(self, value: str, out: str) -> str:
        """[N, C, H, W] as [N, H, W, C]."""
        return self.push("Transpose", [value], out, perm=[0, 2, 3, 1])

    def rows(self, value: str, op: AnchorList, out: str) -> str:
        """[N, H, W, anchors * columns] as [N, H * W * anchors, columns]."""
        return self._reshaped(value, (0, -1, op.columns), out)

    def _reshaped(self, value: str, shape: tuple[int, ...], out: str) -> str:
        return self.push("Reshape", [value, self.constant(f"{out}.shape", np.array(shape, np.int64))], out)

    def gate(self, kind: Gate, value: str, out: str) -> str:
        """The sigmoid of a squeeze-excite."""
        if kind == "sigmoid":
            return self.push("Sigmoid", [value], out)
        return self.push("HardSigmoid", [value], out, alpha=1 / 6, beta=0.5)


_RELU6 = (("low", 0), ("high", 6))


def conv_sides(op: Conv) -> dict[str, Any]:
    """The attributes of an ONNX Conv."""
    sides, strides = [op.kernel] * 2, [op.stride] * 2
    apart = {} if op.dilation == 1 else {"dilations": [op.dilation] * 2}
    return {"kernel_shape": sides, "strides": strides, "pads": _pads_in_order(op), "group": op.groups, **apart}


def _pads_in_order(op: Conv | Pool) -> list[int]:
    """Above, left, below, right."""
    (above, below), (left, right) = op.pads
    return [above, left, below, right]
