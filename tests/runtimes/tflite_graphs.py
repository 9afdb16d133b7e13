"""Graphs to encode for LiteRT, and what it made of their files: tensors, and which ops XNNPACK took."""

import warnings
from typing import Any

from ai_edge_litert.interpreter import Interpreter, OpResolverType

from nas.device.litert_session import LitertSession, _stored
from nas.runtimes.runtime import Array

KEYS = (
    "conv 3>16 k3 s2 g1 32 hswish",
    "conv 3>16 k3 s2 g1 33 relu6",
    "conv 16>24 k1 s1 g1 7 linear +add",
    "conv 16>16 k3 s1 g1 8 relu +add",
    "conv 24>24 k7 s2 g24 2 relu",
    "conv 24>24 k5 s2 g24 14 hswish",
    "conv 24>24 k5 s2 g24 15 relu",
    "conv 24>24 k5 s1 g24 1 relu6",
    "conv 8>16 k3 s2 g8 8 linear",
    "conv 8>12 k3 s1 g4 6 relu",
    "conv 1>6 k3 s1 g1 5 linear",
    "conv 6>1 k1 s2 g1 5 linear",
    "se 24>8 7",
    "se 3>1 1",
    "add 24 14",
    "pool 24 7",
    "pool 5 1",
    "linear 24>10 linear",
    "linear 7>5 hswish",
    "linear 7>1 relu6",
    "conv 3>16 k3 s2 g1 32 silu",
    "conv 24>24 k5 s2 g24 14 silu",
    "linear 7>5 silu",
)


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
