"""The maps that an op takes and leaves."""

from typing import assert_never

from msgspec import Struct

from nas.design.op import (
    Activate,
    Add,
    AnchorList,
    Concat,
    Conv,
    GlobalPool,
    Linear,
    Multiply,
    Op,
    Pool,
    Shuffle,
    Sigmoid,
    Slice,
    SqueezeExcite,
    Upsample,
)
from nas.design.size import Size, make_size


class Shape(Struct, frozen=True):
    """Channels and size of a map; the batch belongs to the conditions, not to the network."""

    width: int
    size: Size


def input_shapes_of(op: Op) -> tuple[Shape, ...]:
    """The maps that an op takes. A linear layer takes a vector, written as a map of side 1."""
    match op:
        case Add():
            return (Shape(op.width, op.size),) * 2
        case Concat():
            return tuple(Shape(width, op.size) for width in op.widths)
        case Multiply():
            return Shape(op.width, op.size), Shape(op.width, op.gate_size)
        case AnchorList():
            return tuple(Shape(width, size) for width, size in zip(op.widths, op.sizes, strict=True))
        case _:
            return (input_shape(op),)


def input_shape(op: Op) -> Shape:
    """The first map that an op takes."""
    match op:
        case Conv() | Slice():
            return Shape(op.in_width, op.size)
        case Linear():
            return Shape(op.in_width, 1)
        case Concat() | AnchorList():
            return Shape(op.widths[0], op.size)
        case (
            SqueezeExcite()
            | Add()
            | Activate()
            | Pool()
            | GlobalPool()
            | Shuffle()
            | Upsample()
            | Sigmoid()
            | Multiply()
        ):
            return Shape(op.width, op.size)
        case _:
            assert_never(op)


def output_shape(op: Op) -> Shape:
    """The map that an op leaves; a vector is written as a map of side 1, a list of anchors as a map one pixel wide."""
    match op:
        case Conv():
            return Shape(op.out_width, op.out_size)
        case Linear():
            return Shape(op.out_width, 1)
        case GlobalPool():
            return Shape(op.width, 1)
        case Pool() | Upsample():
            return Shape(op.width, op.out_size)
        case AnchorList():
            return Shape(op.columns, make_size(sum(op.lengths), 1))
        case SqueezeExcite() | Add() | Activate() | Concat() | Slice() | Shuffle() | Sigmoid() | Multiply():
            return Shape(op.width, op.size)
        case _:
            assert_never(op)


def gives_vector(op: Op) -> bool:
    """Whether an op leaves a vector, not a map."""
    return isinstance(op, Linear | GlobalPool)
