"""Ops as the text of table keys, and back."""

import re
from collections.abc import Iterator
from typing import Any, TypeVar, assert_never, get_args

from nas.design.op import (
    Activate,
    Activation,
    Add,
    Affine,
    AnchorList,
    Concat,
    Conv,
    ConvPadding,
    Gate,
    GlobalPool,
    Linear,
    MapOp,
    Multiply,
    Op,
    Pool,
    PoolPadding,
    Shuffle,
    Sigmoid,
    Slice,
    SqueezeExcite,
    Upsample,
)
from nas.design.size import Size, describe_size, make_size, shorter_side

T = TypeVar("T", bound=str)
_ACT = rf"(linear|{'|'.join(get_args(Activation))})"
_SIZE = r"(\d+(?:x\d+)?)"
_CONV = re.compile(
    rf"conv (\d+)>(\d+) k(\d+) s(\d+) g(\d+)(?: d(\d+))? {_SIZE} {_ACT}"
    r"( tensorflow| none)?( \+bias| \+nothing)?( \+add)?"
)
_LINEAR = re.compile(rf"linear (\d+)>(\d+) {_ACT}( \+norm)?")
_SE = re.compile(rf"se (\d+)>(\d+) {_SIZE}( sigmoid)?")
_PLAIN = re.compile(rf"(pool|add|sigmoid) (\d+) {_SIZE}")
_POOL = re.compile(rf"(max|average) (\d+) k{_SIZE} s{_SIZE} {_SIZE}( none| ceil)?")
_ACTIVATE = re.compile(rf"act (\d+) {_SIZE} {_ACT}")
_CONCAT = re.compile(rf"concat (\d+(?:\+\d+)+) {_SIZE}")
_SLICE = re.compile(rf"slice (\d+)>(\d+) at(\d+) {_SIZE}")
_SHUFFLE = re.compile(rf"shuffle (\d+) g(\d+) {_SIZE}")
_UPSAMPLE = re.compile(rf"upsample (\d+) {_SIZE}>{_SIZE}")
_MULTIPLY = re.compile(rf"multiply (\d+) {_SIZE} by {_SIZE}")
_ANCHORS = re.compile(r"anchors (\d+) (\d+@\d+(?:x\d+)?(?:\+\d+@\d+(?:x\d+)?)*)")
# What a layer ends with is spelt where it is not a norm.
_AFFINE: dict[Affine, str] = {"norm": "", "bias": " +bias", "none": " +nothing"}


def spell_op(op: Op) -> str:
    """All that matters for an op's time."""
    size = "" if isinstance(op, Linear) else describe_size(op.size)
    match op:
        case Conv() | SqueezeExcite() | Linear():
            return _spell_layer(op, size)
        case Add():
            return f"add {op.width} {size}"
        case GlobalPool():
            return f"pool {op.width} {size}"
        case Activate():
            return f"act {op.width} {size} {op.activation}"
        case Pool():
            end = "" if op.padding == "symmetric" else f" {op.padding}"
            return f"{op.kind} {op.width} k{describe_size(op.kernel)} s{describe_size(op.stride)} {size}{end}"
        case Concat():
            return f"concat {'+'.join(map(str, op.widths))} {size}"
        case Slice():
            return f"slice {op.in_width}>{op.width} at{op.first} {size}"
        case Shuffle():
            return f"shuffle {op.width} g{op.groups} {size}"
        case Upsample() | Sigmoid() | Multiply() | AnchorList():
            return _spell_map_op(op, size)
        case _:
            assert_never(op)


def _spell_layer(op: Conv | SqueezeExcite | Linear, size: str) -> str:
    match op:
        case Conv():
            apart = "" if op.dilation == 1 else f" d{op.dilation}"
            end = ("" if op.padding == "symmetric" else f" {op.padding}") + _AFFINE[op.affine]
            start = f"conv {op.in_width}>{op.out_width} k{op.kernel} s{op.stride} g{op.groups}{apart}"
            return f"{start} {size} {op.activation or 'linear'}{end}"
        case SqueezeExcite():
            return f"se {op.width}>{op.inner} {size}" + ("" if op.gate == "hsigmoid" else f" {op.gate}")
        case Linear():
            end = " +norm" if op.affine == "norm" else ""
            return f"linear {op.in_width}>{op.out_width} {op.activation or 'linear'}{end}"
        case _:
            assert_never(op)


def _spell_map_op(op: MapOp, size: str) -> str:
    match op:
        case Upsample():
            return f"upsample {op.width} {size}>{describe_size(op.out_size)}"
        case Sigmoid():
            return f"sigmoid {op.width} {size}"
        case Multiply():
            return f"multiply {op.width} {size} by {describe_size(op.gate_size)}"
        case AnchorList():
            maps = (f"{width}@{describe_size(size)}" for width, size in zip(op.widths, op.sizes, strict=True))
            return f"anchors {op.columns} {'+'.join(maps)}"
        case _:
            assert_never(op)


