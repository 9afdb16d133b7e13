"""`Draft`: the tensors and operators of one TFLite graph, and the flatbuffer they make."""

from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from msgspec import Struct
from numpy.typing import NDArray

from nas.runtimes.graphs.quantise import ByteCode

IDENTIFIER = b"TFL3"
SIGNATURE = "serving_default"
_SCHEMA_VERSION = 3
# What the schema asks of constants (`force_align`): kernels may read them with aligned instructions.
_ALIGNMENT = 16
_TYPES = {
    "float32": schema.TensorType.FLOAT32,
    "int8": schema.TensorType.INT8,
    "int32": schema.TensorType.INT32,
}
# The version of an op's description that first knew int8; a reader refuses what is newer than itself.
_INT8_VERSIONS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 4, "QUANTIZE": 1, "RESHAPE": 1}
_INT8_VERSION = 2
# The version that first knew what some options say, whatever the type.
_HALF_PIXELS, _DILATED = 3, 2


class Tensor(Struct, frozen=True):
    """A tensor of the graph that is given or computed; `code` None: float32, else int8."""

    index: int
    name: str
    shape: tuple[int, ...]
    code: ByteCode | None


class Draft:
    """Collects one graph in execution order."""

    def __init__(self) -> None:
        """Empty; buffer 0 is the schema's sign for a tensor without data."""
        self._buffers: list[Any] = [schema.BufferT()]
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._kinds: dict[tuple[str, int], int] = {}

    def value(self, name: str, shape: tuple[int, ...], code: ByteCode | None = None) -> Tensor:
        """A tensor that is given or computed."""
        self._tensors.append(_tensor(name, shape, "float32" if code is None else "int8"))
        if code is not None:
            # TFLite's bytes are signed: the same code, 128 lower.
            self._tensors[-1].quantization = _quantisation(np.array([code.scale]), np.array([code.zero - 128]), 0)
        return Tensor(len(self._tensors) - 1, name, shape, code)

    def constant(self, name: str, array: NDArray[Any], scales: NDArray[Any] | None = None, axis: int = 0) -> int:
        """The number of a constant; `scales`, one a slice of an axis, say what its integers stand for."""
        tensor = _tensor(name, array.shape, array.dtype.name)
        tensor.buffer = len(self._buffers)
        if scales is not None:
            tensor.quantization = _quantisation(scales, np.zeros(scales.size), axis)
        self._buffers.append(_Constant(array.tobytes()))
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def lowest(self, name: str, code: ByteCode | None) -> int:
        """The number of a constant below all values of a tensor of this code."""
        if code is None:
            return self.constant(name, np.array([np.finfo(np.float32).min], np.float32))
        number = self.constant(name, np.array([-128], np.int8))
        self._tensors[number].quantization = _quantisation(np.array([code.scale]), np.array([code.zero - 128]), 0)
        return number

    def push(self, kind: str, inputs: Sequence[int], output: Tensor, options: Any = None) -> Tensor:
        """One op, its options as the schema's object, None if it has none; returns its output."""
        int8 = output.code is not None or kind == "DEQUANTIZE"
        version = max(_INT8_VERSIONS.get(kind, _INT8_VERSION) if int8 else 1, _version_of(options))
        number = self._kinds.setdefault((kind, version), len(self._kinds))
        made = schema.OperatorT(opcodeIndex=number, inputs=list(inputs), outputs=[output.index])
        if options is not None:
            made.builtinOptions = options
            made.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self._operators.append(made)
        return output

    def content(self, inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor]) -> bytes:
        """The file, with one signature of these names."""
        graph = schema.SubGraphT(tensors=self._tensors, operators=self._operators, name="main")
        graph.inputs = [tensor.index for tensor in inputs.values()]
        graph.outputs = [tensor.index for tensor in outputs.values()]
        model = schema.ModelT(version=_SCHEMA_VERSION, subgraphs=[graph], buffers=self._buffers, description="nas")
        model.operatorCodes = [_operator_code(kind, version) for kind, version in self._kinds]
        model.signatureDefs = [schema.SignatureDefT(_named(inputs), _named(outputs), SIGNATURE)]
        return _packed(model)


def add_metadata(content: bytes, texts: Mapping[str, str]) -> bytes:
    """A TFLite file with these texts in its metadata, a buffer each."""
    model = schema.ModelT.InitFromPackedBuf(content)
    model.buffers = [schema.BufferT() if b.data is None else _Constant(bytes(bytearray(b.data))) for b in model.buffers]
    entries = [schema.MetadataT(name, len(model.buffers) + number) for number, name in enumerate(texts)]
    model.metadata = [*(model.metadata or []), *entries]
    model.buffers += [_Constant(text.encode()) for text in texts.values()]
    return _packed(model)


def _version_of(options: Any) -> int:
    """The version of an op's description that first knew what these options say."""
    if getattr(options, "halfPixelCenters", False):
        return _HALF_PIXELS
    return _DILATED if getattr(options, "dilationHFactor", 1) > 1 else 1


def _packed(model: Any) -> bytes:
    # Grown by doubling, a builder copies all that it has: the size is known.
    builder = flatbuffers.Builder(sum(len(buffer.data or b"") for buffer in model.buffers) + (1 << 16))
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


class _Constant(schema.BufferT):  # type: ignore[misc]  # the library publishes no types
    """A buffer whose data begin where the schema wants them: the generated code puts them on any byte."""

    def Pack(self, builder: Any) -> Any:  # noqa: N802  # the library's name
        """Writes the buffer; its place."""
        builder.StartVector(1, len(self.data), _ALIGNMENT)
        builder.head -= len(self.data)
        builder.Bytes[builder.head : builder.head + len(self.data)] = self.data
        data = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, data)
        return schema.BufferEnd(builder)


def _tensor(name: str, shape: Sequence[int], dtype: str) -> Any:
    return schema.TensorT(shape=np.array(shape, np.int32), type=_TYPES[dtype], name=name, hasRank=True)


def _quantisation(scales: NDArray[Any], zeros: NDArray[Any], axis: int) -> Any:
    made = schema.QuantizationParametersT(scale=scales.astype(np.float32), zeroPoint=zeros.astype(np.int64))
    made.quantizedDimension = axis
    return made


def _operator_code(kind: str, version: int) -> Any:
    code = getattr(schema.BuiltinOperator, kind)
    # Readers from before the field was widened look at the byte; 127 sends the others to the wide one.
    return schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=min(code, 127), version=version)


def _named(tensors: Mapping[str, Tensor]) -> list[Any]:
    return [schema.TensorMapT(name, tensor.index) for name, tensor in tensors.items()]
