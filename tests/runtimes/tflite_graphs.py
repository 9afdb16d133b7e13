"""What LiteRT made of a file: its tensors, and which of its ops XNNPACK took."""

import warnings
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from nas.device.litert_session import LitertSession
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


def reference_tensors(content: bytes, *arrays: Array) -> dict[str, Array]:
    """Every float32 tensor by name, [N, S, S, C], computed by LiteRT's own plain kernels; inputs are NCHW."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        interpreter: Any = Interpreter(
            model_content=content,
            experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=True,
        )
    interpreter.allocate_tensors()
    for details, array in zip(interpreter.get_input_details(), arrays, strict=True):
        interpreter.set_tensor(details["index"], array.transpose(0, 2, 3, 1) if array.ndim == 4 else array)
    interpreter.invoke()
    values = {details["name"]: interpreter.get_tensor(details["index"]) for details in interpreter.get_tensor_details()}
    return {name: value for name, value in values.items() if value.dtype == np.float32}