def parse_ops(key: str) -> tuple[Op, ...]:
    """What `spell_op` made the text of; a convolution may have a sum behind it. Empty where it is no op's."""
    if found := _CONV.fullmatch(key):
        return _parse_conv(found)
    if found := _LINEAR.fullmatch(key):
        return (Linear(int(found[1]), int(found[2]), _activation(found[3]), "norm" if found[4] else "bias"),)
    if found := _SE.fullmatch(key):
        gate: Gate = _named(found[4], get_args(Gate), "hsigmoid")
        return (SqueezeExcite(int(found[1]), int(found[2]), _size(found[3]), gate),)
    if found := _PLAIN.fullmatch(key):
        kind = GlobalPool if found[1] == "pool" else Add if found[1] == "add" else Sigmoid
        return (kind(int(found[2]), _size(found[3])),)
    return _parse_moving(key) or _parse_map_op(key)


def _parse_conv(found: re.Match[str]) -> tuple[Op, ...]:
    into, out, kernel, stride, groups, apart = (int(text or 1) for text in found.groups()[:6])
    padding: ConvPadding = _named(found[9], get_args(ConvPadding), "symmetric")
    affine = next(name for name, text in _AFFINE.items() if text == (found[10] or ""))
    conv = Conv(into, out, kernel, stride, groups, _size(found[7]), _activation(found[8]), padding, affine, apart)
    return (conv, Add(out, conv.out_size)) if found[11] and stride else (conv,)


def _parse_moving(key: str) -> tuple[Op, ...]:
    """Ops without weights that came after the first ones."""
    if found := _POOL.fullmatch(key):
        kernel, stride, size = map(_size, found.groups()[2:5])
        padding: PoolPadding = _named(found[6], get_args(PoolPadding), "symmetric")
        pool = Pool("max" if found[1] == "max" else "average", int(found[2]), kernel, stride, size, padding)
        return (pool,) if shorter_side(stride) else ()
    if (found := _ACTIVATE.fullmatch(key)) and (activation := _activation(found[3])):
        return (Activate(int(found[1]), _size(found[2]), activation),)
    if found := _CONCAT.fullmatch(key):
        return (Concat(tuple(map(int, found[1].split("+"))), _size(found[2])),)
    if found := _SLICE.fullmatch(key):
        into, width, first = map(int, found.groups()[:3])
        return (Slice(into, first, width, _size(found[4])),)
    if found := _SHUFFLE.fullmatch(key):
        return (Shuffle(int(found[1]), int(found[2]), _size(found[3])),)
    return ()


def _parse_map_op(key: str) -> tuple[Op, ...]:
    if found := _UPSAMPLE.fullmatch(key):
        return (Upsample(int(found[1]), _size(found[2]), _size(found[3])),)
    if found := _MULTIPLY.fullmatch(key):
        return (Multiply(int(found[1]), _size(found[2]), _size(found[3])),)
    if found := _ANCHORS.fullmatch(key):
        widths, sizes = zip(*(one.split("@") for one in found[2].split("+")), strict=True)
        return (AnchorList(int(found[1]), tuple(map(int, widths)), tuple(map(_size, sizes))),)
    return ()


def _size(text: str) -> Size:
    """Of a part of a key; another spelling of a square is none of a key's, which is compared in the end."""
    height, _, width = text.partition("x")
    return make_size(int(height), int(width or height))


def _named(text: str | None, names: tuple[T, ...], usual: T) -> T:
    return next((name for name in names if text == f" {name}"), usual)


def is_possible(op: Op) -> bool:
    """Whether all counts of an op are positive, its groups divide its widths, and something is left of its map."""
    counts = (getattr(op, name) for name in op.__struct_fields__ if name != "first")
    if min(_numbers(tuple(counts))) < 1:
        return False
    match op:
        case Conv():
            return op.in_width % op.groups == op.out_width % op.groups == 0 and shorter_side(op.out_size) > 0
        case Pool():
            return shorter_side(op.out_size) > 0
        case Slice():
            return op.first + op.width <= op.in_width
        case Shuffle():
            return op.width % op.groups == 0
        case Multiply():
            return op.gate_size in (op.size, 1)
        case AnchorList():
            return all(width % op.columns == 0 for width in op.widths)
        case _:
            return True


def _numbers(value: Any) -> Iterator[int]:
    """All that are in it."""
    if isinstance(value, int):
        yield value
    elif isinstance(value, tuple):
        for one in value:
            yield from _numbers(one)


def _activation(text: str) -> Activation | None:
    return next((name for name in get_args(Activation) if name == text), None)
