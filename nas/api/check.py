"""What Python calls are given, checked before anything is built: each error says what was given and what to give."""

import inspect
import math
from collections.abc import Iterable
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from nas.api.options.resolution import parse_one
from nas.design.architecture import Architecture
from nas.design.size import Size
from nas.design.space import SearchSpace, load_space
from nas.errors import NasError


def check_callable(name: str, value: object, arguments: int, what: str) -> None:
    """Raise NasError where a value is none, or cannot be called with so many arguments; `what` it should be."""
    if not callable(value) or isinstance(value, type):
        raise NasError(f"{name}={value!r}: is no function. Give {what}.")
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):  # of some built-in functions nothing is known
        return
    try:
        signature.bind(*([None] * arguments))
    except TypeError as error:
        raise NasError(f"{name}={_name(value)}: cannot be called with {arguments} values. Give {what}.") from error


def check_text(name: str, value: object, what: str) -> None:
    """Raise NasError where a value is neither text nor a path."""
    if not isinstance(value, str | Path):
        raise NasError(f"{name}={value!r}: is no {what}.")


def check_network(name: str, value: object) -> None:
    """Raise NasError where a value is neither an architecture nor text nor a path that names one."""
    if isinstance(value, Architecture):
        check_architecture(value)
    else:
        check_text(name, value, "network: give a name, a file, or what nas.network returns")


def check_architecture(value: object) -> None:
    """Raise NasError where a value is no architecture, or one that breaks a rule."""
    if not isinstance(value, Architecture):
        raise NasError(f"{value!r}: is no architecture. Make one with nas.network, of a name or a file.")
    _check_rules("network", value)


def read_space(space: object) -> SearchSpace:
    """Return a space by its name or file, or the one given; raises NasError for what is none or breaks a rule."""
    if isinstance(space, SearchSpace):
        _check_rules("space", space)
        return space
    check_text("space", space, "space: give a name, a TOML file, or what nas.load_space returns")
    return load_space(str(space))


def _check_rules(what: str, value: Struct) -> None:
    """Raise NasError for a value whose fields break a rule: a struct that is made in Python is not checked."""
    try:
        msgspec.convert(msgspec.to_builtins(value), type(value))
    except (msgspec.ValidationError, TypeError) as error:
        raise NasError(f"The {what} breaks a rule: {error}.") from error


def check_whole(name: str, value: Any, least: int, most: int = 2**63 - 1) -> int:
    """Return the value; raises NasError if it is no whole number between these bounds."""
    if isinstance(value, bool) or not isinstance(value, Integral) or not least <= int(value) <= most:
        upper = "or more" if most == 2**63 - 1 else f"to {most}"
        raise NasError(f"{name}={value!r}: give a whole number, {least} {upper}.")
    return int(value)


def check_above_zero(name: str, value: Any) -> float:
    """Return the value; raises NasError if it is no finite number above zero."""
    if isinstance(value, bool) or not isinstance(value, Real) or not (math.isfinite(value) and float(value) > 0):
        raise NasError(f"{name}={value!r}: give a number above zero.")
    return float(value)


def plain_number(value: Any) -> Any:
    """Return a number or truth value of another library, like NumPy's, as Python's own; anything else as it is."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else value


def spell_targets(target: Any) -> str:
    """Return latencies as the command line spells them; raises NasError for what is none."""
    if not isinstance(target, str | Real | Iterable) or isinstance(target, bool):
        raise NasError(f"target_latency={target!r}: is no latency. Give one like '15ms' or 15.0, or several in a list.")
    several = [target] if isinstance(target, str | Real) else list(target)
    if not several:
        raise NasError("target_latency is empty: give a latency like '15ms', or several.")
    if wrong := [one for one in several if isinstance(one, bool) or not isinstance(one, str | Real)]:
        raise NasError(f"target_latency: {wrong[0]!r} is no latency. Give one like '15ms' or 15.0.")
    return ",".join(one if isinstance(one, str) else f"{float(one):g}ms" for one in several)


def spell_resolution(value: Any) -> str | None:
    """Return a resolution, or several, as the command line spells it; raises NasError for what is none.

    A tuple of two numbers is one resolution, (height, width); any other iterable holds several.

    >>> spell_resolution(224), spell_resolution((192, 320)), spell_resolution([96, (96, 160), "64x64"])
    ('224', '192x320', '96,96x160,64x64')
    """
    if value is None:
        return None
    if _is_pair(value) or not isinstance(value, Iterable):
        return _spell_size(value, value)
    several = [value] if isinstance(value, str) else list(value)
    if not several:
        raise NasError("resolution is empty: give one like 224, '192x320' or (192, 320).")
    return ",".join(_spell_size(one, value) for one in several)


def read_resolution(value: Any, least: int) -> Size:
    """Return one resolution given in Python; raises NasError for what is none, and for sides below `least`."""
    return parse_one(_spell_size(value, value), least=least)


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(map(_is_whole, value))


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _spell_size(one: Any, value: Any) -> str:
    if isinstance(one, str):
        return one
    if not _is_whole(one) and not _is_pair(one):
        raise NasError(
            f"resolution={value!r}: is no size in pixels. Give the side of a square, (height, width), a text like "
            "'192x320' or '160,192,224', or 'auto'."
        )
    return str(int(one)) if _is_whole(one) else f"{int(one[0])}x{int(one[1])}"


def _name(value: object) -> str:
    return getattr(value, "__qualname__", None) or repr(value)
