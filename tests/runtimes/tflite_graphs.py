"""What LiteRT makes of a file: tensors, and which ops XNNPACK took."""

import warnings
from typing import Any

from ai_edge_litert.interpreter import Interpreter, OpResolverType

from nas.design.graph import Graph
from nas.design.op import Activate, Concat, Conv, Pool, is_curved, least_pads
from nas.design.size import height_width
from nas.device.litert_session import LitertSession, _stored
from nas.runtimes.runtime import Array


def left_out(session: LitertSession) -> list[str]:
    """Names of ops, where XNNPACK did not take the whole graph as one; empty where it did.

    The library lists the file's ops and, behind them, a `DELEGATE` for each run of ops that was taken: taken whole, it
    is one, reads nothing that an op of the file makes and makes the output.
    """
    interpreter: Any = session._interpreter
    ops = interpreter._get_ops_details()
    delegates = [op for op in ops if op["op_name"] == "DELEGATE"]
    kept = [op for op in ops if op["op_name"] != "DELEGATE"]
    made = {int(tensor) for op in kept for tensor in op["outputs"]}
    outputs = [details["index"] for details in interpreter.get_output_details()]
    if len(delegates) == 1 and list(delegates[0]["outputs"]) == outputs and not made & {*delegates[0]["inputs"]}:
        return []
    return [op["op_name"] for op in kept]


def by_reference(content: bytes, *arrays: Array) -> Any:
    """An interpreter of LiteRT's own plain kernels that has run on NCHW inputs and kept all that it computed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        interpreter: Any = Interpreter(
            model_content=content,
            experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=True,
        )
    interpreter.allocate_tensors()
    for details, array in zip(interpreter.get_input_details(), arrays, strict=True):
        last = array.transpose(0, 2, 3, 1) if array.ndim == 4 else array
        interpreter.set_tensor(details["index"], _stored(last, details))
    interpreter.invoke()
    return interpreter


def true_ranges(content: bytes, *arrays: Array) -> dict[str, tuple[float, float]]:
    """(low, high) of every tensor of a float32 file on these inputs."""
    interpreter = by_reference(content, *arrays)
    values = {details["name"]: interpreter.get_tensor(details["index"]) for details in interpreter.get_tensor_details()}
    return {name: (float(value.min()), float(value.max())) for name, value in values.items()}


def taken_whole(graph: Graph, precision: str) -> bool:
    """Whether XNNPACK takes all of a graph: it has no activation alone and no mean of windows in int8.

    Nor has it a maximum that is padded with what is below everything, as is needed where no ReLU comes before.
    """
    for node in graph.nodes:
        match node.op:
            case Activate() if precision == "int8" and not is_curved(node.op.activation):
                return False
            case Pool(kind="average") if precision == "int8" and not node.op.covers:
                return False
            case Pool(kind="max"):
                axes = zip(*map(height_width, (node.op.kernel, node.op.stride, node.op.size)), strict=True)
                even = node.op.pads != tuple(least_pads(*axis) for axis in axes)
                if even and node.op.pads != ((0, 0), (0, 0)) and not is_positive(graph, node.inputs[0]):
                    return False
            case _:
                pass
    return True


def is_positive(graph: Graph, number: int) -> bool:
    """Whether a value comes of ReLUs, perhaps joined."""
    if number < 0:
        return False
    match graph.nodes[number].op:
        case Conv() | Activate() as op:
            return op.activation in ("relu", "relu6")
        case Concat():
            return all(is_positive(graph, value) for value in graph.nodes[number].inputs)
        case _:
            return False
