"""What the values of class images mean: which are classes, and which is void."""

from collections.abc import Mapping

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nas.errors import InvalidData
from nas.tasks.segmentation.colours import is_void_name
from nas.tasks.segmentation.sample import VOID, Mask

_USUAL_VOID = 255  # of Pascal VOC, Cityscapes and what follows them
_SUSPECTED_SHARE = 0.001
_UNNAMED = "Nothing names the classes (classes.txt, class_dict.csv); they are called by their values."


class Coding(Struct, frozen=True):
    """The number of the class of each value of a class image (VOID: void), the names of the classes, and notes."""

    numbers: Mapping[int, int]
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def translate(self, values: NDArray[np.uint8]) -> Mask | None:
        """Return the classes of values; None if one of them is no class."""
        table = np.full(256, -1, dtype=np.int16)
        for value, number in self.numbers.items():
            table[value] = number
        found = table[values]
        return None if (found < 0).any() else found.astype(np.uint8)


def choose_coding(counts: NDArray[np.int64], names: tuple[str, ...], void: int | None) -> Coding:
    """Return what values mean by how many pixels have each, [256], the names of classes, if known, and `--void`.

    Void is what `--void` says, else 255 and every value whose name is like "void". If the only values are 0 and 255,
    they are two classes. Raises InvalidData if a value has no name.
    """
    values = [int(value) for value in np.flatnonzero(counts)]
    named_void = {place for place, name in enumerate(names) if is_void_name(name)}
    if void is None and values == [0, _USUAL_VOID]:
        return _binary(names)
    voids = {void} if void is not None else {_USUAL_VOID} | named_void
    known = [value for value in values if value not in voids]
    if not known:
        raise InvalidData(f"all pixels of the masks are {values[0]}, which is void: there is nothing to learn.")
    notes = _note_void(counts, values, voids, void)
    return _named(known, names, voids, notes) if names else _unnamed(known, voids, notes)


def _binary(names: tuple[str, ...]) -> Coding:
    note = "The masks hold 0 and 255 only: 255 is taken as the second class, not as void (--void 255 makes it void)."
    return Coding({0: 0, _USUAL_VOID: 1}, names if len(names) == 2 else ("background", "foreground"), (note,))


def _named(known: list[int], names: tuple[str, ...], voids: set[int], notes: tuple[str, ...]) -> Coding:
    if max(known) >= len(names):
        shifted = " They seem to count from 1: 0 never occurs." if min(known) == 1 and max(known) == len(names) else ""
        raise InvalidData(
            f"the masks hold the values {_listed(known)}, but {len(names)} classes are named, 0 to {len(names) - 1}."
            f"{shifted} Name every value, or say which one is void: --void {max(known)}."
        )
    kept = [value for value in range(len(names)) if value not in voids]
    return Coding(_number(kept, voids), tuple(names[value] for value in kept), notes)


def _unnamed(known: list[int], voids: set[int], notes: tuple[str, ...]) -> Coding:
    """Return the coding of values without names: all between those that occur, or only those if most do not."""
    dense = max(known) - min(known) + 1 <= 2 * len(known)
    kept = [value for value in range(min(known), max(known) + 1) if value not in voids] if dense else known
    gaps = () if dense else (f"Values of the masks have gaps ({_listed(known)}); classes are numbered by their order.",)
    return Coding(_number(kept, voids), tuple(map(str, kept)), (*notes, *gaps, _UNNAMED))


def _number(kept: list[int], voids: set[int]) -> dict[int, int]:
    return dict.fromkeys(voids, VOID) | {value: number for number, value in enumerate(kept)}


def _note_void(counts: NDArray[np.int64], values: list[int], voids: set[int], void: int | None) -> tuple[str, ...]:
    """Return a sentence that says what is void, or what may be."""
    if void is not None:
        return (f"{void} is void, as --void says{'' if void in values else ', but no pixel has that value'}.",)
    if found := [value for value in values if value in voids]:
        return (f"{_listed(found)} {'is' if len(found) == 1 else 'are'} void.",)
    last, share = values[-1], counts[values[-1]] / counts.sum()
    note = f"No pixel is 255, so none is void. If {last} ({share:.1%} of the pixels) means void, say --void {last}."
    return (note,) if len(values) > 2 and share > _SUSPECTED_SHARE else ()


def _listed(values: list[int]) -> str:
    shown = ", ".join(map(str, values[:12]))
    return f"{shown}, ... {values[-1]}" if len(values) > 12 else shown
