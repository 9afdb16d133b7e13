"""What an ONNX graph is put together from."""

from typing import Any, assert_never

import numpy as np
import onnx
from onnx import helper, numpy_helper

from nas.design.op import Activation, Conv


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


_RELU6 = (("low", 0), ("high", 6))


def conv_sides(op: Conv) -> dict[str, Any]:
    """The attributes of an ONNX Conv."""
    sides, strides, (before, behind) = [op.kernel] * 2, [op.stride] * 2, op.pads
    pads = [before, before, behind, behind]
    return {"kernel_shape": sides, "strides": strides, "pads": pads, "group": op.groups}
