"""What Python calls are given, checked before anything is built: each error says what was given and what to give."""

import inspect
from pathlib import Path

from nas.design.architecture import Architecture
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


def check_architecture(value: object) -> None:
    """Raise NasError where a value is no architecture."""
    if not isinstance(value, Architecture):
        raise NasError(f"{value!r}: is no architecture. Make one with nas.network, of a name or a file.")


def _name(value: object) -> str:
    return getattr(value, "__qualname__", None) or repr(value)
