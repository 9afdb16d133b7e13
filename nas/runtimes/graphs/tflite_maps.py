"""What a TFLite graph does without weights: windows, channels that move, sizes that change, sums and products."""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from nas.design.op import AnchorList, Conv, Pool, Shuffle, Slice, Upsample, least_pads
from nas.design.size import Pads, area, height_width
from nas.runtimes.graphs.quantise import code_of
from nas.runtimes.graphs.tflite_schema import Draft, Tensor
from nas.runtimes.runtime import Ranges


class TfliteMaps:
    """Pushes ops onto a draft. Without ranges all is float32; `positive` names tensors that have nothing below zero."""

    def __init__(self, ranges: Ranges | None, batch: int, positive: set[str]) -> None:
        """Nothing is there yet."""
        self.draft = Draft()
        self.ranges, self.batch, self.positive = ranges, batch, positive

    def value(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """A computed tensor, in the code of its range."""
        return self.draft.value(name, shape, None if self.ranges is None else code_of(*self.ranges[name]))

    def logistic(self, value: Tensor, output: Tensor) -> Tensor:
        """The sigmoid; its int8 form wants another scale than the gate's, so it is float32."""
        if value.code is None:
            return self.draft.push("LOGISTIC", [value.index], output)
        real, bent = (self.draft.value(f"{output.name}.{part}", value.shape) for part in ("real", "bent"))
        self.draft.push("DEQUANTIZE", [value.index], real, schema.DequantizeOptionsT())
        self.draft.push("LOGISTIC", [real.index], bent)
        return self.draft.push("QUANTIZE", [bent.index], output, schema.QuantizeOptionsT())

    def pad(self, name: str, value: Tensor, pads: Pads, lowest: bool = False) -> Tensor:
        """Zeros around a map, or what is below all values."""
        paddings = np.array([(0, 0), *pads, (0, 0)], np.int32)
        shape = tuple((value.shape + paddings.sum(axis=1)).tolist())
        output = self.draft.value(f"{name}.padded", shape, value.code)
        constants = [self.draft.constant(f"{name}.paddings", paddings)]
        if not lowest:
            return self.draft.push("PAD", [value.index, *constants], output, schema.PadOptionsT())
        constants.append(self.draft.lowest(f"{name}.lowest", value.code))
        return self.draft.push("PADV2", [value.index, *constants], output, schema.PadV2OptionsT())

    def pool(self, name: str, value: Tensor, op: Pool) -> Tensor:
        """The largest or the mean of windows."""
        if op.covers and op.kind == "average":
            return self.mean(value, self.value(name, (self.batch, 1, 1, op.width)))
        same = op.pads == least_of(op) and op.kind == "max"
        # XNNPACK pads with zeros only: behind a ReLU a maximum is the same with them as with what is below all values.
        lowest = op.kind == "max" and value.name not in self.positive
        padded = value if same or not np.any(op.pads) else self.pad(name, value, op.pads, lowest=lowest)
        padding = schema.Padding.SAME if same else schema.Padding.VALID
        output = self.value(name, (self.batch, *height_width(op.out_size), op.width))
        (down, across), (height, width) = height_width(op.stride), height_width(op.kernel)
        options = schema.Pool2DOptionsT(padding, across, down, width, height)
        return self.draft.push(
            "MAX_POOL_2D" if op.kind == "max" else "AVERAGE_POOL_2D", [padded.index], output, options
        )

    def slice(self, name: str, value: Tensor, op: Slice) -> Tensor:
        """Some of the channels."""
        shape = (self.batch, *height_width(op.size), op.width)
        ends = {"first": (0, 0, 0, op.first), "shape": shape}
        constants = [self.draft.constant(f"{name}.{key}", np.array(end, np.int32)) for key, end in ends.items()]
        return self.draft.push("SLICE", [value.index, *constants], self.value(name, shape), schema.SliceOptionsT())

    def shuffle(self, name: str, value: Tensor, op: Shuffle) -> Tensor:
        """Groups and their channels exchanged, place by place."""
        places, within = self.batch * area(op.size), op.width // op.groups
        grouped = self.reshape(f"{name}.groups", value, (places, op.groups, within))
        swapped = self.draft.value(f"{name}.turns", (places, within, op.groups), value.code)
        order = self.draft.constant(f"{name}.order", np.array([0, 2, 1], np.int32))
        self.draft.push("TRANSPOSE", [grouped.index, order], swapped, schema.TransposeOptionsT())
        return self.reshape(name, swapped, value.shape)

    def reshape(self, name: str, value: Tensor, shape: tuple[int, ...]) -> Tensor:
        """The same numbers in another shape."""
        output = self.draft.value(name, shape, value.code)
        constant = self.draft.constant(f"{name}.shape", np.array(shape, np.int32))
        return self.draft.push("RESHAPE", [value.index, constant], output, schema.ReshapeOptionsT(list(shape)))

    def upsample(self, name: str, value: Tensor, op: Upsample) -> Tensor:
        """A map of another size."""
        sides = height_width(op.out_size)
        constant = self.draft.constant(f"{name}.sides", np.array(sides, np.int32))
        options = schema.ResizeBilinearOptionsT(alignCorners=False, halfPixelCenters=True)
        output = self.value(name, (self.batch, *sides, op.width))
        return self.draft.push("RESIZE_BILINEAR", [value.index, constant], output, options)

    def listed(self, name: str, maps: list[Tensor], op: AnchorList) -> Tensor:
        """Maps have their channels last: what is said of an anchor lies side by side already."""
        if len(maps) == 1:
            return self.reshape(name, maps[0], (self.batch, sum(op.lengths), op.columns))
        rows = [
            self.reshape(f"{name}.{number}", value, (self.batch, length, op.columns))
            for number, (value, length) in enumerate(zip(maps, op.lengths, strict=True))
        ]
        output = self.draft.value(name, (self.batch, sum(op.lengths), op.columns), rows[0].code)
        indices = [row.index for row in rows]
        return self.draft.push("CONCATENATION", indices, output, schema.ConcatenationOptionsT(axis=1))

    def mean(self, value: Tensor, output: Tensor) -> Tensor:
        """Over the sides of a map."""
        axes = self.draft.constant(f"{output.name}.axes", np.array([1, 2], np.int32))
        options = schema.ReducerOptionsT(keepDims=len(output.shape) == 4)
        return self.draft.push("MEAN", [value.index, axes], output, options)

    def sum(self, a: int, b: int, output: Tensor) -> Tensor:
        """Of two tensors of one shape."""
        return self.draft.push("ADD", [a, b], output, schema.AddOptionsT())

    def product(self, a: int, b: int, output: Tensor) -> Tensor:
        """Of two tensors, one of which may be a number a channel."""
        return self.draft.push("MUL", [a, b], output, schema.MulOptionsT())


def least_of(op: Conv | Pool) -> Pads:
    """What TFLite's SAME pads."""
    kernels, strides = (op.reach, op.stride) if isinstance(op, Conv) else (op.kernel, op.stride)
    rows, columns = zip(*map(height_width, (kernels, strides, op.size)), strict=True)
    return least_pads(*rows), least_pads(*columns)
